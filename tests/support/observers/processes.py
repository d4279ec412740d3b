"""Who still runs: the processes that have to do with a directory, so that a test can say that none was left behind."""

import os
import time
from pathlib import Path

PATIENCE_S = 10.0


def left_running(directory: Path) -> list[str]:
    """The command lines of other processes that work in a directory, or name it in their arguments or environment.

    Waits a while for those that are about to end. Reads /proc: Linux only.
    """
    until = time.monotonic() + PATIENCE_S
    while (found := _concerned(os.fsencode(directory))) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def command_line(pid: int) -> list[str]:
    """The arguments that a process was started with; none once it has ended."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []


def _concerned(directory: bytes) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            named = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            named += os.fsencode((process / "cwd").readlink())
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if directory in named and int(process.name) != os.getpid():
            found.append(f"{process.name}: {' '.join(command_line(int(process.name)))}")
    return found
