"""The index of a section: frames of recipes, and the packs that feed them. spec/format.md, sections 8 and 9.

A frame is self-contained: its recipes use base objects, earlier results of the same frame, and its own packs. A delta
section is one frame, so its packs are solid. A full section has many, so that one file can be healed alone.

Object numbers within a frame: with a base of n entries, 0 is the base's tree manifest, 1 to n its entries, and
n + 1 + i the result of recipe i. Without a base, i is the result of recipe i.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Annotated

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.codecs import STORED, Packed, check_packed
from bundle.format.places import PlaceSet

INTERMEDIATE = 0x80
MAX_RECIPES = 2_000_000
MAX_FRAMES = 500_001  # a writer groups small objects, so that a release of a million has far fewer
MAX_BASE_OBJECTS = 4_000_000
MAX_USES = 4_000_000  # of objects, by all recipes together
MAX_GROWTH = 1040  # as much as deflate can make of its stream, and a little more
NUMBERS_A_BYTE = 4  # of the release, in bytes of varints,
FREE_NUMBER_BYTES = 1 << 24  # and so many in any case: each takes time
SHAPED = 0  # the number of no engine: the member's stream has a shape of its own [F-73]
AS_IT_IS = 60  # nor of these: the member is the stream itself, of deflate [F-75],
AS_IT_IS_BZIP2 = 61  # of bzip2,
AS_IT_IS_XZ = 62  # or of xz


class Stream(IntEnum):
    """What a pack holds [F-26]. Numbers stand in columns of varints."""

    LITERAL = 0
    ADD_LENGTH = 1
    EXTRA_LENGTH = 2
    SEEK = 3
    SKIP = 4
    CHANGE = 5
    EXTRA = 6
    PLACE = 7
    LAYOUT = 8
    OPERAND = 9
    JUMP = 10


_PACKED = 16  # is added to the stream of a pack that is compressed [F-102]
_NUMBERS = frozenset(Stream) - {Stream.LITERAL, Stream.CHANGE, Stream.EXTRA, Stream.OPERAND, Stream.JUMP}


class Pack(msgspec.Struct, frozen=True):
    """One pack of a frame."""

    stream: int
    packed: Packed


class Frame(msgspec.Struct, frozen=True):
    """The recipes of a frame, in columns, and its packs in the order in which they are stored [F-30]."""

    kinds: bytes
    places: list[int]
    sizes: list[int]
    sources: list[int]
    numbers: list[int]
    packs: list[Pack]


class Index(msgspec.Struct, frozen=True):
    """All frames of a section, how many objects the base has, and which of them are opened as archives [F-46].

    `base_objects` counts the base's manifest, its entries, and what opening gives. Without a base it is 0. `opened` has
    two numbers for each opened archive: its object number, and how many objects (skeleton and members) it gives.
    """

    base_objects: int
    opened: list[int]
    frames: list[Frame]

    @property
    def made_places(self) -> PlaceSet:
        """The places of the target that its recipes make, without that of the manifest."""
        return PlaceSet(place for frame in self.frames for place in places_of(frame) if place > 0)

    @property
    def scratch_bytes(self) -> int:
        """The room that the intermediate results of a frame take, at most [F-64]."""
        return max((sum(frame.sizes) for frame in self.frames), default=0)


class _Columns(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frame as it is encoded. Packs are a column like the others [F-102]."""

    kinds: bytes
    places: list[int]
    sizes: list[int]
    sources: list[int]
    numbers: list[int]
    packs: Annotated[list[int], msgspec.Meta(max_length=4 * len(Stream))]


