"""The skeleton of an archive: all its bytes but the packed streams, and where those go. spec/format.md [F-47].

varint            number of streams
varint            number of cuts
varint, each      bytes of the rest that stand before the stream, counted from the stream before
3 varints, each   a cut: number of its stream (less that of the cut before), length of the stretch that ends there,
                  bytes of the rest before the stream goes on
rest              headers, directories, stored members, whatever was not taken out; of what headers repeat, the
                  difference from what it should be (`headers`)

Both ways go forward: neither the archive, nor its skeleton, nor more than two of its streams are held at one time.
"""

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import accumulate, islice
from pathlib import Path

from bundle.archives.codings import Coding
from bundle.archives.engines import AS_IT_IS_IN, check_member, coding_of, pack_stream, pack_work
from bundle.archives.headers import Facts, leave_out, put_back
from bundle.archives.streams import MAX_RATIO, StreamTable
from bundle.archives.stretches import MAX_CUTS, Cuts, Layout
from bundle.deflate.shape import restore
from bundle.errors import Malformed
from bundle.format.index import SHAPED
from bundle.format.objects import Readable, Scratch, Window, read_all
from bundle.format.varints import MAX_VARINT_BYTES, read_varints, write_varints

_PENDING_BYTES = 2 * 1024 * 1024  # of a stream that is made: more goes to a file


class StoredStream:
    """A stream of an archive as it stands there, and what is known of it [F-75]."""

    def __init__(self, stream: Readable, facts: Facts) -> None:
        self._stream = stream
        self.size = stream.size
        self.facts = facts

    def read_at(self, offset: int, length: int) -> bytes:
        return self._stream.read_at(offset, length)


class _Rest:
    """An archive without its streams."""

    def __init__(self, archive: Readable, table: StreamTable) -> None:
        self._archive = archive
        self.layout = table.layout()
        self.places, lengths = array("Q"), array("Q")
        left = 0
        for place, number, length in self.layout.stretches():
            left = left or table.lengths[number]
            lengths.append(left if length is None else length)
            left -= lengths[-1]
            self.places.append(place)
        self._shifts = array("Q", accumulate(lengths, initial=0))
        self.size = archive.size - self._shifts[-1]

    def read_at(self, offset: int, length: int) -> bytes:
        parts = []
        while length:
            passed = bisect_right(self.places, offset)
            end = self.places[passed] if passed < len(self.places) else self.size
            part = min(length, end - offset)
            parts.append(self._archive.read_at(offset + self._shifts[passed], part))
            offset += part
            length -= part
        return b"".join(parts)


def skeleton_size(archive: Readable, table: StreamTable) -> int:
    """How many bytes the skeleton will have."""
    return archive.size - sum(table.lengths) + sum(map(len, _written_gaps(table)))


def make_skeleton(archive: Readable, table: StreamTable) -> Iterator[bytes]:
    """The skeleton of an archive whose streams are taken out, chunk by chunk."""
    yield from _written_gaps(table)
    rest = _Rest(archive, table)
    yield from leave_out(rest, rest.layout, partial(facts_of, archive, table))


def facts_of(archive: Readable, table: StreamTable, number: int) -> Facts:
    """What a stream of an archive is."""
    stream, coding = table.stream(archive, number), Coding(table.codings[number])
    return Facts(table.crcs[number], table.lengths[number], table.sizes[number], stream, coding)


def _written_gaps(table: StreamTable) -> Iterator[bytes]:
    yield write_varints([len(table), len(table.cuts)])
    for gap in table.gaps():
        yield write_varints([gap])
    before = 0
    for stream, length, gap in table.cuts:
        yield write_varints([stream - before, length, gap])
        before = stream


def rebuild(
    skeleton: Readable,
    members: Iterable[Readable],
    engines: Sequence[int],
    size: int,
    directory: Path | None = None,
    spend: Callable[[int], None] = lambda _: None,
    shapes: Iterable[Readable] = (),
) -> Iterator[bytes]:
    """The archive of that size, chunk by chunk: the skeleton with every member packed by its engine.

    `directory` takes temporary files, of no more than `size` bytes. `spend` is told what plain bytes count
    for, before they are packed or unpacked. `shapes` has one for each member that is restored from it [F-73]. Raises
    Malformed, before a member is packed that an archive so small does not hold.
    """
    if skeleton.size > size + MAX_VARINT_BYTES * (len(engines) + 2):
        raise Malformed(f"recipe: a skeleton of {skeleton.size} bytes is larger than its archive")
    layout, at = _read_layout(skeleton, len(engines))
    rest = Window(skeleton, at, skeleton.size - at)
    if layout.end > rest.size:
        raise Malformed("recipe: a skeleton is shorter than its gaps")
    with closing(_Streams(members, engines, shapes, size, size - rest.size, directory, spend)) as streams:
        at, stretches = 0, layout.stretches()
        stretch = next(stretches, None)
        for chunk in put_back(rest, layout, streams.facts):
            done = 0
            while stretch and stretch[0] < at + len(chunk):
                place, number, length = stretch
                yield chunk[done : place - at]
                done = place - at
                yield from streams.give(number, length)
                stretch = next(stretches, None)
            yield chunk[done:]
            at += len(chunk)
        while stretch:
            yield from streams.give(*stretch[1:])
            stretch = next(stretches, None)


