"""The objects that a section starts from, by their numbers: manifest, entries, and what opened archives hold.

spec/format.md, section 8 [F-32], [F-46]. Archives are opened when one of their objects is first used, and only the one
used last is kept open, with those that it lies in, so that plain bytes take disk for few archives at a time.
"""

from pathlib import Path
from typing import Protocol

from bundle.archives.opened import open_archive
from bundle.errors import BaseMismatch, Malformed
from bundle.manifest import TreeManifest
from bundle.objects import MemoryObject, Readable, Scratch

MAX_DEPTH = 8


class Base(Protocol):
    """The release that a delta section starts from."""

    @property
    def manifest(self) -> TreeManifest: ...

    def open(self, place: int) -> Readable:
        """The object at a place of the manifest, counted from 1. Raises BaseMismatch if it is not there."""


class BaseObjects:
    """Readable objects by number. `count`: how many there are, 0 without a base."""

    def __init__(self, base: Base | None, opened: list[int], directory: Path | None) -> None:
        """`opened` as the index has it; `directory` takes temporary files. Raises Malformed."""
        self._base = base
        self._directory = directory
        self.entries = len(base.manifest.entries) + 1 if base else 0
        self._archives: list[tuple[int, int, int]] = []  # first number, end, number of the archive itself
        self._kept: dict[int, tuple[list[Readable], Scratch]] = {}
        self.count = self.entries
        if len(opened) % 2:
            raise Malformed("index: its list of opened archives is cut short")
        for archive, size in zip(opened[::2], opened[1::2], strict=True):
            if not 0 < archive < self.count or not 1 < size <= 1_000_000:
                raise Malformed("index: an opened archive is not an object of the base, or gives nothing")
            if len(self._around(archive)) >= MAX_DEPTH:
                raise Malformed(f"index: an opened archive lies deeper than {MAX_DEPTH} archives")
            self._archives.append((self.count, self.count + size, archive))
            self.count += size

    def open(self, number: int) -> Readable:
        """The object with that number. Raises BaseMismatch if the base is not what its manifest says."""
        assert self._base is not None  # noqa: S101 - without a base there is no number below count
        if number == 0:
            return MemoryObject(self._base.manifest.encoded)
        if number < self.entries:
            return self._base.open(number)
        first, end, archive = self._archive_of(number)
        return self._opened(archive, end - first)[number - first]

    def close(self) -> None:
        """Gives temporary files back."""
        self._keep_only(set())

    def _archive_of(self, number: int) -> tuple[int, int, int]:
        return next(found for found in self._archives if found[0] <= number < found[1])

    def _opened(self, archive: int, size: int) -> list[Readable]:
        if archive not in self._kept:
            source = self.open(archive)  # opens the archive that it lies in, if any, which must stay for it
            self._keep_only(self._around(archive))
            scratch = Scratch(self._directory)
            self._kept[archive] = open_archive(source, scratch), scratch
        objects = self._kept[archive][0]
        if len(objects) != size:
            raise BaseMismatch("an archive of the base does not hold what the bundle was made for; it was changed")
        return objects

    def _around(self, archive: int) -> set[int]:
        """The archives that an archive lies in."""
        around = set()
        while archive >= self.entries:
            archive = self._archive_of(archive)[2]
            around.add(archive)
        return around

    def _keep_only(self, archives: set[int]) -> None:
        for archive in set(self._kept) - archives:
            self._kept.pop(archive)[1].close()
