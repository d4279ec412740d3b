"""Receipts on a medium that goes ashore: each is copied to MEDIUM/unrep-out, and stays in the outbox [A-188].

The copy may never arrive, so nothing is removed here. Whoever takes receipts in knows one by its site and number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.audit.outbox import waiting
from apply.audit.receipt_folder import put_receipt
from apply.errors import SiteInvalid
from apply.site import durable
from apply.site.layout import Site
from bundle.host.directories import Directory
from bundle.host.files import ForeignFile, make_directory, read_plain
from bundle.receipts.receipt import MAX_RECEIPT_BYTES

FOLDER: Final = "unrep-out"


@dataclass(frozen=True)
class Carried:
    """`copied`: so many receipts that the medium had not; `there`: so many more that it had."""

    folder: Path
    copied: int = 0
    there: int = 0


def carry_receipts(site: Site, medium: Path) -> Carried:
    """Copies what waits in the outbox. Every copy is durable on return.

    Raises SiteInvalid for a folder that is a link or a file; StorageFailed or DiskFull for a medium that takes no more:
    what is on it by then is whole.
    """
    folder, receipts = medium / FOLDER, waiting(site)
    if not receipts:
        return Carried(folder)
    with durable.storage_errors(folder):
        try:
            if make_directory(folder):
                durable.sync_directory(medium)
            opened = Directory.open(folder)
        except ForeignFile as error:
            raise SiteInvalid(f"{folder}: a link or a file stands there; move it away") from error
        with opened as place:
            copied = sum(put_receipt(place, path.name, read_plain(path, MAX_RECEIPT_BYTES)) for path in receipts)
    return Carried(folder, copied, len(receipts) - copied)
