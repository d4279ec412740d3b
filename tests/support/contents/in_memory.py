"""A path to bytes that are on no disk: what opens bundles by `bundle.host` reads them like a file.

To write a million mutants or fuzzed inputs to a disk would take half an hour.
"""

import io
from pathlib import Path
from typing import cast


class _InMemory:
    """What the readers ask of a path, and no more: it is no `os.PathLike`, which is how `open_plain` tells."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._data = data

    def __str__(self) -> str:
        return self.name

    def open(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)

    def with_name(self, name: str) -> Path:
        return Path("/nonexistent") / name


def in_memory(data: bytes, name: str) -> Path:
    """Stands in for a path wherever a bundle or a volume is opened."""
    return cast(Path, _InMemory(data, name))
