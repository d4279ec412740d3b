"""What the headers of an archive repeat: left out of its skeleton, put back from its members. spec/format.md [F-59].

A zip archive has the checksum and the sizes of each member twice, and its offset. A gzip file has them behind its
stream. A new version differs in all of that. Each such number is replaced by its difference from what it should be,
which is 0. What steers the walk (magic numbers, flags, lengths) stays as it is, so the same walk leads there and back,
whatever the bytes.

The walk looks for headers anywhere, as the search for streams does: archives may stand behind a program, in a tar, or
stored in one another. A directory belongs to the last local headers before it that no other directory has taken.

Numbers of 8 bytes, as zip64 has them, stand in extra fields [F-76].

The walk goes forward, and its edits ascend. So the rest is read through a window, and neither the archive nor its
skeleton is ever held in memory. What a directory will repeat is kept in columns.
"""

import re
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from bundle.archives.codings import Coding
from bundle.archives.forward import Forward
from bundle.archives.streams import DESCRIPTOR, FOLLOWED, LOCAL
from bundle.archives.stretches import FRAME_BYTES, IDAT, Layout
from bundle.format.objects import CHUNK_BYTES, Readable, Window, read_all

LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = 30, 46, 22
END64_BYTES, LOCATOR_BYTES = 56, 20
MAX_END64_BYTES = 65_536
TRAILER_BYTES = 8  # of gzip: checksum and size
CHUNK_HEAD_BYTES = 10  # of the first IDAT chunk: length, type, head of the zlib stream
ZLIB_HEADS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
MAX_WAITING = 1_000_000  # local headers that a directory may belong to
_CENTRAL = b"PK\x01\x02"
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_HEADERS = re.compile(rb"PK(?:\x03\x04|\x01\x02)")
_FULL = 0xFFFFFFFF  # a number of 4 bytes that stands in a zip64 field instead
_ZIP64 = 1  # the id of that field

Edit = tuple[int, bytes]  # offset in the rest, what stands there then


@dataclass(frozen=True, slots=True)
class Facts:
    """What a stream is: the CRC-32 of its plain bytes, its length, their number, the stream itself, its coding."""

    crc: int
    length: int
    size: int
    stream: Readable | None = None
    coding: Coding = Coding.DEFLATE


FactsOf = Callable[[int], Facts]


def leave_out(rest: Readable, layout: Layout, facts: FactsOf) -> Iterator[bytes]:
    """The rest, each number that repeats something replaced by its difference from that.

    `layout`: of the streams in the rest. `facts`: those of a stream by its number, which ascends.
    """
    return _edited(rest, _Walk(rest, layout, facts, is_back=False).edits())


def put_back(rest: Readable, layout: Layout, facts: FactsOf) -> Iterator[bytes]:
    """The way back. A stream's facts are asked for before the bytes that stand behind the stream before it."""
    return _edited(rest, _Walk(rest, layout, facts, is_back=True).edits())


def _edited(rest: Readable, edits: Iterator[Edit]) -> Iterator[bytes]:
    view, at = Forward(rest), 0
    for offset, data in chain(edits, [(rest.size, b"")]):
        while at < offset:
            chunk = view.get(at, min(CHUNK_BYTES, offset - at))
            at += len(chunk)
            yield chunk
        if data:
            at += len(data)
            yield data


class _Waiting:
    """Local headers that no directory has taken, the last million of them, in columns."""

    def __init__(self) -> None:
        self.offsets, self.packed, self.plain = array("Q"), array("Q"), array("Q")
        self.times, self.crcs = array("I"), array("I")

    def __len__(self) -> int:
        return min(len(self.offsets), MAX_WAITING)

    def add(self, offset: int, time: int, facts: Facts) -> None:
        """`offset`: of the header in the archive."""
        columns = (self.offsets, self.times, self.crcs, self.packed, self.plain)
        if len(self.offsets) == 2 * MAX_WAITING:
            for column in columns:
                del column[:MAX_WAITING]
        for column, value in zip(columns, (offset, time, facts.crc, facts.length, facts.size), strict=True):
            column.append(value)

    def take(self, count: int) -> list[Sequence[int]]:
        """The last `count`: columns of offsets, times, checksums, packed and plain sizes."""
        taken: list[Sequence[int]] = []
        for column in (self.offsets, self.times, self.crcs, self.packed, self.plain):
            taken.append(column[-count:])
            del column[-count:]
        return taken