class _Encoded(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An index as it is encoded."""

    base_objects: int
    opened: list[int]
    frames: Annotated[list[_Columns], msgspec.Meta(max_length=MAX_FRAMES)]


@dataclass(frozen=True, slots=True)
class Literal:
    """The object's bytes follow in the literal stream."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A stretch of another object, from `offset` bytes on."""

    source: int
    offset: int


@dataclass(frozen=True, slots=True)
class Patch:
    """bsdiff: `triples` control triples against another object."""

    source: int
    triples: int


@dataclass(frozen=True, slots=True)
class Rebased:
    """A patch of one executable image against another, its references rebased [F-52]."""

    source: int
    triples: int


@dataclass(frozen=True, slots=True)
class Concat:
    """Other objects, one after the other."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A skeleton with other objects deflated into it, each by its engine [F-48], or taken as it stands [F-75].

    `shapes`: one for each member whose engine is `SHAPED`, in their order [F-73]. Streams of the base's archives have
    no engine in the index: they are known by their numbers, and always stand as they are.
    """

    skeleton: int
    members: tuple[int, ...]
    engines: tuple[int, ...]
    shapes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of the stream that a member of an opened archive was inflated from [F-72]."""

    member: int


@dataclass(frozen=True, slots=True)
class Derived:
    """A patch of what a rule makes of another object, made complete by the digests of `objects` [F-103].

    Without triples, it is what the rule makes.
    """

    source: int
    rule: int
    triples: int
    objects: tuple[int, ...] = ()


Recipe = Literal | Copy | Patch | Concat | Archive | Rebased | Shape | Derived
_LITERAL = Literal()
_KINDS: tuple[type[Recipe], ...] = (Literal, Copy, Patch, Concat, Archive, Rebased, Shape, Derived)
# Machines read these names in the JSON of `build` and `inspect`. The spec's table of kinds has the same ones.
_NAMES = ("literal", "copy", "patch", "concat", "archive", "reaimed", "shape", "derived")


@dataclass(frozen=True, slots=True)
class Step:
    """One recipe and its result: an entry's `place` (0: the target's manifest), or an intermediate object of `size`."""

    recipe: Recipe
    place: int | None
    size: int | None = None


def name_of(recipe: Recipe) -> str:
    """What reports call the kind of a recipe. spec/format.md, section 9."""
    return _NAMES[_KINDS.index(type(recipe))]


def sources_of(recipe: Recipe) -> tuple[int, ...]:
    """The object numbers that a recipe uses."""
    match recipe:
        case Literal():
            return ()
        case Copy(source, _) | Patch(source, _) | Rebased(source, _) | Shape(source):
            return (source,)
        case Concat(parts):
            return parts
        case Archive(skeleton, members, _, shapes):
            return (skeleton, *members, *shapes)
        case Derived(source, _, _, objects):
            return (source, *objects)


IsStream = Callable[[int], bool]  # whether the object with that number is a stream of an archive of the base


def encode_frame(steps: list[Step], packs: list[Pack], is_stream: IsStream) -> Frame:
    """The columns of a frame. Places and sources are stored as differences from the one before."""
    kinds = bytes(_KINDS.index(type(step.recipe)) | (INTERMEDIATE if step.place is None else 0) for step in steps)
    places = [step.place for step in steps if step.place is not None]
    sizes = [step.size for step in steps if step.size is not None]
    sources = [source for step in steps for source in sources_of(step.recipe)]
    numbers: list[int] = []
    for step in steps:
        match step.recipe:
            case Copy(_, number) | Patch(_, number) | Rebased(_, number):
                numbers.append(number)
            case Concat(parts):
                numbers.append(len(parts))
            case Archive(_, members, engines, _):
                named = zip(members, engines, strict=True)
                numbers += [len(members), *(engine for member, engine in named if not is_stream(member))]
            case Derived(_, rule, triples, objects):
                numbers += [rule, triples, len(objects)]
    return Frame(kinds, _differences(places), sizes, _differences(sources), numbers, packs)


def encode_index(index: Index) -> bytes:
    """The canonical bytes of an index."""
    frames = [
        _Columns(frame.kinds, frame.places, frame.sizes, frame.sources, frame.numbers, _described(frame.packs))
        for frame in index.frames
    ]
    return canonical.encode(_Encoded(index.base_objects, index.opened, frames))


def _described(packs: list[Pack]) -> list[int]:
    numbers: list[int] = []
    for stream, packed in ((pack.stream, pack.packed) for pack in packs):
        is_stored = packed.codec == STORED
        numbers += [stream, packed.length] if is_stored else [_PACKED + stream, *msgspec.structs.astuple(packed)]
    return numbers


def _packs(numbers: list[int], where: str) -> list[Pack]:
    """The packs that a column describes [F-102]. Raises Malformed if it ends within one."""
    packs, column = [], iter(numbers)
    try:
        for number in column:
            if number < _PACKED:
                length = next(column)
                packs.append(Pack(number, Packed(STORED, length, length)))
                continue
            packed = Packed(next(column), next(column), next(column))
            if packed.codec == STORED:
                raise Malformed(f"{where}: a pack of stored bytes is described as a compressed one")
            packs.append(Pack(number - _PACKED, packed))
    except StopIteration as error:
        raise Malformed(f"{where}: the column of its packs is too short") from error
    return packs


def places_of(frame: Frame) -> Iterator[int]:
    """The places that a frame makes, in the order of its recipes."""
    return accumulate(frame.places)


def decode_frame(frame: Frame, base_objects: int, is_stream: IsStream, where: str) -> Iterator[Step]:
    """The steps of a frame, each checked as it is read: known kinds, only objects before each, nothing left over.

    One at a time, for there may be millions. Raises Malformed [F-26], [F-30], [F-33]. A cycle cannot be written down.
    """
    _check_packs(frame.packs, where)
    places, sizes = places_of(frame), iter(frame.sizes)
    sources, numbers = iter(accumulate(frame.sources)), iter(frame.numbers)
    try:
        for number, byte in enumerate(frame.kinds):
            recipe = _read_recipe(byte & ~INTERMEDIATE, sources, numbers, is_stream, where)
            if not all(0 <= source < base_objects + number for source in sources_of(recipe)):
                raise Malformed(f"{where}: recipe {number} uses an object that is not before it")
            intermediate = byte & INTERMEDIATE
            place, size = (None, next(sizes)) if intermediate else (next(places), None)
            yield Step(recipe, place, size)
    except StopIteration as error:
        raise Malformed(f"{where}: a column of its recipes is too short") from error
    if any(next(column, None) is not None for column in (places, sizes, sources, numbers)):
        raise Malformed(f"{where}: a column of its recipes is too long")


def decode_index(data: bytes, body_packs_bytes: int, room: int, release_bytes: int, where: str) -> Index:
    """Reads an index. Its packs must fill the body's remaining bytes exactly. Raises Malformed [F-23].

    Its intermediate results must fit into the section's `room` [F-64], and into what a release of that size may take
    on its way [F-65]. To go through its sources and numbers takes no longer than such a release may [F-68].
    """
    encoded = canonical.decode(data, _Encoded, where)
    frames = [
        Frame(one.kinds, one.places, one.sizes, one.sources, one.numbers, _packs(one.packs, where))
        for one in encoded.frames
    ]
    index = Index(encoded.base_objects, encoded.opened, frames)
    if sum(len(frame.kinds) for frame in index.frames) > MAX_RECIPES:
        raise Malformed(f"{where}: more than {MAX_RECIPES} recipes")
    if not 0 <= index.base_objects <= MAX_BASE_OBJECTS:
        raise Malformed(f"{where}: {index.base_objects} base objects are not within 0 to {MAX_BASE_OBJECTS}")
    lengths = [pack.packed.length for frame in index.frames for pack in frame.packs]
    if min(lengths, default=0) < 0:
        raise Malformed(f"{where}: a pack has a negative length")
    if sum(lengths) != body_packs_bytes:
        raise Malformed(f"{where}: its packs do not fill the section's {body_packs_bytes} bytes")
    _check_sizes(index, room, release_bytes, where)
    _check_numbers(index, release_bytes, where)
    return index


def _check_sizes(index: Index, room: int, release_bytes: int, where: str) -> None:
    if not all(0 <= size <= canonical.MAX_INTEGER for frame in index.frames for size in frame.sizes):
        raise Malformed(f"{where}: an intermediate size is not within 0 to 2^53 - 1")
    if (scratch := index.scratch_bytes) > room:
        raise Malformed(f"{where}: intermediate results of {scratch:,} bytes, its section declares {room:,}")
    made = sum(sum(frame.sizes) for frame in index.frames)
    if made > MAX_GROWTH * release_bytes:
        raise Malformed(f"{where}: makes {made:,} bytes on the way to a release of {release_bytes:,}")


def _check_numbers(index: Index, release_bytes: int, where: str) -> None:
    if sum(len(frame.sources) for frame in index.frames) > MAX_USES:
        raise Malformed(f"{where}: its recipes use objects more than {MAX_USES} times")
    packs = (pack.packed for frame in index.frames for pack in frame.packs if pack.stream in _NUMBERS)
    found = sum(max(0, packed.size) for packed in packs)
    if found > NUMBERS_A_BYTE * release_bytes + FREE_NUMBER_BYTES:
        raise Malformed(f"{where}: {found:,} bytes of numbers for a release of {release_bytes:,}")


def _read_recipe(kind: int, sources: Iterator[int], numbers: Iterator[int], is_stream: IsStream, where: str) -> Recipe:
    if kind >= len(_KINDS):
        raise Malformed(f"{where}: recipe kind {kind} is unknown")
    recipe = _KINDS[kind]
    if recipe is Literal or recipe is Shape:
        return _LITERAL if recipe is Literal else Shape(next(sources))
    number = next(numbers)
    if not 0 <= number <= canonical.MAX_INTEGER:
        raise Malformed(f"{where}: a number of a recipe is not within 0 to 2^53 - 1")
    if recipe is Copy:
        return Copy(next(sources), number)
    if recipe is Patch or recipe is Rebased:
        return recipe(next(sources), number)
    if recipe is Derived:
        return _read_derived(number, sources, numbers, where)
    if number > MAX_RECIPES:
        raise Malformed(f"{where}: a recipe of {number} parts")
    if recipe is Concat:
        return Concat(_take(sources, number))
    skeleton, members = next(sources), _take(sources, number)
    engines = tuple([AS_IT_IS if is_stream(member) else next(numbers) for member in members])
    return Archive(skeleton, members, engines, _take(sources, engines.count(SHAPED)))


def _read_derived(rule: int, sources: Iterator[int], numbers: Iterator[int], where: str) -> Derived:
    triples, objects = next(numbers), next(numbers)
    if triples < 0 or not 0 <= objects <= MAX_RECIPES:
        raise Malformed(f"{where}: a number of a derived object is out of bounds")
    return Derived(next(sources), rule, triples, _take(sources, objects))


def _take(column: Iterator[int], count: int) -> tuple[int, ...]:
    """The next numbers of a column. Raises StopIteration if it ends before, even for an absurd count."""
    return tuple([next(column) for _ in range(count)])


def _check_packs(packs: list[Pack], where: str) -> None:
    streams = [pack.stream for pack in packs]
    if streams != sorted(set(streams)) or not set(streams) <= set(Stream):
        raise Malformed(f"{where}: its packs are not one for each known stream, in order")
    for pack in packs:
        check_packed(pack.packed, f"{where}: pack {Stream(pack.stream).name}")


def _differences(values: list[int]) -> list[int]:
    return [value - before for before, value in zip([0, *values], values, strict=False)]
