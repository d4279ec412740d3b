"""Receipts on a medium that goes ashore: each is copied to MEDIUM/unrep-out, and stays in the outbox [A-188].

The copy may never arrive, so nothing is removed here. Whoever takes receipts in knows one by its site and number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.audit.outbox import waiting
from apply.errors import SiteInvalid
from apply.site import durable
from apply.site.layout import Site
from bundle.host.files import PUBLIC, ForeignFile, make_directory, read_plain

FOLDER: Final = "unrep-out"
_MOST_BYTES: Final = 4096  # of a receipt


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
    copied = 0
    with durable.storage_errors(folder):
        try:
            is_new = make_directory(folder)
        except ForeignFile as error:
            raise SiteInvalid(f"{folder}: a link or a file stands there; move it away") from error
        if is_new:
            durable.sync_directory(medium)
        for path in receipts:
            receipt = read_plain(path, _MOST_BYTES)
            target = folder / path.name  # which no two ships on one medium share
            if not _has(target, receipt):
                durable.write_file(target, receipt, PUBLIC)
                copied += 1
    return Carried(folder, copied, len(receipts) - copied)


def _has(path: Path, receipt: bytes) -> bool:
    try:
        return read_plain(path, _MOST_BYTES) == receipt
    except OSError:  # nothing, or nothing that is a file: it is written over
        return False
