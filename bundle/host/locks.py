"""A lock of the operating system on a file of its own. It ends with the process that holds it, so none is ever stale.

The file says who holds it. Only its owner can open it: any account that could read it could hold the lock, too [A-111].
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from bundle.host.files import PRIVATE, ForeignFile, closed_on_error, reopen_or_create, set_mode

MAX_HOLDER_BYTES: Final = 512
_REMOVAL_PATIENCE_S: Final = 1.0

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # a lock of Windows keeps others from reading: this byte lies behind the holder's name

    def _try_lock(file: BinaryIO) -> None:
        """Takes the lock. Raises BlockingIOError if another process has it."""
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:  # it fails for no other reason; its number is access denied, and with Wine any
            raise BlockingIOError(error.errno, "locked by another process") from error
else:
    import fcntl

    def _try_lock(file: BinaryIO) -> None:
        """Takes the lock. Raises BlockingIOError if another process has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockTaken(Exception):
    """Another process holds the lock. `holder`: what it wrote of itself; nothing where that cannot be read."""

    def __init__(self, path: Path, holder: bytes) -> None:
        super().__init__(f"{path}: held by {holder.decode(errors='replace') or 'another process'}")
        self.holder = holder


@contextmanager
def held(path: Path, holder: bytes, *, remove: bool = False) -> Iterator[None]:
    """Holds the lock, whose file is made if it is not there, closed to other accounts.

    `holder`: what others may read of who holds it, at most MAX_HOLDER_BYTES; on a full disk the lock holds all the
    same, without it. `remove`: the file goes when the lock is let go of, for a lock beside what it guards.

    Raises LockTaken, ForeignFile, OSError.
    """
    file = _acquired(path, may_vanish=remove)
    try:
        with suppress(OSError):
            _write_holder(file, holder)
        yield
    finally:
        if remove and sys.platform != "win32":
            _remove(path)  # while it is held: whoever waits for the old file sees that it has no name
        file.close()
        if remove and sys.platform == "win32":
            _remove(path)


def _acquired(path: Path, *, may_vanish: bool) -> BinaryIO:
    while True:
        file = _opened_in_time(path) if may_vanish else _opened(path)
        with closed_on_error(file):
            try:
                _try_lock(file)
            except BlockingIOError as error:
                raise LockTaken(path, _read_holder(file)) from error
            if not may_vanish or _is_named(file, path):
                return file
        file.close()  # its holder removed it between our open and our lock


def _opened(path: Path) -> BinaryIO:
    file, _ = reopen_or_create(path, PRIVATE)
    with closed_on_error(file):
        if os.name == "posix" and os.fstat(file.fileno()).st_uid == os.geteuid():
            set_mode(file.fileno(), PRIVATE)
    return file


def _opened_in_time(path: Path) -> BinaryIO:
    """On Windows a file that its holder is just removing cannot be opened, for a moment."""
    deadline = time.monotonic() + _REMOVAL_PATIENCE_S
    while True:
        try:
            return _opened(path)
        except ForeignFile:
            raise
        except OSError:  # of no certain number: the C library tells access denied, and Wine's tells nothing
            if sys.platform != "win32" or time.monotonic() >= deadline:
                raise
        time.sleep(0.001)


def _is_named(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    with suppress(
        OSError
    ):  # one that stays is no lock once it is not held; on Windows the next holder may have it open
        path.unlink()


def _write_holder(file: BinaryIO, text: bytes) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)


def _read_holder(file: BinaryIO) -> bytes:
    with suppress(OSError):
        file.seek(0)
        return file.read(MAX_HOLDER_BYTES)
    return b""