class _Walk:
    """One walk through the rest, from its start to its end. `is_back`: the rest holds differences."""

    def __init__(self, rest: Readable, layout: Layout, facts: FactsOf, is_back: bool) -> None:
        self._rest = rest
        self._view = Forward(rest)
        self._size = rest.size
        self._places, self._cuts = layout.places, layout.cuts
        self._facts = facts
        self._is_back = is_back
        self._waiting = _Waiting()
        self._at = self._stream = 0
        self._lengths = 0  # of the streams before
        self._time = 0
        self._real = 0  # the number that was changed last, and where it stands
        self._last: Edit = (0, b"")

    def edits(self) -> Iterator[Edit]:
        """Every number that repeats something, in ascending order, with what replaces it.

        A stream that the walk passes is told, too, as an edit of no bytes.
        """
        hit: int | None = -1
        while True:
            if hit is not None and hit < self._at:
                hit = self._view.find(_HEADERS, len(LOCAL), self._at)
            if self._stream < len(self._places) and (hit is None or self._places[self._stream] <= hit):
                yield from self._trailer()
            elif hit is None:
                return
            elif self._view.get(hit, 4) == _CENTRAL:
                yield from self._directory(hit)
            else:
                yield from self._local(hit)

    def _trailer(self) -> Iterator[Edit]:
        """No local header claimed the stream: what follows a gzip stream is its checksum and size.

        A PNG has the checksum of each chunk that the stream stands in.
        """
        passed = self._at
        place, fact = self._pass()
        end = self._places[self._stream] if self._stream < len(self._places) else self._size
        # The checksum of zlib is another one, of 4 bytes. Other codings have theirs within.
        may_be_gzip = fact.coding == Coding.DEFLATE and self._before(place) not in ZLIB_HEADS
        if fact.stream and passed + CHUNK_HEAD_BYTES <= place and self._view.get(place - 6, 4) == IDAT:
            yield from self._chunks(place, fact.stream, end)
        elif may_be_gzip and self._at <= place and place + TRAILER_BYTES <= end:
            yield self._change(place, 4, fact.crc)
            yield self._change(place + 4, 4, fact.size)
            self._at = place + TRAILER_BYTES
        else:
            yield place, b""

    def _chunks(self, place: int, stream: Readable, end: int) -> Iterator[Edit]:
        """The checksums of the IDAT chunks of a stream that begins at `place`. `end`: where the next one begins."""
        yield place, b""
        cuts = self._cuts.of(self._stream - 1)
        frame, done = self._view.get(place - CHUNK_HEAD_BYTES, CHUNK_HEAD_BYTES), 0
        for length, gap in [*cuts, (stream.size - sum(length for length, _ in cuts), 0)]:
            behind = int.from_bytes(frame[:4], "big") - (len(frame) - 8) - length  # bytes of the chunk in the rest
            at = place + behind
            if frame[4:8] != IDAT or behind < 0 or at + 4 > end or (gap and (behind or gap != FRAME_BYTES)):
                return
            crc = zlib.crc32(frame[4:])
            for part in read_all(Window(stream, done, length)):
                crc = zlib.crc32(part, crc)
            for part in read_all(Window(self._rest, place, behind)):
                crc = zlib.crc32(part, crc)
            yield self._change(at, 4, crc, "big")
            self._at = max(self._at, at + 4)
            frame = self._view.get(at + 4, 8)
            place += gap
            done += length

    def _local(self, start: int) -> Iterator[Edit]:
        fixed = self._view.get(start, LOCAL_BYTES)
        self._at = start + LOCAL_BYTES
        if len(fixed) < LOCAL_BYTES:
            return
        extra = self._at + _number(fixed, 26, 2)
        self._at = extra + _number(fixed, 28, 2)
        offset = start + self._lengths
        yield self._change(start + 10, 4, self._time)
        self._time = self._real
        wide, count = self._zip64(extra, self._at)
        wide = wide if count >= 2 else 0
        if self._stream < len(self._places) and self._places[self._stream] == self._at:
            fact = self._pass()[1]
            yield from self._numbers(start, _number(fixed, 6, 2), wide, fact)
        elif wide:
            fact = Facts(_number(fixed, 14, 4), self._view.number(wide + 8, 8), self._view.number(wide, 8))
        else:
            fact = Facts(_number(fixed, 14, 4), _number(fixed, 18, 4), _number(fixed, 22, 4))
        self._waiting.add(offset, self._time, fact)
        # A stream within the name or the extra field is nobody's.
        while self._stream < len(self._places) and self._places[self._stream] < self._at:
            yield self._pass()[0], b""

    def _numbers(self, start: int, flags: int, wide: int, fact: Facts) -> Iterator[Edit]:
        """A member's checksum and sizes: in its header, or in the descriptor behind its stream."""
        if flags & FOLLOWED:
            at = self._at + len(DESCRIPTOR) * (self._view.get(self._at, 4) == DESCRIPTOR)
            width = 8 if wide or max(fact.length, fact.size) >= _FULL else 4
            if at + 4 + 2 * width <= self._size:
                yield self._change(at, 4, fact.crc)
                yield self._change(at + 4, width, fact.length)
                yield self._change(at + 4 + width, width, fact.size)
                self._at = at + 4 + 2 * width
                return
        yield self._change(start + 14, 4, fact.crc)
        yield self._change(start + 18, 4, _FULL if wide else fact.length)
        yield self._change(start + 22, 4, _FULL if wide else fact.size)
        if wide:
            yield self._change(wide, 8, fact.size)
            yield self._change(wide + 8, 8, fact.length)

    def _directory(self, start: int) -> Iterator[Edit]:
        """Entries that follow one another, and the end records behind them."""
        count, at = 0, start
        while True:
            fixed = self._view.get(at, CENTRAL_BYTES)
            if len(fixed) < CENTRAL_BYTES or not fixed.startswith(_CENTRAL):
                break
            count += 1
            at += CENTRAL_BYTES + sum(_number(fixed, field, 2) for field in (28, 30, 32))
        entries_end = at
        end64 = 12 + self._view.number(at + 4, 8) if self._view.get(at, 4) == _END64 else 0
        if not (
            END64_BYTES <= end64 <= MAX_END64_BYTES
            and at + end64 + LOCATOR_BYTES <= self._size
            and self._view.get(at + end64, 4) == _LOCATOR
        ):
            end64 = 0
        at += end64 + LOCATOR_BYTES if end64 else 0
        is_whole = self._view.get(at, 4) == _END and at + END_BYTES <= self._size
        self._at = max(entries_end, start + len(_CENTRAL))
        if is_whole and 0 < count <= len(self._waiting):
            yield from self._entries(start, count, entries_end, end64)
            self._at = at + END_BYTES

    def _entries(self, start: int, count: int, end: int, end64: int) -> Iterator[Edit]:
        offsets, times, crcs, packed_sizes, plain_sizes = self._waiting.take(count)
        place, at = start + self._lengths, start
        first = first_offset = offset = before = offsets[0]
        for number in range(count):
            fixed = self._view.get(at, CENTRAL_BYTES)
            yield self._change(at + 12, 4, times[number])
            numbers = [plain_sizes[number], packed_sizes[number], offset + offsets[number] - before]
            extra = at + CENTRAL_BYTES + _number(fixed, 28, 2)
            behind = extra + _number(fixed, 30, 2)
            wide, most = self._zip64(extra, behind)
            chosen = _wide_numbers(numbers, most)
            plain, packed, expected = (_FULL if which in chosen else number for which, number in enumerate(numbers))
            yield self._change(at + 16, 4, crcs[number])
            yield self._change(at + 20, 4, packed)
            yield self._change(at + 24, 4, plain)
            yield self._change(at + 42, 4, expected)
            real = self._real
            for step, which in enumerate(chosen):
                yield self._change(wide + 8 * step, 8, numbers[which])
                real = self._real if which == 2 else real
            offset, before = real, offsets[number]
            first = offset if number == 0 else first
            at = behind + _number(fixed, 32, 2)
        yield from self._ends(end, end64, count, end - start, first + place - first_offset)

    def _ends(self, at: int, end64: int, count: int, size: int, directory: int) -> Iterator[Edit]:
        """The end records. `directory`: where it begins, `size` bytes long."""
        if end64:
            for field, expected in ((24, count), (32, count), (40, size), (48, directory)):
                yield self._change(at + field, 8, expected)
            at += end64 + LOCATOR_BYTES
            yield self._change(at - LOCATOR_BYTES + 8, 8, directory + size)
        yield self._change(at + 8, 2, min(count, 0xFFFF))
        yield self._change(at + 10, 2, min(count, 0xFFFF))
        yield self._change(at + 12, 4, min(size, _FULL))
        yield self._change(at + 16, 4, min(directory, _FULL))

    def _zip64(self, at: int, end: int) -> tuple[int, int]:
        """(where they stand, how many) of the numbers of 8 bytes in a zip64 field of that extra field."""
        end = min(end, self._size)
        while at + 4 <= end:
            size = self._view.number(at + 2, 2)
            if self._view.number(at, 2) == _ZIP64:
                return at + 4, min(size, end - at - 4) // 8
            at += 4 + size
        return 0, 0

    def _pass(self) -> tuple[int, Facts]:
        """Passes the next stream, up to its last stretch: the place of its first one, and what it is."""
        place, fact = self._places[self._stream], self._facts(self._stream)
        if gaps := sum(gap for _, gap in self._cuts.of(self._stream)):
            self._at = max(self._at, place + gaps)
        self._stream += 1
        self._lengths += fact.length
        return place, fact

    def _before(self, place: int) -> bytes:
        """The two bytes before a place, as the archive has them."""
        found = bytearray(self._view.get(max(0, place - 2), min(2, place)))
        offset, data = self._last
        for at, byte in enumerate(data, offset - place + len(found)):
            if 0 <= at < len(found):
                found[at] = byte
        return bytes(found)

    def _change(self, at: int, width: int, expected: int, order: Literal["little", "big"] = "little") -> Edit:
        mask = (1 << 8 * width) - 1
        stored = int.from_bytes(self._view.get(at, width), order)
        changed = (stored + expected if self._is_back else stored - expected) & mask
        self._real = changed if self._is_back else stored
        self._last = at, self._real.to_bytes(width, order)
        return at, changed.to_bytes(width, order)


def _wide_numbers(numbers: list[int], count: int) -> tuple[int, ...]:
    """Which of plain size, packed size and offset stand in a zip64 field of so many numbers."""
    wide = tuple(which for which, number in enumerate(numbers) if number >= _FULL)
    if len(wide) == count:
        return wide
    return ((), (2,), (0, 1), (0, 1, 2))[min(count, 3)]  # zipfile has them in such a field from 2 GiB on


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")
