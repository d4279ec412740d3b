"""Index, recipes and streams for the second reader: sections 8 and 9 of format.md."""

import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import derived
from archives import complete, open_archive, split_skeleton
from codings import AS_IT_IS, DEFLATE, DIGESTS, ENGINES, coding_by, coding_of, gives_known_bytes, pack_by, unpacked
from rebased import TRIPLES_MAX, rebase
from shapes import restore, shape_of
from tree import LINK, Base, Entry, completed, judge_link, label, parse_draft
from wire import MAX_INT, Allowance, Cursor, Refused, corrupt, decode, malformed, need, packed, unpack

STREAMS = ("literals", "add lengths", "extra lengths", "seeks", "skips", "changes", "extra bytes", "places", "layouts")
STREAMS += ("operands", "jumps")
LITERAL, COPY, PATCH, CONCAT, ARCHIVE, REBASED, SHAPE, DERIVED = range(8)
SHAPED = 0
MEMBER_MAX, DEPTH_MAX, FRAMES_MAX = 67_108_864, 8, 500_001
ZOPFLI_MAX, ZOPFLI_WORK = 16_777_216, 64
GROWTH, SHRINKING, NUMBERS, READ, FREE = 1040, 16, 4, 4, 16_777_216
TABLE_MAX = 12_582_912  # of relocations, which may follow an image [F-108]: a page with one takes 12 bytes
RECIPES_MAX, BASE_OBJECTS_MAX, USES_MAX = 2_000_000, 4_000_000, 4_000_000


def usable_features() -> set[str]:
    """The features of sections that this reader can evaluate."""
    return {"references-1", "deflate-shape", "derived-1", *filter(gives_known_bytes, DIGESTS)}


@dataclass(frozen=True)
class Frame:
    """Six columns [F-30]; packs are (stream, codec, length, size)."""

    kinds: bytes
    places: list[int]
    sizes: list[int]
    sources: list[int]
    numbers: list[int]
    packs: list[tuple[int, int, int, int]]


def _integers(value: Any, low: int, name: str) -> list[int]:
    need(type(value) is list and all(type(n) is int and n >= low for n in value), f"{name} are no numbers")
    result: list[int] = value
    return result


def _frame(value: Any) -> Frame:
    need(type(value) is list and len(value) == 6 and type(value[0]) is bytes, "a frame has not six columns")
    need(type(value[5]) is list, "the packs of a frame are no array")
    packs = []
    column = _integers(value[5], 0, "packs")[::-1]
    need(len(column) <= 36, "the packs of a frame are too many")
    while column:
        is_packed, stream = divmod(column.pop(), 16)  # F-102
        need(is_packed < 2 and stream < len(STREAMS), f"a pack has stream {stream}")
        need(len(column) >= (3 if is_packed else 1), "a pack is cut short")
        described = [column.pop() for _ in range(3 if is_packed else 1)]
        need(not is_packed or described[0] != 0, "a pack of stored bytes has too many numbers")
        packs.append((stream, *packed(described if is_packed else [0, *described * 2], "a pack")))
    streams = [pack[0] for pack in packs]
    need(streams == sorted(set(streams)), "the packs of a frame do not ascend by stream")
    columns = [_integers(value[n], -MAX_INT if n in (1, 3) else 0, f"column {n}") for n in range(1, 5)]
    return Frame(value[0], *columns, packs)


