"""The plan of a section: which objects have to be made, and out of what, before any of them is encoded.

A target's archive becomes its skeleton and its members. Each is an object of its own, which the base may have as it is.
What has to be encoded is collected. Once all is, counterparts in the base are looked for at once, by the workers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from types import MappingProxyType

from bundle.archives.counterparts import Shapes
from bundle.archives.engines import pack_work
from bundle.archives.foreign import why_closed
from bundle.derived.deriving import (
    Derivation,
    digests_in,
    form_bytes,
    is_catalogue_source,
    is_list,
    is_source_map,
    is_spelled,
    source_label,
)
from bundle.derived.digests import texts
from bundle.derived.rules import Rule
from bundle.format.contents import Content, read_content, size_of
from bundle.format.index import AS_IT_IS, MAX_USES, SHAPED, Archive, Derived, Shape
from bundle.read.work_limit import WorkLimit
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
    """An object made from the outcome of a task, named by its index in the plan's list.

    If it is derived, then from `source`, or else from its counterpart. `objects`: those whose digests it may list.
    """

    task: int
    source: "PlannedObject | None" = None
    objects: Mapping[bytes, "PlannedObject"] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Closed:
    """An archive, or a member of one (`archive!member`), that was not opened, or only in part, and why.

    `path` as in the release.
    """

    path: str
    why: str


@dataclass
class SectionPlan:
    """Plans objects against a catalog and collects what has to be encoded, and what could not be opened."""

    catalog: Catalog
    limit: WorkLimit  # what readers still allow [F-68]
    shapes: Mapping[bytes, Shapes] = field(default_factory=dict)  # by the hashes of streams that no engine gives
    wanted: list[Wanted | ObjectTask] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    _sources: dict[str, tuple[Content, int, bytes]] = field(default_factory=dict)  # of catalogues, by label
    _derivations: dict[int, Derivation] = field(default_factory=dict)  # by task
    _choices: list[Cheaper] = field(default_factory=list)
    _planned: dict[bytes, PlannedObject] = field(default_factory=dict)
    _scope: tuple[int, ...] = ()  # the choices that what is planned now lies in, the outermost first
    _scopes: dict[bytes, tuple[int, ...]] = field(default_factory=dict)  # of planned objects, by hash: the shortest
    _uses: int = 0  # of members, by archives, and of objects, by lists
    _hashed: set[bytes] = field(default_factory=set)  # what lists show, and readers hash for that

    def add(self, label: str, content: Content, size: int, digest: bytes, opening: Opening | None) -> PlannedObject:
        """Plans one object. `opening`: what it holds, if it is an archive that can be made again bit for bit."""
        if digest not in self._planned:
            same = self.catalog.same(digest)
            if same:
                self._planned[digest] = PlannedObject(size, InBase(same.number))
            elif opening:
                self._planned[digest] = PlannedObject(size, self._open(label, content, size, opening))
            else:
                if why := why_closed(content, size):
                    self.closed.append(Closed(label, why))
                self._planned[digest] = PlannedObject(size, self._whole(label, content, size))
        self._scopes[digest] = min(self._scopes.get(digest, self._scope), self._scope, key=len)
        return self._planned[digest]

    def note_source(self, label: str, content: Content, size: int, digest: bytes) -> None:
        """Says what the release holds, changed or not. Catalogues are compiled from it if it is a source of one."""
        if is_catalogue_source(label, size):
            self._sources[label] = content, size, digest

    def is_compiled(self, planned: PlannedObject) -> bool:
        """Whether it may be made from its source, which is best made beside it."""
        return isinstance(planned.way, Encoded) and planned.way.source is not None

    def tasks(self, in_workers: InWorkers = map) -> list[ObjectTask]:
        """What has to be encoded, each beside what the base has of it. `in_workers`: as `map`, for many small calls.

        Raises InputError if a file cannot be read.
        """
        wanted = [one for one in self.wanted if isinstance(one, Wanted)]
        chosen = iter(choose_tasks(wanted, self.catalog.like(wanted), self.catalog.objects, in_workers))
        priced = {task for choice in self._choices for task in _tasks_of(choice)}
        tasks = [one if isinstance(one, ObjectTask) else next(chosen) for one in self.wanted]
        return [
            replace(task, priced=number in priced, derivation=self._derivation(number, task))
            for number, task in enumerate(tasks)
        ]

    def _derivation(self, number: int, task: ObjectTask) -> Derivation | None:
        """How the task's object may be derived, if readers still allow so much."""
        derivation = self._derivations.get(number)
        source = derivation.source or task.base if derivation else None
        if derivation is None or source is None:
            return None
        work = size_of(source) + form_bytes(derivation, size_of(task.target))
        return derivation if self.limit.spend(Derived, work) else None

    def _whole(self, label: str, content: Content, size: int) -> Encoded:
        """Made in one piece, from its counterpart in the base if there is one, or from what it follows from."""
        whole, name = Wanted(label, content, size), source_label(label)
        if name and (source := self._sources.get(name)):
            planned = self.add(name, *source, None)
            return self._task(whole, Derivation(None, source[0]), planned)
        if is_source_map(label, size):
            return self._task(whole, Derivation(Rule.SOURCE_MAP))
        if is_list(label, size) and (objects := self._objects_in(content)):
            return self._task(whole, Derivation(Rule.DIGESTS, None, frozenset(objects)), None, objects)
        return self._task(whole)

    def _objects_in(self, content: Content) -> dict[bytes, PlannedObject]:
        """The objects that a list shows, by its text, as far as they are at hand."""
        found: dict[bytes, PlannedObject] = {}
        for text, (digest, size) in digests_in(content).items():
            same = self.catalog.same(digest)
            planned = PlannedObject(same.size, InBase(same.number)) if same else self._at_hand(digest)
            if not planned or size not in (None, planned.size) or not is_spelled(text, digest, planned.size):
                continue
            if self._may_be_hashed(digest, planned):
                found[text] = planned
        uses = sum(text in found for text in texts(read_content(content)))
        if self._uses + uses > MOST_MEMBERS:
            return {}
        self._uses += uses
        return found

    def _at_hand(self, digest: bytes) -> PlannedObject | None:
        """The object, if it is made whatever way a choice goes that what is planned now does not lie in."""
        scope = self._scopes.get(digest)
        return self._planned[digest] if scope is not None and self._scope[: len(scope)] == scope else None

    def _may_be_hashed(self, digest: bytes, planned: PlannedObject) -> bool:
        """Whether a reader knows the object's hash, or may find it out. It counts as a member, once."""
        is_entry = isinstance(planned.way, InBase) and 0 < planned.way.number < self.catalog.entries
        if not is_entry and digest not in self._hashed:
            if not self.limit.spend(Archive, planned.size):
                return False
            self._hashed.add(digest)
        return True

    def _task(
        self,
        wanted: Wanted | ObjectTask,
        derivation: Derivation | None = None,
        source: PlannedObject | None = None,
        objects: Mapping[bytes, PlannedObject] = MappingProxyType({}),
    ) -> Encoded:
        self.wanted.append(wanted)
        if derivation:
            self._derivations[len(self.wanted) - 1] = derivation
        return Encoded(len(self.wanted) - 1, source, objects)

    def _open(self, label: str, content: Content, size: int, opening: Opening) -> Way:
        """Opened as far as it can be made again. Where shapes are needed for that, also without: the cheaper wins."""
        shapes = [own for own in map(self._shapes_of, opening.members) if own]
        read = sum(own.read_bytes for own in shapes)
        is_shaped = bool(shapes) and self.limit.has(Shape, read) and self._is_worth_opening(opening, shaped=True)
        is_plain = self._is_worth_opening(opening, shaped=False)
        self._tell(label, opening, is_open=is_shaped or is_plain, shaped=is_shaped)
        if is_shaped or is_plain:
            self.limit.spend(Archive, self._work_of(opening))
        if is_shaped:
            self.limit.spend(Shape, read)
            if all(own.is_sure for own in shapes):
                return self._in_parts(label, opening, shaped=True)
        if not is_shaped:
            return self._in_parts(label, opening, shaped=False) if is_plain else self._whole(label, content, size)
        scope, self._scope = self._scope, (*self._scope, len(self._choices))
        other = self._in_parts(label, opening, shaped=False) if is_plain else self._whole(label, content, size)
        choice = Cheaper((self._in_parts(label, opening, shaped=True), other))
        self._choices.append(choice)
        self._scope = scope
        return choice

    def _shapes_of(self, member: Member) -> Shapes | None:
        has_another_way = member.engine is not None or self.catalog.stored(member.stored_hash)
        return None if has_another_way else self.shapes.get(member.stored_hash)

    def _can_be_made(self, member: Member, *, shaped: bool) -> bool:
        """Whether its stream is in the base, or comes from an engine or, if those may be used, from shapes."""
        if member.engine is not None or self.catalog.stored(member.stored_hash):
            return True
        return shaped and member.stored_hash in self.shapes

    def _made_bytes(self, opening: Opening, *, shaped: bool) -> int:
        return sum(one.stored_size for one in opening.members if self._can_be_made(one, shaped=shaped))

    def _has_room(self, opening: Opening) -> bool:
        return self._has_uses(opening) and self.limit.has(Archive, self._work_of(opening))

    def _has_uses(self, opening: Opening) -> bool:
        return self._uses + len(opening.members) <= MOST_MEMBERS

    def _work_of(self, opening: Opening) -> int:
        """What its members count for aboard, at most."""
        made = (one for one in opening.members if not self.catalog.stored(one.stored_hash))
        return sum(one.size if one.engine is None else pack_work(one.engine, one.size) for one in made)

    def _is_worth_opening(self, opening: Opening, *, shaped: bool) -> bool:
        """Whether enough of it can be made again."""
        return self._made_bytes(opening, shaped=shaped) >= _least(opening) and self._has_room(opening)

    def _tell(self, label: str, opening: Opening, *, is_open: bool, shaped: bool) -> None:
        """Tells what should be open and is not, and why. An archive that holds little of streams should not."""
        held = sum(member.stored_size for member in opening.members)
        if held < _least(opening):
            return
        if is_open:
            self.closed += [
                Closed(f"{label}!{member.name}", member.why)
                for member in opening.members
                if not self._can_be_made(member, shaped=shaped)
            ]
        elif self._has_room(opening):
            made = self._made_bytes(opening, shaped=True)
            self.closed.append(Closed(label, f"of its streams of {held:,} bytes, {made:,} can be made again"))
        elif self._has_uses(opening):
            self.closed.append(Closed(label, "its members take more time aboard than such a release may"))
        else:
            self.closed.append(Closed(label, f"the archives of the release have over {MOST_MEMBERS:,} members"))
        if opening.ended_at is not None:
            why = f"searched up to byte {opening.ended_at:,}: too much of it leads to nothing"
            self.closed.append(Closed(label, why))

    def _in_parts(self, label: str, opening: Opening, *, shaped: bool) -> Assembled:
        """Made from its skeleton and its members. `shaped`: streams that no engine gives are made from their shapes."""
        self._uses += len(opening.members)
        skeleton = self.add(skeleton_label(label), opening.skeleton, opening.skeleton_size, opening.skeleton_hash, None)
        members, engines, shapes = [], [], []
        for member in opening.members:
            if self._can_be_made(member, shaped=shaped):  # else its stream is sent, and the source would be beside it
                self.note_source(f"{label}!{member.name}", member.content, member.size, member.hash)
        for member in opening.members:
            name = f"{label}!{member.name}"
            own = self._shapes_of(member) if shaped else None
            if same := self.catalog.stored(member.stored_hash):
                members.append(PlannedObject(member.stored_size, InBase(same.number)))
                engines.append(AS_IT_IS)
            elif member.engine is not None or own:
                members.append(self.add(name, member.content, member.size, member.hash, member.opening))
                engines.append(SHAPED if own else member.engine or 0)
            else:
                stored = (member.stored, member.stored_size, member.stored_hash)
                members.append(self.add(stored_label(name), *stored, None))
                engines.append(member.coding)
            if own:
                task = ObjectTask(own.content, own.base, (own.number,), of_shape=True)
                shapes.append(PlannedObject(own.size, self._task(task)))
        return Assembled(skeleton, tuple(members), tuple(engines), tuple(shapes))


def _least(opening: Opening) -> float:
    """So many bytes of its streams must be made again for it to be opened."""
    return opening.least_share * opening.size


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
