"""Turning planned objects into the steps and streams of a frame. spec/format.md, sections 8 and 9."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bundle.archives.engines import LARGE_FEATURES, features_of
from bundle.derived.deriving import is_list, source_label
from bundle.format.contents import Content, size_of
from bundle.format.index import Archive, Concat, Copy, Derived, Literal, Patch, Rebased, Recipe, Shape, Step, Stream
from bundle.write.section_plan import Assembled, Cheaper, Encoded, InBase, PlannedObject, Way
from bundle.write.tournament import Encoding

# Dictionaries. A reader holds those of all packs of a frame in memory at once, 128 MiB at most (spec/format.md, section
# 9). Literals gain from a large one, the numbers of patches do not.
MAX_DICTIONARY_LOG = {Stream.LITERAL: 25, Stream.EXTRA: 23, Stream.CHANGE: 22}
SMALL_DICTIONARY_LOG = 20
DICTIONARY_LOG_BESIDE_LARGE = 22  # an encoder of xz takes 94 MiB beside them, one of zopfli up to 105
STEP_BYTES = 8  # of the index, for a shape of the base


@dataclass
class FrameBuilder:
    """Steps of a frame, and what they add to each stream. `first`: the object number of the first result."""

    first: int
    steps: list[Step] = field(default_factory=list)
    streams: dict[Stream, list[Content]] = field(default_factory=dict)
    _made: dict[int, int] = field(default_factory=dict)  # id of a planned object, which the plan holds -> its number
    _joined: dict[tuple[int, ...], int] = field(default_factory=dict)  # base objects -> the number of their concat
    _shapes: dict[int, int] = field(default_factory=dict)  # a base object -> the number of its stream's shape

    def add_object(self, planned: PlannedObject, outcomes: Sequence[Encoding], place: int | None) -> int:
        """Adds the steps that make an object. Returns its object number. `outcomes`: those of the plan's tasks."""
        way = cheapest(planned.way, outcomes)
        if isinstance(way, InBase):
            return way.number if place is None else self._step(Copy(way.number, 0), place, None)
        if id(planned) in self._made:
            made = self._made[id(planned)]
            return made if place is None else self._step(Copy(made, 0), place, None)
        size = planned.size if place is None else None
        if isinstance(way, Assembled):
            number = self._step(self._archive(way, outcomes), place, size)
        else:
            encoding = outcomes[way.task]
            recipe = self._derived(way, encoding, outcomes) if encoding.rule else self._recipe(encoding)
            number = self._step(recipe, place, size, encoding)
        self._made[id(planned)] = number
        return number

    def add_members(self, planned: Sequence[PlannedObject], outcomes: Sequence[Encoding], names: Sequence[str]) -> None:
        """Adds what the archives among these hold, before any of them: alike stands beside alike in the packs.

        `names`: of the objects that the plan's tasks make. What is a file of its own is left to its turn.
        """
        own = {id(item) for item in planned}
        members = [
            (packing_key(names[way.task]), member)
            for item in planned
            for member, way in _members(item, outcomes)
            if id(member) not in own
        ]
        for _, member in sorted(members, key=lambda one: one[0]):
            self.add_object(member, outcomes, None)

    def stream_jobs(self) -> list[tuple[Stream, list[Content], int]]:
        """(stream, its parts, dictionary limit) of every stream that is not empty, in the order of the format."""
        filled = ((stream, parts) for stream, parts in sorted(self.streams.items()) if any(map(size_of, parts)))
        engines = {n for step in self.steps if isinstance(step.recipe, Archive) for n in step.recipe.engines}
        most = (
            DICTIONARY_LOG_BESIDE_LARGE if LARGE_FEATURES & features_of(engines) else max(MAX_DICTIONARY_LOG.values())
        )
        logs = {stream: min(log, most) for stream, log in MAX_DICTIONARY_LOG.items()}
        return [(stream, parts, logs.get(stream, SMALL_DICTIONARY_LOG)) for stream, parts in filled]

    def _archive(self, way: Assembled, outcomes: Sequence[Encoding]) -> Archive:
        """The recipe of an archive, behind the steps that make its parts."""
        skeleton = self.add_object(way.skeleton, outcomes, None)
        members = tuple(self.add_object(member, outcomes, None) for member in way.members)
        return Archive(skeleton, members, way.engines, tuple(self.add_object(s, outcomes, None) for s in way.shapes))

    def _step(self, recipe: Recipe, place: int | None, size: int | None, encoding: Encoding | None = None) -> int:
        self.steps.append(Step(recipe, place, size))
        for stream, parts in encoding.streams.items() if encoding else ():
            self.streams.setdefault(stream, []).extend(parts)
        return self.first + len(self.steps) - 1

    def _recipe(self, encoding: Encoding) -> Recipe:
        if encoding.triples is None:
            return Literal()
        kind = Rebased if Stream.LAYOUT in encoding.streams else Patch
        return kind(self._source(encoding), encoding.triples)

    def _derived(self, way: Encoded, encoding: Encoding, outcomes: Sequence[Encoding]) -> Derived:
        """The recipe of a derived object, behind the steps that make what it follows from."""
        source = self.add_object(way.source, outcomes, None) if way.source else encoding.sources[0]
        objects = tuple(self.add_object(way.objects[text], outcomes, None) for text in encoding.marks)
        return Derived(source, int(encoding.rule or 0), encoding.triples or 0, objects)

    def _source(self, encoding: Encoding) -> int:
        """The object that a patch starts from. Of several one is made first, once for all that start from the same."""
        if encoding.of_shape:
            (member,) = encoding.sources
            if member not in self._shapes:
                self._shapes[member] = self._step(Shape(member), None, encoding.source_bytes)
            return self._shapes[member]
        if len(encoding.sources) == 1:
            return encoding.sources[0]
        if encoding.sources not in self._joined:
            self._joined[encoding.sources] = self._step(Concat(encoding.sources), None, encoding.source_bytes)
        return self._joined[encoding.sources]