class Index:
    """A section's index, and the base objects that its numbers mean [F-32]."""

    def __init__(self, data: bytes, base: Base | None) -> None:
        value = decode(data, "the index")
        need(type(value) is list and len(value) == 3 and type(value[2]) is list, "the index has not three parts")
        opened = _integers(value[1], 0, "opened archives")
        need(len(opened) % 2 == 0, "opened archives are no pairs")
        need(len(value[2]) <= FRAMES_MAX, "the index has too many frames")
        self.frames = [_frame(frame) for frame in value[2]]
        self.numbers = sum(pack[3] for frame in self.frames for pack in frame.packs if pack[0] in (1, 2, 3, 4, 7, 8))
        self.stored = sum(pack[2] for frame in self.frames for pack in frame.packs)
        self.entries = 0 if base is None else len(base.hashes) + 1
        self.base_objects = self.entries + sum(opened[1::2])
        self.pairs = list(zip(opened[::2], opened[1::2], strict=True))
        need(self.base_objects <= BASE_OBJECTS_MAX, "the index has too many base objects")
        need(sum(len(frame.kinds) for frame in self.frames) <= RECIPES_MAX, "the index has too many recipes")
        need(sum(len(frame.sources) for frame in self.frames) <= USES_MAX, "the recipes use too many objects")
        need(len(set(opened[::2])) == len(self.pairs), "an archive is opened twice")
        self.made = [sum(frame.sizes) for frame in self.frames]
        first, starts = self.entries, list[tuple[int, int]]()
        for number, gives in self.pairs:
            depth = next((depth for start, depth in reversed(starts) if number >= start), 0) + 1
            need(depth <= DEPTH_MAX, "an opened archive lies in too many others")
            starts.append((first, depth))
            need(
                0 < number < first and 3 <= gives <= 1_000_001 and gives % 2 == 1,
                "an opened archive has a number or a count out of bounds",
            )
            first += gives
        need(value[0] == self.base_objects, "the index was made for another base")

    def holder(self, number: int) -> tuple[int, int] | None:
        """(archive by its place in the list, which of its objects), for an object that an opened archive gives."""
        number -= self.entries
        for at, (_, gives) in enumerate(self.pairs):
            if 0 <= number < gives:
                return at, number
            number -= gives
        return None

    def is_stream(self, number: int) -> bool:
        """Whether an object is a stream of an opened archive: they are the last that it gives."""
        held = self.holder(number)
        return held is not None and 2 * held[1] > self.pairs[held[0]][1]

    def used(self) -> set[int]:
        """The objects that recipes use, and the archives that those lie in."""
        used = {number for frame in self.frames for sources in self.sources(frame) for number in sources}
        return used | {self.pairs[archive][0] for number in used for archive in self._around(number)}

    def _around(self, number: int) -> Iterator[int]:
        """The archives that an object lies in."""
        held = self.holder(number)
        while held is not None:
            yield held[0]
            held = self.holder(self.pairs[held[0]][0])

    def last_uses(self) -> dict[int, int]:
        """Archive -> the last recipe, counted from 0 through all frames, that uses what it or one within gives."""
        last, recipe = dict[int, int](), 0
        for frame in self.frames:
            for sources in self.sources(frame):
                last |= dict.fromkeys((archive for number in sources for archive in self._around(number)), recipe)
                recipe += 1
        return last

    def sources(self, frame: Frame) -> Iterator[list[int]]:
        """The objects that each recipe uses; results of the frame among them."""
        columns = Columns(frame)
        for byte in frame.kinds:
            kind = byte & 127
            need(kind <= DERIVED, f"a recipe has kind {kind}")
            if kind == DERIVED:
                _, _, count = (columns.next("numbers") for _ in range(3))
                yield [columns.next("sources") for _ in range(1 + count)]
                continue
            count = columns.next("numbers") if kind not in (LITERAL, SHAPE) else 0
            used = {CONCAT: count, ARCHIVE: count + 1, LITERAL: 0}.get(kind, 1)
            found = [columns.next("sources") for _ in range(used)]
            named = [number for number in found[1:] if kind == ARCHIVE and not self.is_stream(number)]
            engines = [columns.next("numbers") for _ in named]
            yield [*found, *(columns.next("sources") for _ in range(engines.count(SHAPED)))]


def sums(differences: list[int]) -> Iterator[int]:
    total = 0
    for difference in differences:
        total += difference
        yield total


