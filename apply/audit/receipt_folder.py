"""Receipts in a folder on their way ashore, on a stick or a share: each appears whole, and lasts [A-147], [A-188]."""

import errno
from contextlib import suppress

from bundle.host.directories import Directory
from bundle.host.files import PUBLIC, ForeignFile, write_all
from bundle.receipts.receipt import MAX_RECEIPT_BYTES


def put_receipt(place: Directory, name: str, receipt: bytes) -> bool:
    """Puts a receipt into a folder, durable on return. Returns False for one that stood there already.

    Raises OSError, for a full disk among others; then nothing of it is left. A link in its place leads nowhere: it is
    written over, as is what a cut left.
    """
    if _stands(place, name, receipt):
        return False
    arriving = f"{name}.part"
    with suppress(FileNotFoundError):
        place.unlink(arriving)
    try:
        with place.create(arriving, PUBLIC) as file:
            write_all(file, receipt)
        place.sync_file(arriving)
        place.move(arriving, place, name)
    except OSError:
        with suppress(OSError):
            place.unlink(arriving)
        raise
    try:
        place.sync()
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a share may not be able to
            raise
    return True


def _stands(place: Directory, name: str, receipt: bytes) -> bool:
    try:
        with place.read(name) as file:
            return file.read(MAX_RECEIPT_BYTES + 1) == receipt
    except (FileNotFoundError, ForeignFile):
        return False
