"""Archives for the second reader: how one is opened, and how a skeleton becomes one again [F-46] [F-47] [F-59]."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from codings import BZIP2, DEFLATE, FAULTS, XZ, Packed, coding_of, fed, unpacker
from wire import Cursor, need
from xz import MAGIC, NoStream, measure

RATIO = 1040
PDF_STREAM = re.compile(rb"stream\r?\nx[\x01\x5e\x9c\xda]")
STREAMS_MAX, WAITING_MAX, CUTS_MAX = 500_000, 1_000_000, 262_144
FULL = 0xFFFFFFFF  # a number that stands in a zip64 field
END64, LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
BLOCK = b"1AY&SY"  # what the first block of a bzip2 stream begins with
LOCAL, DIRECTORY, END, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"


@dataclass(frozen=True)
class Stream:
    """A stream in an archive: where it stands and what it unpacks to."""

    start: int
    end: int
    plain: bytes
    packed: bytes
    cuts: list[tuple[int, int]]


@dataclass(frozen=True)
class Layout:
    """Where streams stand: the gaps before them, and where they are cut (number, length, gap)."""

    gaps: list[int]
    cuts: list[tuple[int, int, int]]

    def stretches(self) -> Iterator[tuple[int, int, int, int | None, int]]:
        """Place in the rest, number, start in the stream, length (None for a stream's last), and the gap behind it."""
        at, cuts = 0, iter(self.cuts)
        cut = next(cuts, None)
        for number, gap in enumerate(self.gaps):
            at, start = at + gap, 0
            while cut and cut[0] == number:
                yield at, number, start, cut[1], cut[2]
                at, start = at + cut[2], start + cut[1]
                cut = next(cuts, None)
            yield at, number, start, None, 0

    def places(self) -> list[int]:
        """Where each stream begins."""
        return [place for place, _, start, _, _ in self.stretches() if start == 0]


def open_archive(data: bytes) -> list[bytes]:
    """The skeleton, the members and the streams that they stand as [F-46]."""
    streams = _search(data)
    gaps, cuts, written, rest, at, last = [], [], b"", b"", 0, 0
    for number, stream in enumerate(streams):
        gaps.append(stream.start - at)
        rest += data[at : stream.start]
        at = stream.start
        for length, gap in stream.cuts:
            cuts.append((number, length, gap))
            written += _varint(number - last) + _varint(length) + _varint(gap)
            rest += data[at + length : at + length + gap]
            at += length + gap
            last = number
        at = stream.end
    rest += data[at:]
    plains, stored = [stream.plain for stream in streams], [stream.packed for stream in streams]
    codings = list(map(coding_of, stored))
    layout = Layout(gaps, cuts)
    numbers = _varint(len(gaps)) + _varint(len(cuts)) + b"".join(map(_varint, gaps)) + written
    return [numbers + _replace(layout, rest, plains, stored, codings, sign=-1), *plains, *stored]


def _varint(value: int) -> bytes:
    result = bytearray()
    while value >= 128:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _search(data: bytes) -> list[Stream]:
    """Every stream, told by the head before it and by the checksum of what it gives."""
    found: list[Stream] = []
    cuts = CUTS_MAX
    at, left = 0, 1024 + len(data) // 16_384
    while left > 0 and len(found) < STREAMS_MAX:
        heads = [(data.find(LOCAL, at), "zip"), (data.find(b"\x1f\x8b\x08", at), "gzip")]
        if data[:4] == b"%PDF" and (pdf := PDF_STREAM.search(data, at)):
            heads.append((pdf.start(), "pdf"))
        heads += [(data.find(b"IDAT", at + 4) - 4, "png"), (data.find(BLOCK, at + 4) - 4, BZIP2)]
        heads.append((data.find(MAGIC, at), XZ))
        here, kind = min(((place, kind) for place, kind in heads if place >= 0), default=(-1, ""))
        if here < 0:
            break
        at = here + 1
        start = STARTS[kind](data, here)
        if start is None:
            continue
        pieces = _chunks(data, here, cuts) if kind == "png" else [(start, len(data))]
        stream, behind, steps = _unpacked(data, pieces, kind if kind in (BZIP2, XZ) else DEFLATE)
        if stream is None or not _agrees(data, kind, here, stream, behind):
            left -= steps
            continue
        cuts -= len(stream.cuts) if stream.plain else 0
        if stream.plain:
            found.append(stream)
        at = stream.end
    return found


def _zip_data(data: bytes, here: int) -> int | None:
    if here + 30 > len(data):
        return None
    flags, method = struct.unpack_from("<HH", data, here + 6)
    return here + 30 + sum(struct.unpack_from("<HH", data, here + 26)) if method == 8 and not flags & 1 else None


def _gzip_data(data: bytes, here: int) -> int | None:
    if here + 10 > len(data) or data[here + 3] & 0xE0 or data[here + 8] not in (0, 2, 4):
        return None
    if data[here + 9] > 13 and data[here + 9] != 255:
        return None
    flags, at = data[here + 3], here + 10
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = data[at : at + 65_536].find(0)
            if end < 0:
                return None
            at += end + 1
    return at + 2 if flags & 2 else at


def _pdf_data(data: bytes, here: int) -> int:
    return here + (9 if data[here + 6 : here + 7] == b"\n" else 10)


def _png_data(data: bytes, here: int) -> int | None:
    head = data[here : here + 10]
    if len(head) < 10 or head[8] & 15 != 8 or head[8] > 0x78 or head[9] & 32 or int.from_bytes(head[8:], "big") % 31:
        return None
    length = int.from_bytes(head[:4], "big")
    return here + 10 if length >= 3 and here + 8 + length <= len(data) else None


def _bzip2_data(data: bytes, here: int) -> int | None:
    return here if data[here : here + 3] == b"BZh" and data[here + 3] in b"123456789" else None


def _xz_data(_: bytes, here: int) -> int:
    return here


STARTS = {"zip": _zip_data, "gzip": _gzip_data, "pdf": _pdf_data, "png": _png_data, BZIP2: _bzip2_data, XZ: _xz_data}


def _chunks(data: bytes, here: int, cuts: int) -> list[tuple[int, int]]:
    """Where the stretches of a PNG's stream begin and end, if it takes all of its chunks [F-74]."""
    pieces = [(here + 10, here + 8 + int.from_bytes(data[here : here + 4], "big"))]
    while pieces[-1][1] - pieces[-1][0] >= 256 and len(pieces) <= cuts:
        frame = data[pieces[-1][1] : pieces[-1][1] + 12]
        start, size = pieces[-1][1] + 12, int.from_bytes(frame[4:8], "big")
        if frame[8:] != b"IDAT" or start + size > len(data):
            break
        pieces.append((start, start + size))
    return pieces


def _unpacked(data: bytes, pieces: list[tuple[int, int]], coding: str) -> tuple[Stream | None, bytes, int]:
    """As `_unpacked_to_its_end`. An xz stream is measured first [F-88]."""
    if coding != XZ:
        return _unpacked_to_its_end(data, pieces, coding)
    try:
        length = measure(data, pieces[0][0])
    except NoStream as fault:
        return None, b"", max(1, -(-fault.at // 65_536))
    stream, behind, _ = _unpacked_to_its_end(data, pieces, coding)
    is_whole = stream is not None and len(stream.packed) == length
    return (stream if is_whole else None), behind, -(-length // 65_536)


def _unpacked_to_its_end(data: bytes, pieces: list[tuple[int, int]], coding: str) -> tuple[Stream | None, bytes, int]:
    """The stream that begins there, if it ends in the archive and gives no more than [F-46] allows.

    Then the 8 bytes behind it, and the steps to see it.
    """
    views = [memoryview(data)[start:end] for start, end in pieces]
    whole = views[0] if len(views) == 1 else memoryview(b"".join(views))
    unpacking, plain, at, made = unpacker(coding), [], 0, 0
    try:
        while not unpacking.eof and at < len(whole):
            step = whole[at : at + 65_536]
            at += len(step)
            for part in fed(unpacking, step):
                plain.append(part)
                made += len(part)
                if coding == BZIP2 and made > RATIO * 65_536 * -(-at // 65_536):  # [F-87]
                    return None, b"", -(-at // 65_536)
    except FAULTS:
        return None, b"", -(-at // 65_536)
    size, steps = at - len(unpacking.unused_data), max(1, -(-at // 65_536))
    cuts, left = [], size
    for (start, end), (after, _) in pairwise(pieces):
        if left <= end - start:
            break
        cuts.append((end - start, after - end))
        left -= end - start
    start = pieces[0][0]
    packed = Packed(whole[:size])
    packed.coding = coding
    stream = Stream(start, start + size + sum(gap for _, gap in cuts), b"".join(plain), packed, cuts)
    counts = unpacking.eof and len(stream.plain) <= RATIO * size
    return (stream if counts else None), bytes(whole[size : size + 8]), steps


def _agrees(data: bytes, kind: str, here: int, stream: Stream, behind: bytes) -> bool:
    """Whether the checksum that the archive keeps of the plain bytes is theirs."""
    crc = zlib.crc32(stream.plain)
    if kind in (BZIP2, XZ):
        return True
    if kind == "gzip":
        return behind == struct.pack("<II", crc, len(stream.plain) % 2**32)
    if kind in ("pdf", "png"):
        return behind[:4] == struct.pack(">I", zlib.adler32(stream.plain))
    if data[here + 6] & 8:
        return (behind[4:] if behind[:4] == DESCRIPTOR else behind[:4]) == struct.pack("<I", crc)
    return data[here + 14 : here + 18] == struct.pack("<I", crc)


def split_skeleton(skeleton: Cursor) -> tuple[Layout, bytes]:
    """Where the streams stand, and the rest [F-47]."""
    count, cuts = skeleton.varint(), skeleton.varint()
    need(count <= len(skeleton.data) and cuts <= CUTS_MAX, "a skeleton ends too early, or has too many cuts")
    gaps = [skeleton.varint() for _ in range(count)]
    layout = Layout(gaps, [])
    number = 0
    for _ in range(cuts):
        number += skeleton.varint()
        length, gap = skeleton.varint(), skeleton.varint()
        need(number < count and length > 0 and gap > 0, "a cut of no stream, or of no bytes")
        layout.cuts.append((number, length, gap))
    rest = skeleton.data[skeleton.at :]
    need(sum(gaps) + sum(gap for _, _, gap in layout.cuts) <= len(rest), "a skeleton has a stream behind its end")
    return layout, rest


def complete(layout: Layout, rest: bytes, members: list[bytes], streams: list[bytes], codings: list[str]) -> bytes:
    """The archive [F-48]. `members`: the plain bytes of its streams."""
    rest = _replace(layout, rest, members, streams, codings, sign=1)
    parts, at = [], 0
    for place, number, start, length, _ in layout.stretches():
        stream = streams[number]
        need(length is None or start + length < len(stream), "a stream that ends before its cut")
        parts += [rest[at:place], stream[start:] if length is None else stream[start : start + length]]
        at = place
    return b"".join([*parts, rest[at:]])


def _replace(
    layout: Layout, rest: bytes, members: list[bytes], streams: list[bytes], codings: list[str], sign: int
) -> bytes:
    """Numbers for differences (`sign` 1), or differences for numbers (-1) [F-59]."""
    numbers = Numbers(bytearray(rest), sign)
    facts = [(zlib.crc32(m), len(stream), len(m)) for m, stream in zip(members, streams, strict=True)]
    Walk(numbers, layout, facts, streams, codings).run()
    return bytes(numbers.data)


class Numbers:
    """The rest, in which numbers change one after the other; `real` holds the complete ones."""

    def __init__(self, data: bytearray, sign: int) -> None:
        self.data, self._sign = data, sign
        self.real = bytearray(data)

    def put(self, at: int, size: int, expected: int, order: Literal["little", "big"] = "little") -> None:
        value = int.from_bytes(self.data[at : at + size], order)
        changed = (value + self._sign * expected) % (1 << 8 * size)
        self.data[at : at + size] = changed.to_bytes(size, order)
        if self._sign > 0:
            self.real[at : at + size] = self.data[at : at + size]

    def put_all(self, *numbers: tuple[int, int, int]) -> None:
        for at, size, expected in numbers:
            self.put(at, size, expected)

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self.real[at : at + size], "little")


class Walk:
    """The walk through a rest, event by event: a stream that nobody claims, a local header, a directory."""

    def __init__(
        self,
        numbers: Numbers,
        layout: Layout,
        facts: list[tuple[int, int, int]],
        streams: list[bytes],
        codings: list[str],
    ) -> None:
        self.numbers, self.layout, self.facts, self.streams, self.codings = numbers, layout, facts, streams, codings
        self.places = layout.places()
        self.at = self.next = self.stamp = 0
        # Local headers without a directory yet: place in the archive, stamp, CRC-32, packed size, plain size.
        self.open: list[tuple[int, int, int, int, int]] = []

    def run(self) -> None:
        end = len(self.numbers.real)
        while True:
            here = min((p for p in (self._find(LOCAL), self._find(DIRECTORY)) if p >= 0), default=end + 1)
            if self.next < len(self.places) and self.places[self.next] <= here:
                self._trailer()
            elif here > end:
                return
            elif self.numbers.real[here : here + 4] == LOCAL:
                self._local(here)
            else:
                self._directory(here)

    def _find(self, magic: bytes) -> int:
        return self.numbers.real.find(magic, self.at)

    def _trailer(self) -> None:
        place, number = self.places[self.next], self.next
        passed = self.at
        self._pass()
        end = self.places[self.next] if self.next < len(self.places) else len(self.numbers.real)
        if passed + 10 <= place and self.numbers.real[place - 6 : place - 2] == b"IDAT":
            self._chunks(place, number, end)
            return
        before = bytes(self.numbers.real[max(0, place - 2) : place])
        is_zlib = before in (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
        if self.at <= place and place + 8 <= end and not is_zlib and self.codings[number] == DEFLATE:
            self.numbers.put(place, 4, self.facts[number][0])
            self.numbers.put(place + 4, 4, self.facts[number][2])
            self.at = place + 8

    def _pass(self) -> None:
        """The next stream: the walk goes on behind its last cut."""
        gaps = sum(gap for number, _, gap in self.layout.cuts if number == self.next)
        if gaps:
            self.at = max(self.at, self.places[self.next] + gaps)
        self.next += 1

    def _chunks(self, place: int, number: int, end: int) -> None:
        """The checksums of IDAT chunks, stretch after stretch."""
        real, stream = self.numbers.real, self.streams[number]
        head = place - 10
        for place, _, start, length, gap in (one for one in self.layout.stretches() if one[1] == number):
            part = stream[start:] if length is None else stream[start : start + length]
            left = int.from_bytes(real[head : head + 4], "big") - (place - head - 8) - len(part)
            at = place + left
            if real[head + 4 : head + 8] != b"IDAT" or left < 0 or at + 4 > end:
                return
            if length is not None and (left or gap != 12):
                return
            self.numbers.put(at, 4, zlib.crc32(real[head + 4 : place] + part + real[place:at]), "big")
            self.at, head = max(self.at, at + 4), at + 4

    def _local(self, here: int) -> None:
        numbers, whole = self.numbers, len(self.numbers.real)
        self.at = here + 30
        if self.at > whole:
            return
        self.at += numbers.get(here + 26, 2) + numbers.get(here + 28, 2)
        stream, wide = None, self._zip64(self.at - numbers.get(here + 28, 2), self.at)
        header = wide[0] if len(wide) >= 2 else 0
        if self.next < len(self.places) and self.places[self.next] == self.at:
            stream = self.next
            self._pass()
        numbers.put(here + 10, 4, self.stamp)
        self.stamp = numbers.get(here + 10, 4)
        place = self._real(here)
        if stream is not None:
            crc, packed, plain = self.facts[stream]
            self._sizes(here, header, crc, packed, plain)
        else:
            crc, packed, plain = (numbers.get(here + 14 + 4 * n, 4) for n in range(3))
            if header:
                plain, packed = numbers.get(header, 8), numbers.get(header + 8, 8)
        self.open.append((place, self.stamp, crc, packed, plain))
        while self.next < len(self.places) and self.places[self.next] < self.at:
            self._pass()

    def _sizes(self, here: int, header: int, crc: int, packed: int, plain: int) -> None:
        """Behind the stream, if they stand there; else in the header."""
        numbers = self.numbers
        if numbers.get(here + 6, 2) & 8:
            behind = self.at + (4 if numbers.real[self.at : self.at + 4] == DESCRIPTOR else 0)
            size = 8 if header or max(packed, plain) >= FULL else 4
            if behind + 4 + 2 * size <= len(numbers.real):
                numbers.put_all((behind, 4, crc), (behind + 4, size, packed), (behind + 4 + size, size, plain))
                self.at = behind + 4 + 2 * size
                return
        numbers.put(here + 14, 4, crc)
        numbers.put_all((here + 18, 4, FULL if header else packed), (here + 22, 4, FULL if header else plain))
        if header:
            numbers.put_all((header, 8, plain), (header + 8, 8, packed))

    def _zip64(self, at: int, end: int) -> list[int]:
        """Where the numbers of the first zip64 field of an extra field stand."""
        end = min(end, len(self.numbers.real))
        while at + 4 <= end:
            kind, size = self.numbers.get(at, 2), self.numbers.get(at + 2, 2)
            if kind == 1:
                return list(range(at + 4, min(at + 4 + size, end) - 7, 8))
            at += 4 + size
        return []

    def _directory(self, here: int) -> None:
        numbers, entries, at = self.numbers, [], here
        while numbers.real[at : at + 4] == DIRECTORY and at + 46 <= len(numbers.real):
            entries.append(at)
            at += 46 + sum(struct.unpack_from("<HHH", numbers.real, at + 28))
        self.at, behind, record = max(here + 4, at), at, None
        if numbers.real[at : at + 4] == END64:
            locator = at + 12 + numbers.get(at + 4, 8)
            fits = 56 <= locator - at <= 65_536 and locator + 20 <= len(numbers.real)
            if fits and numbers.real[locator : locator + 4] == LOCATOR:
                record, behind = locator, locator + 20
        if numbers.real[behind : behind + 4] != END or behind + 22 > len(numbers.real):
            return
        if not 0 < len(entries) <= min(len(self.open), WAITING_MAX):
            return
        members = self.open[len(self.open) - len(entries) :]
        del self.open[len(self.open) - len(entries) :]
        self._entries(here, at, record, behind, entries, members)
        self.at = behind + 22

    def _entries(
        self,
        here: int,
        at: int,
        record: int | None,
        end: int,
        entries: list[int],
        members: list[tuple[int, int, int, int, int]],
    ) -> None:
        numbers = self.numbers
        first = offset = last = members[0][0]
        for (place, stamp, crc, packed, plain), entry in zip(members, entries, strict=True):
            numbers.put(entry + 12, 4, stamp)
            expected = [plain, packed, offset + place - last]
            extra = entry + 46 + numbers.get(entry + 28, 2)
            fields = self._zip64(extra, extra + numbers.get(entry + 30, 2))[:3]
            wide = [n for n in range(3) if expected[n] >= FULL]
            if len(wide) != len(fields):
                wide = [[], [2], [0, 1], [0, 1, 2]][len(fields)]
            short = [FULL if n in wide else expected[n] for n in range(3)]
            numbers.put(entry + 16, 4, crc)
            numbers.put_all((entry + 20, 4, short[1]), (entry + 24, 4, short[0]), (entry + 42, 4, short[2]))
            for field, n in zip(fields, wide, strict=True):
                numbers.put(field, 8, expected[n])
            offset = numbers.get(fields[wide.index(2)], 8) if 2 in wide else numbers.get(entry + 42, 4)
            last = place
            if entry == entries[0]:
                start = offset + self._real(here) - first
        if record is not None:
            numbers.put_all((at + 24, 8, len(entries)), (at + 32, 8, len(entries)))
            numbers.put_all((at + 40, 8, at - here), (at + 48, 8, start), (record + 8, 8, start + at - here))
        numbers.put_all((end + 8, 2, min(len(entries), 65_535)), (end + 10, 2, min(len(entries), 65_535)))
        numbers.put_all((end + 12, 4, min(at - here, FULL)), (end + 16, 4, min(start, FULL)))

    def _real(self, at: int) -> int:
        """Where a byte of the rest stands in the archive."""
        return at + sum(fact[1] for place, fact in zip(self.places, self.facts, strict=True) if place <= at)