class Columns:
    """The columns of a frame, consumed recipe by recipe."""

    def __init__(self, frame: Frame) -> None:
        self._left = {
            "places": frame.places[::-1],
            "sizes": frame.sizes[::-1],
            "sources": frame.sources[::-1],
            "numbers": frame.numbers[::-1],
        }
        self._last = {"places": 0, "sources": 0}

    def next(self, column: str) -> int:
        need(bool(self._left[column]), f"a frame has too few {column}")
        value = self._left[column].pop()
        if column in self._last:
            value = self._last[column] = self._last[column] + value
        return value

    def end(self) -> None:
        for column, left in self._left.items():
            need(not left, f"a frame has too many {column}")


class Rebuild:
    """Runs all recipes of a section, and holds each result against the manifest [F-31] [F-37]."""

    def __init__(self, index: Index, root: dict[str, Any], base: Base | None, room: int) -> None:
        """Refuses what takes more than the section declares, or than such a release may take [F-64] [F-65]."""
        self._index, self._root, self._base = index, root, base
        self._room = room - max(index.made, default=0)
        need(self._room >= 0, "the intermediate results of a frame are larger than the section's room")
        need(sum(index.made) <= GROWTH * root["size"], "the intermediate results are too large for such a release")
        need(index.numbers <= NUMBERS * root["size"] + FREE, "the patches have too many numbers for such a release")
        images = Allowance(SHRINKING * root["size"] + FREE)
        self._work = {ARCHIVE: Allowance(GROWTH * root["size"]), REBASED: images}
        self._work[SHAPE] = Allowance(READ * root["size"] + FREE)
        self._work[DERIVED] = Allowance(READ * root["size"] + FREE)
        self._last_uses, self._recipe = index.last_uses(), 0
        self._used, self._taken = index.used(), dict[int, int]()
        self._opened: dict[int, list[bytes]] = {}
        self._made: set[int] = set()
        self._to_make = {place for frame in index.frames for place in sums(frame.places)} - {0}
        self._hashes: dict[int, bytes] = {}
        self._links: dict[bytes, bytes] = {}
        self.entries: list[Entry] = []

    def run(self, read: Callable[[int, int], bytes]) -> None:
        """`read` gives bytes of the packs by offset and length."""
        need(bool(self._index.frames) and bool(self._index.frames[0].kinds), "the section has no recipe")
        offset = 0
        for frame in self._index.frames:
            streams = {}
            for stream, codec, length, size in frame.packs:
                streams[stream] = unpack(codec, read(offset, length), size, f"a pack of {STREAMS[stream]}")
                offset += length
            self._run_frame(frame, streams)
        self._check_complete()

    def _base_object(self, number: int) -> bytes:
        if number >= self._index.entries:
            return self._of_archive(number)
        if self._base is None:
            raise malformed("a section without a base uses one")
        return self._base.object(number)

    def _stream(self, number: int) -> bytes:
        """The stream that a member was inflated from [F-72]."""
        held = self._index.holder(number) if self._index.entries <= number < self._index.base_objects else None
        if held is None or held[1] == 0 or self._index.is_stream(number):
            raise malformed(f"object {number} is no member of an opened archive")
        return self._of_archive(number + self._index.pairs[held[0]][1] // 2)

    def _of_archive(self, number: int) -> bytes:
        """An object of an opened archive; one of which none is used stays closed [F-35], or is closed again [F-64]."""
        held = self._index.holder(number)
        if held is None:
            raise malformed("a recipe uses an object that nothing gives")
        (at, place), (archive, gives) = held, self._index.pairs[held[0]]
        if at not in self._opened:
            given = open_archive(self._base_object(archive))
            self._taken[at] = self._room_of(number - place, given)
            need(sum(self._taken.values()) <= self._room, "opened archives give more than the section's room")
            self._opened[at] = given
        need(len(self._opened[at]) == gives, f"object {archive} of the base does not give {gives} objects")
        return self._opened[at][place]

    def _room_of(self, first: int, given: list[bytes]) -> int:
        """Of what an archive gives, the bytes of what is used; streams take none [F-64]."""
        return sum(len(data) for at, data in enumerate(given[: len(given) // 2 + 1], first) if at in self._used)

    def _close(self) -> None:
        """After a recipe: the archives that no later one needs."""
        for at in [at for at in self._opened if self._last_uses[at] <= self._recipe]:
            del self._opened[at], self._taken[at]
        self._recipe += 1

    def _run_frame(self, frame: Frame, packs: dict[int, bytes]) -> None:
        columns = Columns(frame)
        streams = [Cursor(packs.get(n, b""), f"the stream of {name}") for n, name in enumerate(STREAMS)]
        results: list[bytes] = []
        hashed: set[int] = set()  # results for places, and what was hashed for a list
        for byte in frame.kinds:
            place = None if byte & 128 else columns.next("places")
            size = columns.next("sizes") if place is None else self._size_of(place)
            source = functools.partial(self._source, results)
            digest = functools.partial(self._digest, results, hashed)
            recipe = Recipe(columns, streams, size, source, self._stream, digest, self._index, self._work)
            results.append(recipe.make(byte & 127))
            hashed |= {self._index.base_objects + len(results) - 1} if place else set()
            if place is not None:
                self._keep(place, results[-1])
            self._close()
        columns.end()
        for stream in streams:
            stream.end()

    def _source(self, results: list[bytes], number: int) -> bytes:
        b = self._index.base_objects
        need(0 <= number < b + len(results), f"a recipe uses object {number}, which is not before its result")
        return results[number - b] if number >= b else self._base_object(number)

    def _digest(self, results: list[bytes], hashed: set[int], number: int) -> tuple[bytes, int]:
        """Hash and size of a further object of a derived one; what no manifest tells counts once [F-68]."""
        if self._base is not None and 0 < number < self._index.entries:
            digest = self._base.hashes[number - 1]
            return digest, self._base.sizes[digest]
        data = self._source(results, number)
        if number not in hashed:
            self._work[ARCHIVE].spend(len(data))
            hashed.add(number)
        return hashlib.sha256(data).digest(), len(data)

    def _size_of(self, place: int) -> int:
        if not self._made:
            need(place == 0, "the first recipe does not make the manifest")
            size: int = self._root["manifest_size"]
            return size
        need(0 < place <= len(self.entries) and place not in self._made, f"place {place} is made twice, or is none")
        return self.entries[place - 1].size

    def _keep(self, place: int, data: bytes) -> None:
        wanted = self.entries[place - 1].hash if place else b""
        if not place:
            self.entries = parse_draft(data, self._to_make, self._root["platform"])
            need(len(self.entries) == self._root["entries"], "the root says another number of entries")
            need(sum(e.size for e in self.entries) == self._root["size"], "the root says another size")
            sizes = self._base.sizes if self._base else {}
            agree = all(sizes.get(e.hash, e.size) == e.size for e in self.entries)
            need(agree, "an entry has another size than the base has of the same content")
        else:
            need(wanted == label(place), f"place {place} has a hash already")
            self._hashes[place] = hashlib.sha256(data).digest()
        if place and (
            self.entries[place - 1].kind == LINK or any(e.kind == LINK and e.hash == wanted for e in self.entries)
        ):
            self._links[wanted] = data
        self._made.add(place)

    def _check_complete(self) -> None:
        of_base = set(self._base.hashes) if self._base else set()
        seen, needed = set(of_base), {0}
        for place, entry in enumerate(self.entries, 1):
            if entry.size and entry.hash not in seen:
                needed.add(place)
            seen.add(entry.hash)
        need(self._made == needed, "the recipes do not make just the places that are needed")
        if hashlib.sha256(completed(self.entries, self._hashes)).digest() != self._root["tree"]:
            raise corrupt("what is made is another release than the signed one")
        for entry in self.entries:
            if entry.kind == LINK:
                judge_link(
                    entry.path, self._links[entry.hash] if entry.hash not in of_base else self._of_base(entry.hash)
                )
        known = {label(place): digest for place, digest in self._hashes.items()}
        self.entries = [replace(entry, hash=known.get(entry.hash, entry.hash)) for entry in self.entries]

    def _of_base(self, digest: bytes) -> bytes:
        if self._base is None:
            raise malformed("a section without a base uses one")
        return self._base.object(1 + self._base.hashes.index(digest))


def _nothing(_: int) -> None:
    """What the base has costs nothing [F-68]."""


@dataclass(frozen=True)
class Recipe:
    """One result of `size` bytes [section 9]."""

    columns: Columns
    streams: list[Cursor]
    size: int
    source_of: Callable[[int], bytes]
    stream_of: Callable[[int], bytes]
    digest_of: Callable[[int], tuple[bytes, int]]
    index: Index
    work: dict[int, Allowance]  # of recipes of a kind [F-68]

    def make(self, kind: int) -> bytes:
        need(kind <= DERIVED, f"a recipe has kind {kind}")
        makers = (self._literal, self._copy, self._patch, self._concat, self._archive, self._rebased, self._shape)
        result = (*makers, self._derived)[kind]()
        need(len(result) == self.size, f"a recipe makes {len(result)} bytes, not {self.size}")
        return result

    def _source(self) -> bytes:
        return self.source_of(self.columns.next("sources"))

    def _literal(self) -> bytes:
        return self.streams[0].take(self.size)

    def _copy(self) -> bytes:
        source, offset = self._source(), self.columns.next("numbers")
        need(offset + self.size <= len(source), "a copy leaves its source")
        return source[offset : offset + self.size]

    def _concat(self) -> bytes:
        parts, left = [], self.size
        for _ in range(self.columns.next("numbers")):
            parts.append(self._source())
            left -= len(parts[-1])
            need(left >= 0, "the parts of a concat are more than its result")
        return b"".join(parts)

    def triples(
        self, source_size: int, reached: list[int] | None = None, most: int | None = None
    ) -> list[tuple[int, int, int]]:
        """(position, bytes to copy, bytes of extra) of each triple, within the bounds of [F-41].

        `reached`: takes all positions in the source. `most`: so many triples at most [F-82].
        """
        found, position, left = [], 0, self.size
        count = self.columns.next("numbers")
        need(count <= 2 * self.size + 2, "a patch has more triples than its result can need")
        need(most is None or count <= most, "a rebased patch has too many triples")
        for number in range(count):
            is_last = number == count - 1  # F-134
            e = self.streams[2].varint()
            a, s = (left - e, 0) if is_last else (self.streams[1].varint(), self.streams[3].seek())
            left -= a + e
            need(a >= 0 and left >= 0, "a patch makes more than its result")
            need(position + a <= source_size, "a patch reads beyond its source")
            found.append((position, a, e))
            position += a + s
            need(0 <= position <= source_size, "a patch leaves its source")
            if reached is not None:
                reached += [position, position - s]
        need(left == 0, "a patch makes less than its result")
        return found

    def change(self, copied: bytearray) -> None:
        """Adds the changes to bytes copied by all triples, in their order [F-36]."""
        at = 0
        for _ in range(self.streams[4].varint()):
            at += self.streams[4].varint()
            need(at < len(copied), "a change is behind the last copied byte")
            copied[at] = (copied[at] + self.streams[5].byte()) % 256
            at += 1

    def _patch(self) -> bytes:
        source = self._source()
        triples = self.triples(len(source))
        copied = bytearray(b"".join(source[p : p + a] for p, a, _ in triples))
        self.change(copied)
        return self.weave(triples, bytes(copied))

    def weave(self, triples: list[tuple[int, int, int]], copied: bytes) -> bytes:
        parts, at = [], 0
        for _, a, e in triples:
            parts += [copied[at : at + a], self.streams[6].take(e)]
            at += a
        return b"".join(parts)

    def _archive(self) -> bytes:
        skeleton = self._source()
        count = self.columns.next("numbers")
        numbers = [self.columns.next("sources") for _ in range(count)]
        members, streams, codings = [], [], []
        layout, rest = split_skeleton(Cursor(skeleton, "a skeleton"))
        need(len(layout.gaps) == count, "an archive has another number of members than its skeleton has streams")
        left = self.size - len(rest)
        engines = [None if self.index.is_stream(number) else self.columns.next("numbers") for number in numbers]
        for number, engine in zip(numbers, engines, strict=True):
            member = self.source_of(number)
            spend = self.work[ARCHIVE].spend if engine is not None else _nothing
            codings.append(coding_of(member) if engine is None else coding_by(engine))
            if engine is None or engine in AS_IT_IS:
                members.append(unpacked(member, codings[-1], spend))
                streams.append(member)
            else:
                is_slow = engine in ENGINES["deflate-zopfli"]
                need(not is_slow or len(member) <= ZOPFLI_MAX, f"a member of {len(member)} bytes is too large")
                spend(len(member) * (ZOPFLI_WORK if is_slow else 1))
                members.append(member)
                if engine == SHAPED:
                    streams.append(restore(member, self._source(), max(0, left)))
                else:
                    streams.append(self._packed(member, engine))
            left -= len(streams[-1])
        return complete(layout, rest, members, streams, codings)

    def _shape(self) -> bytes:
        number = self.columns.next("sources")
        stream, plain = self.stream_of(number), self.source_of(number)
        self.work[SHAPE].spend(len(stream) + len(plain) // 16)
        shape = shape_of(stream, plain) if coding_of(stream) == DEFLATE else None
        if shape is None:
            raise malformed("a stream of which a shape is wanted has none")
        return shape

    def _derived(self) -> bytes:
        """[F-103], [F-104]"""
        rule, triples, count = (self.columns.next("numbers") for _ in range(3))
        need(1 <= rule <= derived.SOURCE_MAP, f"an object is derived by rule {rule}")
        source = self._source()
        objects = [self.columns.next("sources") for _ in range(count)]
        self.work[DERIVED].spend(len(source))
        try:
            made = derived.form(rule, source)
            if triples:
                made = self._patched_form(made, triples)
            need(not objects or rule == derived.DIGESTS, "a derived object has further objects")
            return derived.complete(rule, made, [self.digest_of(number) for number in objects])
        except ValueError as fault:
            raise malformed(f"a derived object: {fault}") from fault

    def _patched_form(self, source: bytes, count: int) -> bytes:
        """A patch whose triples alone say how long its result is."""
        need(count <= derived.TRIPLES_MAX, "a derived object has too many triples")
        triples, position, size = [], 0, 0
        for _ in range(count):
            a, e, s = self.streams[1].varint(), self.streams[2].varint(), self.streams[3].seek()
            need(position + a <= len(source), "a patch reads beyond its source")
            size += a + e
            need(size <= derived.MAX, "a derived object has a form that is too long")
            triples.append((position, a, e))
            position += a + s
            need(0 <= position <= len(source), "a patch leaves its source")
        self.work[DERIVED].spend(size)
        copied = bytearray(b"".join(source[p : p + a] for p, a, _ in triples))
        self.change(copied)
        return self.weave(triples, bytes(copied))

    def _packed(self, member: bytes, engine: int) -> bytes:
        feature = next((name for name, numbers in ENGINES.items() if engine in numbers), None)
        need(feature is not None, f"an archive has engine {engine}")
        need(feature in DIGESTS or len(member) <= MEMBER_MAX, f"a member of {len(member)} bytes is too large")
        if feature not in usable_features():
            raise Refused("unsupported", f"this reader lacks the engines of {feature}")
        return pack_by(engine, member)

    def _rebased(self) -> bytes:
        source = self._source()
        need(len(source) <= SHRINKING * self.size, "an image is rebased to one that is very much smaller")
        self.work[REBASED].spend(len(source))
        reached: list[int] = [0]
        triples = self.triples(len(source) + TABLE_MAX, reached, TRIPLES_MAX)
        return rebase(source, self.size, triples, max(reached), self.streams)
