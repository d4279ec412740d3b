"""One run at a time works on a site [A-4]: a lock of the operating system, so that none is ever left by a dead run.

The file says who holds it. On Windows a lock keeps others from reading the locked bytes, so the locked byte lies far
behind the text.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from apply import durable
from apply.errors import SiteBusy
from apply.site import Site

_MAX_HOLDER_BYTES = 512

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def site_lock(site: Site, command: str) -> AbstractContextManager[None]:
    """Holds the site while `command` works on it. Raises SiteBusy, which says who does; StorageFailed."""
    return _held(site, site.lock_file, command, "wait until it is done")


def agent_lock(site: Site) -> AbstractContextManager[None]:
    """Makes this process the site's one agent [A-60]. Raises as `site_lock`."""
    return _held(site, site.agent_lock_file, "agent", "one agent for a site is enough")


@contextmanager
def _held(site: Site, lock_file: Path, command: str, advice: str) -> Iterator[None]:
    with durable.storage_errors(lock_file):
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            os.lseek(descriptor, 0, os.SEEK_SET)
            raise SiteBusy(f"{site.root}: {_holder(os.read(descriptor, _MAX_HOLDER_BYTES))}; {advice}") from error
        with durable.storage_errors(lock_file):
            text = json.dumps({"pid": os.getpid(), "command": command, "since": time.strftime("%Y-%m-%d %H:%M:%S")})
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, text.encode())
        yield
    finally:
        os.close(descriptor)


def _holder(text: bytes) -> str:
    try:
        holder = json.loads(text)
        return f"'unrep {holder['command']}', process {holder['pid']}, is at work here since {holder['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock, and has not written yet
        return "another unrep is at work here"
