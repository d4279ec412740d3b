"""Compiled Python that belongs to its source by that file's time and size: PEP 552, flags of 0. [A-122]

Python uses such a file only while its source has that time, to the second. Otherwise it compiles the source anew, into
the very file. The head of a compiled file:

    offset  bytes
    0       4      which Python wrote it
    4       4      flags; 0: belongs to a time. Others belong to a hash of the source, or to nothing
    8       4      the source's time in seconds since 1970, its lowest 32 bits
    12      4      the source's size, its lowest 32 bits
"""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundle.host.directories import Descent

HEAD_BYTES: Final = 16
_CACHE: Final = "__pycache__"
_LOW: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class Compiled:
    """A compiled file, and what it says of its source. `fits`: that has this very time and size now."""

    path: str
    source: str
    seconds: int
    fits: bool


def compiled_by_time(directory: Path, paths: Iterable[str]) -> Iterator[Compiled]:
    """Those among the files of a release that belong to a time, and whose source is there with the size they say.

    One whose source has another size fits no time, and comes with `fits` False and `seconds` -1. One without a source
    is nothing to Python. What cannot be read is passed over. `paths`: within the directory, in the manifest's order.
    """
    with Descent(directory) as descent, Descent(directory) as sources:
        for path in paths:
            source = source_of(path)
            if source is None or (found := _read(descent, path)) is None:
                continue
            try:
                within, name = sources.to(source)
                status = within.status(name)
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            seconds, size = found
            if size != status.st_size & _LOW:
                yield Compiled(path, source, -1, fits=False)
            else:
                yield Compiled(path, source, seconds, fits=seconds == int(status.st_mtime) & _LOW)


def source_of(path: str) -> str | None:
    """The path of the source that a compiled file would belong to, as PEP 3147 has it; None for any other file."""
    parent, _, name = path.rpartition("/")
    above, _, cache = parent.rpartition("/")
    if cache != _CACHE or not name.endswith(".pyc"):
        return None
    return f"{above}/{name.partition('.')[0]}.py".removeprefix("/")


def _read(descent: Descent, path: str) -> tuple[int, int] | None:
    """(seconds, size) of its head, None if it does not belong to a time."""
    try:
        within, name = descent.to(path)
        with within.read(name) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    if len(head) < HEAD_BYTES or head[4:8] != bytes(4):
        return None
    return int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")
