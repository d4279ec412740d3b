"""One run at a time works on a site [A-4]: a lock of the operating system, so that none is ever left by a dead run.

The file says who holds it.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from apply.errors import SiteBusy
from apply.site import durable
from apply.site.layout import Site
from bundle.host.locks import LockTaken, held


def site_lock(site: Site, command: str) -> AbstractContextManager[None]:
    """Holds the site while `command` works on it. Raises SiteBusy, which says who does; StorageFailed."""
    return _held(site, site.lock_file, command, "wait until it is done")


def agent_lock(site: Site) -> AbstractContextManager[None]:
    """Makes this process the site's one agent [A-60]. Raises as `site_lock`."""
    return _held(site, site.agent_lock_file, "agent", "one agent for a site is enough")


@contextmanager
def _held(site: Site, lock_file: Path, command: str, advice: str) -> Iterator[None]:
    holder = json.dumps({"pid": os.getpid(), "command": command, "since": time.strftime("%Y-%m-%d %H:%M:%S")})
    with ExitStack() as lock:
        try:
            with durable.storage_errors(lock_file):
                lock.enter_context(held(lock_file, holder.encode()))
        except LockTaken as taken:
            raise SiteBusy(f"{site.root}: {_named(taken.holder)}; {advice}") from taken
        yield


def _named(holder: bytes) -> str:
    try:
        said = json.loads(holder)
        return f"'unrep {said['command']}', process {said['pid']}, is at work here since {said['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock, and has not written yet
        return "another unrep is at work here"
