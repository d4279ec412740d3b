"""The plan of a section: which objects have to be made, and out of what, before any of them is encoded.

A target's archive becomes its skeleton and its members. Each is an object of its own, which the base may have as it is.
What has to be encoded is collected. Once all is, counterparts in the base are looked for at once, by the workers.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from bundle.archives.opening import Opening
from bundle.format.contents import Content
from bundle.write.catalog import Catalog, Wanted, skeleton_label
from bundle.write.parts import InWorkers, choose_tasks
from bundle.write.tournament import ObjectTask


@dataclass(frozen=True)
class InBase:
    """An object that the base has, under that number."""

    number: int


@dataclass(frozen=True)
class Encoded:
    """An object made from the outcome of a task, named by its index in the plan's list."""

    task: int


@dataclass(frozen=True)
class Assembled:
    """An archive made from its skeleton and members, with their engines."""

    skeleton: "PlannedObject"
    members: tuple["PlannedObject", ...]
    engines: tuple[int, ...]


@dataclass(frozen=True)
class PlannedObject:
    """An object, its size in bytes, and how it will be made. Equal objects are planned once."""

    size: int
    way: InBase | Encoded | Assembled


@dataclass
class SectionPlan:
    """Plans objects against a catalog and collects what has to be encoded."""

    catalog: Catalog
    wanted: list[Wanted] = field(default_factory=list)
    _planned: dict[bytes, PlannedObject] = field(default_factory=dict)

    def add(self, label: str, content: Content, size: int, digest: bytes, opening: Opening | None) -> PlannedObject:
        """Plans one object. `opening`: what it holds, if it is an archive that can be made again bit for bit."""
        if digest not in self._planned:
            same = self.catalog.same(digest)
            if same:
                self._planned[digest] = PlannedObject(size, InBase(same.number))
            elif opening:
                self._planned[digest] = PlannedObject(size, self._assemble(label, opening))
            else:
                self._planned[digest] = PlannedObject(size, self._encode(label, content, size))
        return self._planned[digest]

    def tasks(self, in_workers: InWorkers = map) -> list[ObjectTask]:
        """What has to be encoded, each beside what the base has of it. `in_workers`: as `map`, for many small calls.

        Raises InputError if a file cannot be read.
        """
        return choose_tasks(self.wanted, self.catalog.like(self.wanted), self.catalog.objects, in_workers)

    def _encode(self, label: str, content: Content, size: int) -> Encoded:
        self.wanted.append(Wanted(label, content, size))
        return Encoded(len(self.wanted) - 1)

    def _assemble(self, label: str, opening: Opening) -> Assembled:
        bare = opening.skeleton
        skeleton = self.add(skeleton_label(label), bare, len(bare), sha256(bare).digest(), None)
        members = tuple(
            self.add(f"{label}!{member.name}", member.content, member.size, member.hash, member.opening)
            for member in opening.members
        )
        return Assembled(skeleton, members, tuple(member.engine for member in opening.members))
