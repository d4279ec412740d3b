"""The plan of a section: which objects have to be made, and out of what, before any of them is encoded.

A target's archive becomes its skeleton and its members. Each is an object of its own, which the base may have as it is.
What has to be encoded is collected as tasks for the workers.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from bundle.archives.opening import Opening
from bundle.format.contents import Content
from bundle.write.catalog import Catalog, skeleton_label
from bundle.write.tournament import ObjectTask


@dataclass(frozen=True)
class InBase:
    """An object that the base has, under that number."""

    number: int


@dataclass(frozen=True)
class Encoded:
    """An object made from the outcome of a task, named by its index in the plan's list. `source`: the base's object."""

    task: int
    source: int | None


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
    """Plans objects against a catalog and collects tasks."""

    catalog: Catalog
    tasks: list[ObjectTask] = field(default_factory=list)
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

    def _encode(self, label: str, content: Content, size: int) -> Encoded:
        like = self.catalog.like(label, content, size)
        self.tasks.append(ObjectTask(content, like.content if like else None))
        return Encoded(len(self.tasks) - 1, like.number if like else None)

    def _assemble(self, label: str, opening: Opening) -> Assembled:
        bare = opening.skeleton
        skeleton = self.add(skeleton_label(label), bare, len(bare), sha256(bare).digest(), None)
        members = tuple(
            self.add(f"{label}!{member.name}", member.content, member.size, member.hash, member.opening)
            for member in opening.members
        )
        return Assembled(skeleton, members, tuple(member.engine for member in opening.members))
