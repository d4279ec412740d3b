"""One fetch at a time into one file [T-13]: a lock of the system on a file beside it, which names the holder."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bundle.host import presence
from bundle.host.locks import LockTaken, held
from transfer.disk.storage import OUTPUT
from transfer.errors import OutputBusy, OutputRefused


@contextmanager
def output_lock(output: Path, doing: str = "fetching into") -> Iterator[None]:
    """Holds the lock of an output. Raises OutputBusy, naming who holds it, `doing` what; OutputRefused or DiskFull."""
    path = output.with_name(output.name + ".lock")
    with ExitStack() as lock:
        try:
            with OUTPUT.errors(path):
                if not presence.is_directory(output.parent):
                    raise OutputRefused(f"{output.parent}: no such directory; make it first")
                lock.enter_context(held(path, b"%d\n" % os.getpid(), remove=True))
        except LockTaken as taken:
            number = taken.holder.decode("ascii", "replace").strip() or "unknown"
            raise OutputBusy(f"{output}: process {number} is {doing} it; wait until it is done") from taken
        yield