class _Streams:
    """The streams of an archive, made one after the other, each given out once."""

    def __init__(
        self,
        members: Iterable[Readable],
        engines: Sequence[int],
        shapes: Iterable[Readable],
        size: int,
        left: int,
        directory: Path | None,
        spend: Callable[[int], None],
    ) -> None:
        """`size`: of the archive. `left`: what its streams may take of it."""
        self._members = zip(members, engines, strict=True)
        self._shapes = iter(shapes)
        self._size, self._left = size, left
        self._directory = directory
        self._spend = spend
        self._plain_bytes = 0
        self._made: list[tuple[Readable, Scratch | None]] = []  # made, and not given out yet
        self._count = 0  # of all that were made
        self._given = 0  # bytes of the first one that were given out
        self._facts: dict[int, Facts] = {}  # of those that were given out before anybody asked

    def facts(self, number: int) -> Facts:
        """What a stream is: the next one, or one that was given out. To know its length it is made."""
        return self._facts.pop(number) if number in self._facts else self._make()

    def give(self, number: int, length: int | None) -> Iterator[bytes]:
        """The next stretch of the first stream that was not given out. A length of None: all that is left of it."""
        if number == self._count:  # it stands within a header, of which the walk has not come to the end
            self._facts[number] = self._make()
        stream, scratch = self._made[0]
        left = stream.size - self._given
        if length is not None:
            if length >= left:
                raise Malformed("recipe: a skeleton cuts a stream behind its end")
            yield from read_all(Window(stream, self._given, length))
            self._given += length
            return
        yield from read_all(Window(stream, self._given, left))
        self._made.pop(0)
        self._given = 0
        if scratch:
            scratch.close()

    def _make(self) -> Facts:
        member, engine = next(self._members)
        self._count += 1
        scratch = None
        if engine in AS_IT_IS_IN:
            facts = member.facts if isinstance(member, StoredStream) else self._inspected(member, Coding(engine))
            stream, facts = member, replace(facts, stream=member)
            self._take(stream.size)
        else:
            check_member(engine, member.size)
            self._count_plain(member.size, pack_work(engine, member.size))
            scratch = Scratch(self._directory, _PENDING_BYTES)  # its own: what is being made may go to another one
            self._made.append((member, scratch))
            if engine == SHAPED:
                shape = next(self._shapes, None)
                if shape is None:
                    raise Malformed("recipe: an archive with fewer shapes than members that need one")
                chunks = restore(member, shape, max(0, self._left))
            else:
                chunks = pack_stream(engine, read_all(member), self._directory)
            stream = scratch.save(self._taken(chunks))
            self._made.pop()
            facts = Facts(_crc(member), stream.size, member.size, stream, coding_of(engine))
        self._made.append((stream, scratch))
        return facts

    def close(self) -> None:
        """Gives back what is left."""
        for _, scratch in self._made:
            if scratch:
                scratch.close()

    def _inspected(self, stream: Readable, coding: Coding) -> Facts:
        """What a stream is that comes from a recipe. Raises Malformed if it is none."""
        size = crc = 0
        for chunk in coding.unpack_exactly(stream):
            self._count_plain(len(chunk), len(chunk))
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
        return Facts(crc, stream.size, size, coding=coding)

    def _count_plain(self, size: int, work: int) -> None:
        self._plain_bytes += size
        if self._plain_bytes > MAX_RATIO * self._size:
            raise Malformed(f"recipe: members of over {self._plain_bytes:,} bytes in an archive of {self._size:,}")
        self._spend(work)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Malformed("recipe: an archive whose members take more than its size")

    def _taken(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._take(len(chunk))
            yield chunk


def _crc(member: Readable) -> int:
    crc = 0
    for chunk in read_all(member):
        crc = zlib.crc32(chunk, crc)
    return crc


def _read_layout(skeleton: Readable, expected: int) -> tuple[Layout, int]:
    """(where the streams stand, where the rest begins)."""
    at = 0

    def counted(numbers: Iterator[int]) -> Iterator[int]:
        nonlocal at
        for number in numbers:
            at += len(write_varints([number]))
            yield number

    numbers = counted(read_varints(byte for chunk in read_all(skeleton) for byte in chunk))
    if next(numbers, None) != expected:
        raise Malformed("recipe: a skeleton has another number of streams than its archive has members")
    count = next(numbers, None)
    gaps = array("Q", islice(numbers, expected))
    if count is None or len(gaps) != expected:
        raise Malformed("recipe: a skeleton ends within its gaps")
    if count > MAX_CUTS:
        raise Malformed(f"recipe: a skeleton with {count} cuts has more than {MAX_CUTS}")
    cuts, stream = Cuts(), 0
    for _ in range(count):
        cut = tuple(islice(numbers, 3))
        if len(cut) < 3:
            raise Malformed("recipe: a skeleton ends within its cuts")
        step, length, gap = cut
        stream += step
        if stream >= expected or not length or not gap:
            raise Malformed("recipe: a skeleton has a cut of no stream, or of no bytes")
        cuts.add(stream, length, gap)
    return Layout(gaps, cuts), at