def packing_key(name: str) -> tuple[bool, str, str, bool]:
    """By suffix, then by name, so that similar objects stand side by side in the packs and compress better.

    Wheels with machine code stand behind those for any platform. What follows from another object stands behind it: a
    catalogue behind its source, a list of digests behind all.
    """
    source = source_label(name) or name
    suffix = PurePosixPath(source).suffix
    kind = source.rpartition("-")[2] if suffix == ".whl" else suffix
    return is_list(name, 0), kind, source, source != name


def _members(item: PlannedObject, outcomes: Sequence[Encoding]) -> Iterator[tuple[PlannedObject, Encoded]]:
    """What an archive is made of, and those in it, as far as it is encoded."""
    way = cheapest(item.way, outcomes)
    for member in way.members if isinstance(way, Assembled) else ():
        inner = cheapest(member.way, outcomes)
        if isinstance(inner, Encoded):
            yield member, inner
        yield from _members(member, outcomes)


def cheapest(way: Way, outcomes: Sequence[Encoding]) -> InBase | Encoded | Assembled:
    """The way itself, or of two the one that takes less."""
    if isinstance(way, Cheaper):
        return cheapest(min(way.ways, key=lambda one: _price(one, outcomes)), outcomes)
    return way


def _price(way: Way, outcomes: Sequence[Encoding]) -> int:
    """An estimate in bytes."""
    match way:
        case Encoded(task):
            return outcomes[task].price
        case Assembled(skeleton, members, _, shapes):
            parts = (skeleton, *members, *shapes)
            return STEP_BYTES * len(shapes) + sum(_price(part.way, outcomes) for part in parts)
        case Cheaper(ways):
            return min(_price(one, outcomes) for one in ways)
        case InBase():
            return 0
