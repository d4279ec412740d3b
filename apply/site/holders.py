"""Who has something below a directory open: a version that serves somebody is not removed [A-35].

Linux shows it in /proc: to root for every process, to others for their own. Windows need not be asked: it moves no
directory in which a process has a file open.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")


def holder(directory: Path) -> str:
    """A process that has a file below the directory open or mapped, runs it, or has its working directory there.

    Returns a name such as "process 812 (waitress)", "" if there is none that we may know of.
    """
    if not sys.platform.startswith("linux"):
        return ""
    place = os.fsencode(directory.resolve())
    for process in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if any(name == place or name.startswith(place + b"/") for name in _names(process)):
                return f"process {process.name} ({_command(process)})"
    return ""


def _command(process: Path) -> str:
    """Its name, which it chooses itself: bytes of any kind."""
    return os.fsdecode((process / "comm").read_bytes().removesuffix(b"\n"))


def _names(process: Path) -> Iterator[bytes]:
    for link in (process / "cwd", process / "exe", *(process / "fd").iterdir()):
        with contextlib.suppress(OSError):
            yield os.fsencode(link.readlink())
    for line in (process / "maps").read_bytes().split(b"\n"):  # a name may hold any other line end
        fields = line.split(None, 5)
        yield fields[5] if len(fields) == 6 else b""
