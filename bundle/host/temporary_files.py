"""Temporary files: on the system's disk for them, or on that of the output where the first is too small [A-215].

A disk that is full is NoRoom. The sentence says which disk it is, how much may be needed, and how to choose another.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from bundle.errors import InputError, NoRoom
from bundle.host.storage import is_full

_VARIABLE: Final = "TMPDIR"  # Python looks at it first, on every system
_WANTED: Final = ContextVar("wanted", default=0)


@contextmanager
def room_for_temporary_files(beside: Path, wanted: int) -> Iterator[None]:
    """Within, temporary files of this process, and of those that it starts, have a disk that may take `wanted` bytes.

    That is the system's own, as long as it has so much room. Else it is the one with more room: the system's, or that
    of the directory `beside`. It holds for the whole process, so only what runs alone there may ask for it.
    """
    own = _free_bytes(_own_place())
    counted = _WANTED.set(wanted)
    known, given = tempfile.tempdir, os.environ.get(_VARIABLE)
    try:
        if own < wanted and own < _free_bytes(beside) and os.access(beside, os.W_OK):
            tempfile.tempdir = os.environ[_VARIABLE] = str(beside.absolute())
        yield
    finally:
        _WANTED.reset(counted)
        tempfile.tempdir = known
        if given is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = given


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory for temporary files, removed at the end. Raises NoRoom for its disk, InputError if there is none.

    Whoever writes elsewhere within the block turns errors of that disk into others itself.
    """
    place = _own_place()
    if place is None:
        raise InputError(f"no directory for temporary files can be written to; name one in {_VARIABLE}")
    with full_temporary_disk(), tempfile.TemporaryDirectory(prefix=prefix, dir=place) as directory:
        yield Path(directory)


@contextmanager
def full_temporary_disk() -> Iterator[None]:
    """Raises NoRoom for whatever within is written to a disk without room: that of temporary files."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            place, wanted = tempfile.gettempdir(), _WANTED.get()
            needed = f", which may take {wanted:,} bytes" if wanted else ""
            raise NoRoom(
                f"{place}: no space left for temporary files{needed}: free some, or name a directory on a larger disk "
                f"in {_VARIABLE}, and run again"
            ) from error
        raise


def _own_place() -> Path | None:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None


def _free_bytes(place: Path | None) -> int:
    """-1 for what is not there."""
    try:
        return shutil.disk_usage(place).free if place else -1
    except OSError:
        return -1
