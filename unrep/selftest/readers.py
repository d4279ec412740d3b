"""Processes that read through `current` without a pause while it moves, and count what they do not find.

A reader of a pointer file that cannot be opened just now tries again, as `unrep run` does; a reader of a link never.
On Windows no file can be replaced that somebody has open. So readers of a pointer file pause there, for a file that is
open at every moment is no reader's of a real site.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.errors import PreflightRefused
from unrep.selftest.scratch import MARK

READERS: Final = 4
_PATIENCE_S: Final = 30.0
_READ: Final = """
import json, os, pathlib, sys, time
current, stop, ready, mark, *known = sys.argv[1:]
current, stop = pathlib.Path(current), pathlib.Path(stop)
def tree():
    while current.is_file():
        try:
            named = current.read_text().strip()
            time.sleep(0.01 if os.name == "nt" else 0)
            return current.parent / named
        except PermissionError:
            time.sleep(0.001)
    return current
reads, misses, first = 0, 0, ""
pathlib.Path(ready).touch()
while reads % 64 or not stop.exists():
    reads += 1
    try:
        found = (tree() / mark).read_text()
        problem = "" if found in known else f"read {found!r}"
    except OSError as error:
        problem = str(error)
    misses += bool(problem)
    first = first or problem
print(json.dumps([reads, misses, first]))
"""


@dataclass
class Count:
    """What the readers came to, once they have ended. `first_miss`: what the first reader with a miss met."""

    reads: int = 0
    misses: int = 0
    first_miss: str = ""


@contextmanager
def reading(current: Path, directory: Path, versions: Sequence[str]) -> Iterator[Count]:
    """Readers are at work during the block; their count is filled in after it. Raises PreflightRefused."""
    stop, count = directory / "stop", Count()
    names = [directory / f"ready-{number}" for number in range(READERS)]
    argv = [sys.executable, "-I", "-S", "-c", _READ, str(current), str(stop)]
    processes = [
        subprocess.Popen([*argv, str(name), MARK, *versions], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        for name in names
    ]
    try:
        _wait_for(names, processes)
        yield count
        stop.touch()
        for process in processes:
            out, _ = process.communicate(timeout=_PATIENCE_S)
            reads, misses, first = json.loads(out)
            count.reads += reads
            count.misses += misses
            count.first_miss = count.first_miss or first
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise PreflightRefused(f"a reader of {current} did not end as it should: {error}") from error
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _wait_for(names: Sequence[Path], processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    while not all(name.exists() for name in names):
        if any(process.poll() is not None for process in processes):
            raise PreflightRefused("a reader could not be started: see what Python said above")
        try:
            processes[0].wait(0.01)
        except subprocess.TimeoutExpired:
            continue
