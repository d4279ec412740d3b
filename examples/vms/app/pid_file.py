"""Who serves: a file that holds the server's process id and stays locked for as long as the server lives.

The lock, not the number, says that a server runs: the system drops it with the process, however that ends, so
a number that a dead server left behind never leads to the killing of a stranger who was given the same one since.
"""

import os
from pathlib import Path

# Windows locks keep others from reading, so the locked byte lies far behind the number.
LOCKED_BYTE = 4096


def lock(descriptor: int) -> bool:
    """Takes the lock and says whether it was free; it goes when the file is closed."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True


def claim(path: Path) -> bool:
    """Locks the file for the rest of this process's life and writes its id; False when another server holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if not lock(descriptor):
        os.close(descriptor)
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
    return True


def holder(path: Path) -> int | None:
    """The process id of the server that runs, or None when none does."""
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR)
    try:
        return None if lock(descriptor) else int(os.read(descriptor, 32))
    finally:
        os.close(descriptor)
