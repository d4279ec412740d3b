"""The ways of receipts ashore: a directory, such as a stick or a share, and a server that takes them by POST [A-147].

Each way gives the numbers that were taken, one after the other, so that what was taken stays so if the way breaks.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from apply.audit.outbox import file_name
from apply.audit.receipt_folder import put_receipt
from bundle.host.directories import Directory
from bundle.host.files import ForeignFile
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
            put_receipt(place, file_name(number, receipt), receipt)
            yield number


def to_address(url: str, access: Access, receipts: Numbered) -> Iterator[int]:
    """Posts receipts to a server, each as a request. Raises TransferError."""
    with Posting(url, access, POST_TOTAL_S) as server:
        for number, receipt in receipts:
            server.post(receipt, CONTENT_TYPE)
            yield number
