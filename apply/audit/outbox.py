"""SITE/.unrep/outbox: receipts on their way ashore, a file each, named by the run's number in the record [A-85].

Whoever carries them takes the files away. Of those that nobody took the newest 256 stay.
"""

from pathlib import Path
from typing import Final

from apply.record.database import RECEIPTS_KEPT, Record
from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence

_SUFFIX: Final = ".receipt"


def post(site: Site, record: Record) -> None:
    """Puts what is not there yet into the outbox, also what a dead run could not. Raises StorageFailed or DiskFull."""
    unposted = record.unposted()
    if not unposted:
        return
    # Each file is durable before the record forgets its receipt. A cut in between writes the same bytes again.
    for number, receipt in unposted:
        durable.write_file(site.outbox / f"{number:08}{_SUFFIX}", receipt)
    record.posted(unposted[-1][0])
    for path in waiting(site)[:-RECEIPTS_KEPT]:
        durable.remove_tree(path)


def waiting(site: Site) -> list[Path]:
    """The receipts in the outbox, the oldest first. Raises StorageFailed."""
    with durable.storage_errors(site.outbox):
        found = site.outbox.iterdir() if presence.is_directory(site.outbox) else ()
        return sorted(path for path in found if path.suffix == _SUFFIX and path.stem.isdigit())
