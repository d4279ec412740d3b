"""The ways of receipts ashore: a directory, such as a stick or a share, and a server that takes them by POST [A-147].

Each way gives the numbers that were taken, one after the other, so that what was taken stays so if the way breaks.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from apply.audit.outbox import file_name
from bundle.host.directories import Directory
from bundle.host.files import PUBLIC, ForeignFile, write_all
from bundle.receipts.receipt import MAX_RECEIPT_BYTES
from transfer.links.access import Access
from transfer.links.posting import Posting

CONTENT_TYPE: Final = "application/vnd.unrep.receipt"
MAX_AT_ONCE: Final = 64
POST_TOTAL_S: Final = 60.0

Numbered = Sequence[tuple[int, bytes]]


class WayClosed(Exception):
    """Nothing can go this way now, which is no fault: the stick is not there."""


def into_directory(folder: Path, receipts: Numbered) -> Iterator[int]:
    """Puts receipts into a folder that a person has made there: else an empty mount point would swallow them.

    Raises WayClosed while there is no such folder, OSError for a link in its place, or a full disk.
    """
    try:
        opened = Directory.open(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, ForeignFile):
            raise
        raise WayClosed(f"{folder}: is not there") from error
    with opened as place:
        for number, receipt in receipts:
            name = file_name(number, receipt)
            if not _stands(place, name, receipt):
                _write(place, name, receipt)
            yield number


def to_address(url: str, access: Access, receipts: Numbered) -> Iterator[int]:
    """Posts receipts to a server, each as a request. Raises TransferError."""
    with Posting(url, access, POST_TOTAL_S) as server:
        for number, receipt in receipts:
            server.post(receipt, CONTENT_TYPE)
            yield number


def _stands(place: Directory, name: str, receipt: bytes) -> bool:
    """Whether it is there already: a cut may have come before that was on record."""
    try:
        with place.read(name) as file:
            return file.read(MAX_RECEIPT_BYTES + 1) == receipt
    except FileNotFoundError:
        return False


def _write(place: Directory, name: str, receipt: bytes) -> None:
    arriving = f"{name}.part"
    with suppress(FileNotFoundError):
        place.unlink(arriving)
    with place.create(arriving, PUBLIC) as file:
        write_all(file, receipt)
    place.sync_file(arriving)
    place.move(arriving, place, name)
    with suppress(OSError):  # a share may not be able to
        place.sync()
