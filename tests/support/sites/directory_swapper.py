"""An account aboard that swaps a directory of its own for a link to a place that is not its own, as fast as it can.

The swap is one step, renameat2(2) with RENAME_EXCHANGE, so at any moment either stands there. Linux only.
"""

import contextlib
import ctypes
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534
_EXCHANGE = 2
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
Snapshot = dict[str, tuple[int, int, int, int, bytes]]


@contextlib.contextmanager
def racing(directory: Path, link: Path) -> Iterator[None]:
    """While it lasts, the directory and the link change places; by nobody, where this is root.

    A fork, for the account need not be able to read this Python.
    """
    ready, child_is_ready = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            _swap_for_ever(directory, link, child_is_ready)
        finally:
            os._exit(1)
    os.close(child_is_ready)
    try:
        assert os.read(ready, 1), "the racing process could not begin"
        yield
    finally:
        os.close(ready)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def give_to_nobody(directory: Path) -> None:
    """Makes it, and all below, the other account's own, where this is root."""
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def seen(top: Path) -> Snapshot:
    """Everything about a directory that may be changed: names, kinds and modes, owners, times, bytes."""
    found = {}
    for path in (top, *sorted(top.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(top))] = (
            status.st_mode,
            status.st_uid,
            status.st_ino,
            status.st_mtime_ns,
            content,
        )
    return found


def _swap_for_ever(directory: Path, link: Path, ready: int) -> None:
    here, there = os.open(directory.parent, os.O_RDONLY), os.open(link.parent, os.O_RDONLY)
    names = os.fsencode(directory.name), os.fsencode(link.name)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.write(ready, b"!")
    while True:  # it is killed
        _LIBC.renameat2(here, names[0], there, names[1], _EXCHANGE)  # type: ignore[union-attr]
