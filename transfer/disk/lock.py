"""One fetch at a time into one file [T-13]: a lock of the system on a file beside it, which names the holder.

The system lets go of it when the process ends, however it ends, so no lock is ever stale.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bundle.host.files import ForeignFile
from bundle.host.locks import open_lock, say_who, try_lock, who
from transfer.disk.partial import storage_errors
from transfer.errors import OutputBusy, OutputRefused

_REMOVAL_PATIENCE_S = 1.0


@contextmanager
def output_lock(output: Path, doing: str = "fetching into") -> Iterator[None]:
    """Holds the lock of an output. Raises OutputBusy, naming who holds it, `doing` what; OutputRefused or DiskFull."""
    path = output.with_name(output.name + ".lock")
    with storage_errors(path):
        if not output.parent.is_dir():
            raise OutputRefused(f"{output.parent}: no such directory; make it first")
        file = _acquire(path, f"{doing} it", output)
    try:
        yield
    finally:
        with suppress(OSError):  # one that stays is no lock, once it is not held
            if sys.platform != "win32":
                path.unlink()  # while it is held: whoever waits for the old file sees that it has no name
        file.close()
        with suppress(OSError):  # the next holder has it open already
            if sys.platform == "win32":
                path.unlink()


def _acquire(path: Path, what: str, output: Path) -> BinaryIO:
    while True:
        file = _open(path)
        try:
            try_lock(file)
            if _is_named(file, path):
                with suppress(OSError):  # on a full disk the lock holds all the same, without its holder's number
                    say_who(file, f"{os.getpid()}\n".encode())
                return file
        except BlockingIOError as error:
            number = who(file, 20).decode("ascii", "replace").strip() or "unknown"
            file.close()
            raise OutputBusy(f"{output}: process {number} is {what}; wait until it is done") from error
        except OSError:
            file.close()
            raise
        file.close()  # its holder removed it between our open and our lock


def _open(path: Path) -> BinaryIO:
    """On Windows a file that its holder is just removing cannot be opened, for a moment."""
    deadline = time.monotonic() + _REMOVAL_PATIENCE_S
    while True:
        try:
            return open_lock(path)
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
