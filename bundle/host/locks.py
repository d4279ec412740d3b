"""A lock of the operating system on a file of its own. It ends with the process that holds it, so none is ever stale.

Only its owner can open the file. Any account that could read it could hold the lock, too [A-111].
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bundle.host.files import PRIVATE, closed_on_error, reopen_or_create, set_mode

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # a lock of Windows keeps others from reading: this byte lies behind the holder's name

    def try_lock(file: BinaryIO) -> None:
        """Takes the lock. Raises BlockingIOError if another process has it."""
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:  # it fails for no other reason; its number is access denied, and with Wine any
            raise BlockingIOError(error.errno, "locked by another process") from error
else:
    import fcntl

    def try_lock(file: BinaryIO) -> None:
        """Takes the lock. Raises BlockingIOError if another process has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_lock(path: Path) -> BinaryIO:
    """The file of a lock, made if it is not there, closed to other accounts. Raises ForeignFile, OSError."""
    file, _ = reopen_or_create(path, PRIVATE)
    with closed_on_error(file):
        if os.name == "posix" and os.fstat(file.fileno()).st_uid == os.geteuid():
            set_mode(file.fileno(), PRIVATE)
    return file


def say_who(file: BinaryIO, text: bytes) -> None:
    """Writes who holds the lock, for those who find it taken. Raises OSError."""
    file.seek(0)
    file.truncate()
    file.write(text)


def who(file: BinaryIO, max_bytes: int) -> bytes:
    """What the holder wrote; nothing if that cannot be read, for the lock is taken all the same."""
    with suppress(OSError):
        file.seek(0)
        return file.read(max_bytes)
    return b""
