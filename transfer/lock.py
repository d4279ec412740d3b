"""One fetch at a time into one file [T-13]: a lock of the system on a file beside it, which names the holder.

The system lets go of it when the process ends, however it ends, so no lock is ever stale.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transfer.errors import OutputBusy, OutputRefused
from transfer.partial import storage_errors

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # locks of Windows keep others from reading: this byte is behind the holder's number

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:  # it fails for no other reason; its number is access denied, and with Wine any
            raise BlockingIOError(error.errno, "locked by another process") from error
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_REMOVAL_PATIENCE_S = 1.0


@contextmanager
def output_lock(output: Path, doing: str = "fetching into") -> Iterator[None]:
    """Holds the lock of an output. Raises OutputBusy, naming who holds it, `doing` what; OutputRefused or DiskFull."""
    path = output.with_name(output.name + ".lock")
    with storage_errors(path):
        if not output.parent.is_dir():
            raise OutputRefused(f"{output.parent}: no such directory; make it first")
        descriptor = _acquire(path, f"{doing} it", output)
    try:
        yield
    finally:
        with suppress(OSError):  # one that stays is no lock, once it is not held
            if sys.platform != "win32":
                path.unlink()  # while it is held: whoever waits for the old file sees that it has no name
        os.close(descriptor)
        with suppress(OSError):  # the next holder has it open already
            if sys.platform == "win32":
                path.unlink()


def _acquire(path: Path, what: str, output: Path) -> int:
    while True:
        descriptor = _open(path)
        try:
            _try_lock(descriptor)
            if _is_named(descriptor, path):
                with suppress(OSError):  # on a full disk the lock holds all the same, without its holder's number
                    os.ftruncate(descriptor, 0)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BlockingIOError as error:
            number = _holder(descriptor)
            os.close(descriptor)
            raise OutputBusy(f"{output}: process {number} is {what}; wait until it is done") from error
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it between our open and our lock


def _open(path: Path) -> int:
    """On Windows a file that its holder is just removing cannot be opened, for a moment."""
    deadline = time.monotonic() + _REMOVAL_PATIENCE_S
    while True:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:  # of no certain number: the C library tells access denied, and Wine's tells nothing
            if sys.platform != "win32" or time.monotonic() >= deadline:
                raise
        time.sleep(0.001)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
