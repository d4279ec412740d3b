"""The records of a site's runs as they are read by people and programs, and whether anybody tampered with them.

Whoever changes the record on purpose can make a new chain, but cannot change receipts. Those still in the outbox are
compared with the record here, and those ashore by whoever has them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from apply.audit.outbox import waiting
from apply.errors import RecordBroken, StorageFailed
from apply.record.chain import ChainCheck, Link
from apply.record.database import open_runs
from apply.record.recorded_run import RecordedRun
from apply.site import durable
from apply.site.layout import Site
from bundle.errors import BundleError
from bundle.host import presence
from bundle.host.files import read_plain
from bundle.receipts.receipt import MAX_RECEIPT_BYTES, Receipt, open_receipt
from bundle.receipts.site_keys import load_site_public_key


@dataclass(frozen=True)
class History:
    """links: the latest runs, the oldest of them first. broken: where the record was tampered with, "" if nowhere.

    pruned: the number of the last run whose record is no longer kept.
    """

    links: list[Link]
    broken: str
    pruned: int = 0

    def check(self) -> None:
        """Raises RecordBroken."""
        if self.broken:
            raise RecordBroken(self.broken)


def read_history(site: Site, limit: int, each: Callable[[RecordedRun], None] = lambda run: None) -> History:
    """Reads and checks all records [A-80]. `each` is called with every run; the history holds the latest.

    Raises StorageFailed or SiteInvalid.
    """
    receipts, unreadable = _receipts(site)
    heads = {receipt.record: "" for receipt in receipts}
    latest: deque[Link] = deque(maxlen=limit)
    with open_runs(site) as runs:
        pruned = runs.pruned
        check = ChainCheck(pruned.number, pruned.head) if pruned else ChainCheck()
        if pruned and pruned.number in heads:
            heads[pruned.number] = pruned.head
        for link in runs.links:
            check.follow(link)
            latest.append(link)
            if run := link.run():
                each(run)
            if link.number in heads:
                heads[link.number] = link.head
        check.end(runs.last_number)
        broken = check.broken if runs.chained else ""
    # Whoever makes the whole chain anew leaves no break in it, but the receipts signed before still differ.
    if not broken:
        first = pruned.number if pruned else 0  # of a run that was pruned before the last, no head is known any more
        wrong = [r.record for r in receipts if r.record >= first and not heads[r.record].startswith(r.head.hex())]
        broken = f"record {wrong[0]} is not the one that its receipt was signed for" if wrong else unreadable
    told = f"{site.state_file}: {broken}" if broken else ""
    return History(list(latest), told, pruned.number if pruned else 0)


def _receipts(site: Site) -> tuple[list[Receipt], str]:
    """The receipts in the outbox, and what is wrong with one of them, as a clause."""
    receipts: list[Receipt] = []
    broken = ""
    paths = waiting(site)
    if not paths:
        return [], ""
    try:
        key = load_site_public_key(site.public_key_file)
    except BundleError as error:
        return [], f"its receipts cannot be checked: {error}"
    for path in paths:
        try:
            with durable.storage_errors(path):
                opened = open_receipt(read_plain(path, MAX_RECEIPT_BYTES + 1), {key.key_id: key}, path.name)
            receipts.append(opened.receipt)
        except BundleError as error:
            broken = broken or f"a receipt of it is none: {error}"
        except StorageFailed:
            if presence.exists(path):  # else somebody has carried it away
                raise
    return receipts, broken
