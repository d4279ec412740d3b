"""The plan of a section: which objects have to be made, and out of what, before any of them is encoded.

A target's archive becomes its skeleton and its members. Each is an object of its own, which the base may have as it is.
What has to be encoded is collected. Once all is, counterparts in the base are looked for at once, by the workers.
"""

from dataclasses import dataclass, field

from bundle.archives.engines import AS_IT_IS
from bundle.format.contents import Content
from bundle.format.index import MAX_USES
from bundle.write.catalog import Catalog, Wanted, skeleton_label, stored_label
from bundle.write.openings import Member, Opening
from bundle.write.parts import InWorkers, choose_tasks
from bundle.write.tournament import ObjectTask

MOST_MEMBERS = MAX_USES * 3 // 4  # of all archives that are opened, so that other recipes have uses left [F-68]


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


@dataclass(frozen=True)
class Closed:
    """An archive, or a member of one (`archive!member`), that was not opened, and why. `path` as in the release."""

    path: str
    why: str


@dataclass
class SectionPlan:
    """Plans objects against a catalog and collects what has to be encoded, and what could not be opened."""

    catalog: Catalog
    wanted: list[Wanted] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    _planned: dict[bytes, PlannedObject] = field(default_factory=dict)
    _uses: int = 0  # of members, by archives

    def add(self, label: str, content: Content, size: int, digest: bytes, opening: Opening | None) -> PlannedObject:
        """Plans one object. `opening`: what it holds, if it is an archive that can be made again bit for bit."""
        if digest not in self._planned:
            same = self.catalog.same(digest)
            if same:
                self._planned[digest] = PlannedObject(size, InBase(same.number))
            elif opening and self._is_worth_opening(label, opening):
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

    def _can_be_made(self, member: Member) -> bool:
        return member.engine is not None or self.catalog.stored(member.stored_hash) is not None

    def _is_worth_opening(self, label: str, opening: Opening) -> bool:
        """Whether enough of it can be made again. What is open in part is told, and what should be open and is not."""
        made = sum(member.stored_size for member in opening.members if self._can_be_made(member))
        held = sum(member.stored_size for member in opening.members)
        least = opening.least_share * opening.size
        if made < least <= held:
            self.closed.append(Closed(label, f"of its streams of {held:,} bytes, {made:,} can be made again"))
        if opening.ended_at is not None and held >= least:
            self.closed.append(
                Closed(label, f"searched up to byte {opening.ended_at:,}: too much of it leads to nothing")
            )
        return made >= least and self._uses + len(opening.members) <= MOST_MEMBERS

    def _assemble(self, label: str, opening: Opening) -> Assembled:
        self._uses += len(opening.members)
        skeleton = self.add(skeleton_label(label), opening.skeleton, opening.skeleton_size, opening.skeleton_hash, None)
        members, engines = [], []
        for member in opening.members:
            name = f"{label}!{member.name}"
            if same := self.catalog.stored(member.stored_hash):
                members.append(PlannedObject(member.stored_size, InBase(same.number)))
                engines.append(AS_IT_IS)
            elif member.engine is not None:
                members.append(self.add(name, member.content, member.size, member.hash, member.opening))
                engines.append(member.engine)
            else:
                self.closed.append(Closed(name, member.why))
                stored = (member.stored, member.stored_size, member.stored_hash)
                members.append(self.add(stored_label(name), *stored, None))
                engines.append(AS_IT_IS)
        return Assembled(skeleton, tuple(members), tuple(engines))
