"""SITE/.unrep/outbox: receipts on their way ashore, a file each, named by site and number [C-12].

Whoever carries them takes the files away. Of those that nobody took the newest RECEIPTS_KEPT stay.
"""

import re
from pathlib import Path
from typing import Final

from apply.record.database import RECEIPTS_KEPT, Record
from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence
from bundle.receipts.gathering import SUFFIX
from bundle.receipts.receipt import claimed_site

OUTBOX: Final = "outbox"  # the way home that every site has
_NAME: Final = re.compile(rf"[0-9a-f]{{16}}-(\d{{8,10}}){re.escape(SUFFIX)}")


def post(site: Site, record: Record) -> None:
    """Puts what is not there yet into the outbox, also what a dead run could not. Raises StorageFailed or DiskFull."""
    unposted = record.undelivered(OUTBOX)
    if not unposted:
        return
    # Each file is durable before the record says so. A cut in between writes the same bytes again.
    for number, receipt in unposted:
        durable.write_file(site.outbox / file_name(number, receipt), receipt)
    record.delivered(OUTBOX, unposted[-1][0])
    for path in waiting(site)[:-RECEIPTS_KEPT]:
        durable.remove_tree(path)


def file_name(number: int, receipt: bytes) -> str:
    """The name of a receipt's file: no two receipts of a fleet share one."""
    return f"{claimed_site(receipt, 'a receipt').hex()}-{number:08}{SUFFIX}"


def waiting(site: Site) -> list[Path]:
    """The receipts in the outbox, the oldest first. Raises StorageFailed."""
    with durable.storage_errors(site.outbox):
        found = site.outbox.iterdir() if presence.is_directory(site.outbox) else ()
        numbered = ((_NAME.fullmatch(path.name), path) for path in found)
        return [path for _, path in sorted((int(match[1]), path) for match, path in numbered if match)]
