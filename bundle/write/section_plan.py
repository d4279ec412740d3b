"""The plan of a section: which objects have to be made, and out of what, before any of them is encoded.

A target's archive becomes its skeleton and its members. Each is an object of its own, which the base may have as it is.
What has to be encoded is collected. Once all is, counterparts in the base are looked for at once, by the workers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain

from bundle.archives.opening import Member, Opening
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
    shapes: tuple["PlannedObject", ...] = ()


@dataclass(frozen=True)
class Cheaper:
    """The cheaper one of two ways. Which one that is turns out once all tasks of both are encoded."""

    ways: tuple["Way", "Way"]


Way = InBase | Encoded | Assembled | Cheaper


@dataclass(frozen=True)
class PlannedObject:
    """An object, its size in bytes, and how it will be made. Equal objects are planned once."""

    size: int
    way: Way


@dataclass
class SectionPlan:
    """Plans objects against a catalog and collects what has to be encoded."""

    catalog: Catalog
    most_read_bytes: int = 0  # of streams whose shapes are needed: what readers allow [F-72]
    wanted: list[Wanted | ObjectTask] = field(default_factory=list)
    _choices: list[Cheaper] = field(default_factory=list)
    _planned: dict[bytes, PlannedObject] = field(default_factory=dict)

    def add(self, label: str, content: Content, size: int, digest: bytes, opening: Opening | None) -> PlannedObject:
        """Plans one object. `opening`: what it holds, if it is an archive that can be made again bit for bit."""
        if digest not in self._planned:
            same = self.catalog.same(digest)
            if same:
                self._planned[digest] = PlannedObject(size, InBase(same.number))
            elif opening:
                self._planned[digest] = PlannedObject(size, self._open(label, content, size, opening))
            else:
                self._planned[digest] = PlannedObject(size, self._encode(label, content, size))
        return self._planned[digest]

    def tasks(self, in_workers: InWorkers = map) -> list[ObjectTask]:
        """What has to be encoded, each beside what the base has of it. `in_workers`: as `map`, for many small calls.

        Raises InputError if a file cannot be read.
        """
        wanted = [one for one in self.wanted if isinstance(one, Wanted)]
        chosen = iter(choose_tasks(wanted, self.catalog.like(wanted), self.catalog.objects, in_workers))
        priced = {task for choice in self._choices for task in _tasks_of(choice)}
        tasks = [one if isinstance(one, ObjectTask) else next(chosen) for one in self.wanted]
        return [replace(task, priced=number in priced) for number, task in enumerate(tasks)]

    def _encode(self, label: str, content: Content, size: int) -> Encoded:
        return self._task(Wanted(label, content, size))

    def _task(self, wanted: Wanted | ObjectTask) -> Encoded:
        self.wanted.append(wanted)
        return Encoded(len(self.wanted) - 1)

    def _open(self, label: str, content: Content, size: int, opening: Opening | None) -> Way:
        if opening is None:
            return self._encode(label, content, size)
        if not opening.has_shapes:
            return self._assemble(label, opening)
        read = sum(member.shapes.read_bytes for member in opening.members if member.shapes)
        if read > self.most_read_bytes:
            return self._open(label, content, size, opening.without)
        self.most_read_bytes -= read
        if opening.is_sure:
            return self._assemble(label, opening)
        choice = Cheaper((self._assemble(label, opening), self._open(label, content, size, opening.without)))
        self._choices.append(choice)
        return choice

    def _assemble(self, label: str, opening: Opening) -> Assembled:
        bare = opening.skeleton
        skeleton = self.add(skeleton_label(label), bare, len(bare), sha256(bare).digest(), None)
        members = tuple(self._member(label, member) for member in opening.members)
        shapes = [
            PlannedObject(own.size, self._task(ObjectTask(own.content, own.base, (own.number,), of_shape=True)))
            for own in (member.shapes for member in opening.members)
            if own and own.content is not None
        ]
        return Assembled(skeleton, members, tuple(member.engine for member in opening.members), tuple(shapes))

    def _member(self, label: str, member: Member) -> PlannedObject:
        if member.shapes and member.shapes.content is None:
            return PlannedObject(member.size, InBase(member.shapes.number))
        return self.add(f"{label}!{member.name}", member.content, member.size, member.hash, member.opening)


def _tasks_of(way: Way) -> Iterator[int]:
    """The tasks of a way, by their index."""
    match way:
        case Encoded(task):
            yield task
        case Assembled(skeleton, members, _, shapes):
            yield from chain.from_iterable(_tasks_of(part.way) for part in (skeleton, *members, *shapes))
        case Cheaper(ways):
            yield from chain.from_iterable(map(_tasks_of, ways))
        case InBase():
            pass
