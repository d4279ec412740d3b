"""The objects that a section starts from, by their numbers: manifest, entries, and what opened archives hold.

spec/format.md, section 8 [F-32], [F-46]. Archives are opened when one of their objects is first used, and the few used
last are kept open, so that plain bytes take disk for few archives at a time.
"""

from bisect import bisect
from pathlib import Path
from typing import Protocol

from bundle.archives.opened import open_archive
from bundle.errors import BaseMismatch, Malformed
from bundle.manifest import TreeManifest
from bundle.objects import MemoryObject, Readable, Scratch

KEPT_ARCHIVES = 4  # one for the skeleton, one for the members, and what these lie in


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
        self._archives: list[int] = []
        self._firsts: list[int] = []  # of the objects that each archive gives
        self.count = self.entries
        if len(opened) % 2:
            raise Malformed("index: its list of opened archives is cut short")
        for archive, size in zip(opened[::2], opened[1::2], strict=True):
            if not 0 < archive < self.count or not 1 < size <= 1_000_000:
                raise Malformed("index: an opened archive is not an object of the base, or gives nothing")
            self._archives.append(archive)
            self._firsts.append(self.count)
            self.count += size
        self._kept: dict[int, tuple[list[Readable], Scratch]] = {}  # by place in the list, the one used last at the end

    def open(self, number: int) -> Readable:
        """The object with that number. Raises BaseMismatch if the base is not what its manifest says."""
        assert self._base is not None  # noqa: S101 - without a base there is no number below count
        if number == 0:
            return MemoryObject(self._base.manifest.encoded)
        return self._base.open(number) if number < self.entries else _Member(self, number)

    def member(self, number: int) -> Readable:
        """An object of an opened archive; good until others are opened."""
        at = bisect(self._firsts, number) - 1
        return self._opened(at)[number - self._firsts[at]]

    def close(self) -> None:
        """Gives temporary files back."""
        self._keep(0)

    def _opened(self, at: int) -> list[Readable]:
        if at in self._kept:
            self._kept[at] = self._kept.pop(at)
            return self._kept[at][0]
        archive = self.open(self._archives[at])
        self._keep(KEPT_ARCHIVES - 1)
        scratch = Scratch(self._directory)
        objects = open_archive(archive, scratch)
        if len(objects) != [*self._firsts, self.count][at + 1] - self._firsts[at]:
            scratch.close()
            raise BaseMismatch("an archive of the base does not hold what the bundle was made for; it was changed")
        self._kept[at] = objects, scratch
        return objects

    def _keep(self, count: int) -> None:
        for at in list(self._kept)[: len(self._kept) - count]:
            self._kept.pop(at)[1].close()


class _Member:
    """An object of an opened archive, which may be closed and opened again between two reads."""

    def __init__(self, objects: BaseObjects, number: int) -> None:
        self._objects = objects
        self._number = number
        self.size = objects.member(number).size

    def read_at(self, offset: int, length: int) -> bytes:
        return self._objects.member(self._number).read_at(offset, length)
