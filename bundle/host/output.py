"""What a person named as an output, and room for temporary files, with this package's errors.

A disk that is full is NoRoom wherever it is met, and the sentence says which disk it is [A-207].
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bundle.errors import InputError, NoRoom
from bundle.host.storage import Storage, is_full

OUTPUT: Final = Storage(full=NoRoom, failed=InputError, refusal="cannot be written: ")
"""For a file that a person named, and what stands beside it."""

WORK: Final = Storage(full=NoRoom, failed=InputError, refusal="cannot be read or written: ")
"""For work that reads what a person named and writes an output of it."""


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory for temporary files, removed at the end. Raises NoRoom for its disk, InputError if there is none.

    Whoever writes elsewhere within the block turns errors of that disk into others itself.
    """
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise InputError("no directory for temporary files can be written to; name one in TMPDIR") from error
    with full_temporary_disk(), tempfile.TemporaryDirectory(prefix=prefix, dir=place) as directory:
        yield Path(directory)


@contextmanager
def full_temporary_disk() -> Iterator[None]:
    """Raises NoRoom for whatever within is written to a disk without room: that of temporary files."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoRoom(
                f"{tempfile.gettempdir()}: no space left for temporary files: "
                "free some, or name a directory on a larger disk in TMPDIR, and run again"
            ) from error
        raise
