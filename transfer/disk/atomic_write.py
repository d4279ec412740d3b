"""A file that appears whole or not at all: written beside its place, made durable, then given its name.

What a kill leaves is a file of the same name with the suffix of partial files. No reader of a directory takes that for
a bundle, and the next attempt writes over it.
"""

from collections.abc import Iterable
from pathlib import Path

from transfer.disk.partial import partial_path
from transfer.disk.storage import PUBLISHED


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes a file, durable under its name once this returns; one that stood there is replaced in one step.

    Raises DiskFull, OutputRefused, or what `chunks` raises; then what stood there stands there still.
    """
    PUBLISHED.write_file(path, chunks, draft=partial_path(path))
