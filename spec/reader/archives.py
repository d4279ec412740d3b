"""Archives for the second reader: how one is opened, and how a skeleton becomes one again [F-46] [F-47] [F-59]."""

import re
import struct
import zlib
from dataclasses import dataclass

from wire import Cursor, need

RATIO = 1040
PDF_STREAM = re.compile(rb"stream\r?\nx[\x01\x5e\x9c\xda]")
LOCAL, DIRECTORY, END, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"


@dataclass(frozen=True)
class Stream:
    """A deflate stream in an archive: where it stands and what it inflates to."""

    start: int
    end: int
    plain: bytes


def open_archive(data: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """The skeleton and the members [F-46], each member with its stream."""
    if len(data) > limit:
        return [(data, b"")]
    streams = _search(data)
    gaps, rest, at = [], b"", 0
    for stream in streams:
        gaps.append(stream.start - at)
        rest += data[at : stream.start]
        at = stream.end
    rest += data[at:]
    plains = [stream.plain for stream in streams]
    lengths = [stream.end - stream.start for stream in streams]
    skeleton = _varint(len(gaps)) + b"".join(map(_varint, gaps)) + _replace(gaps, rest, plains, lengths, sign=-1)
    return [(skeleton, b""), *((stream.plain, data[stream.start : stream.end]) for stream in streams)]


def _varint(value: int) -> bytes:
    result = bytearray()
    while value >= 128:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _search(data: bytes) -> list[Stream]:
    """Every stream, told by the head before it and by the checksum of what it gives."""
    found: list[Stream] = []
    at = failures = 0
    while failures < 64:
        heads = [(data.find(LOCAL, at), "zip"), (data.find(b"\x1f\x8b\x08", at), "gzip")]
        if data[:4] == b"%PDF" and (pdf := PDF_STREAM.search(data, at)):
            heads.append((pdf.start(), "pdf"))
        here, kind = min(((place, kind) for place, kind in heads if place >= 0), default=(-1, ""))
        if here < 0:
            break
        at = here + 1
        start = {"zip": _zip_data, "gzip": _gzip_data, "pdf": _pdf_data}[kind](data, here)
        if start is None:
            continue
        stream = _inflated(data, start)
        if stream is None or not _agrees(data, kind, here, stream):
            failures += 1
            continue
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


def _inflated(data: bytes, start: int) -> Stream | None:
    """The stream that begins there, if it ends in the archive and gives no more than deflate can."""
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(data[start:])
    except zlib.error:
        return None
    end = len(data) - len(stream.unused_data)
    return Stream(start, end, plain) if stream.eof and len(plain) <= RATIO * (end - start) else None


def _agrees(data: bytes, kind: str, here: int, stream: Stream) -> bool:
    """Whether the checksum that the archive keeps of the plain bytes is theirs."""
    behind, crc = data[stream.end : stream.end + 8], zlib.crc32(stream.plain)
    if kind == "gzip":
        return behind == struct.pack("<II", crc, len(stream.plain) % 2**32)
    if kind == "pdf":
        return behind[:4] == struct.pack(">I", zlib.adler32(stream.plain))
    if data[here + 6] & 8:
        return (behind[4:] if behind[:4] == DESCRIPTOR else behind[:4]) == struct.pack("<I", crc)
    return data[here + 14 : here + 18] == struct.pack("<I", crc)


def split_skeleton(skeleton: Cursor) -> tuple[list[int], bytes]:
    """The gaps before the streams, and the rest [F-47]."""
    count = skeleton.varint()
    need(count <= len(skeleton.data), "a skeleton ends too early")
    gaps = [skeleton.varint() for _ in range(count)]
    rest = skeleton.data[skeleton.at :]
    need(sum(gaps) <= len(rest), "a skeleton has a stream behind its end")
    return gaps, rest


def complete(gaps: list[int], rest: bytes, members: list[bytes], streams: list[bytes]) -> bytes:
    """The archive [F-48]."""
    rest = _replace(gaps, rest, members, [len(stream) for stream in streams], sign=1)
    parts, at = [], 0
    for gap, stream in zip(gaps, streams, strict=True):
        parts += [rest[at : at + gap], stream]
        at += gap
    return b"".join([*parts, rest[at:]])


def _replace(gaps: list[int], rest: bytes, members: list[bytes], lengths: list[int], sign: int) -> bytes:
    """Numbers for differences (`sign` 1), or differences for numbers (-1) [F-59]."""
    numbers = Numbers(bytearray(rest), sign)
    facts = [(zlib.crc32(m), length, len(m)) for m, length in zip(members, lengths, strict=True)]
    places = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    Walk(numbers, places, facts).run()
    return bytes(numbers.data)


class Numbers:
    """The rest, in which numbers change one after the other; `real` holds the complete ones."""

    def __init__(self, data: bytearray, sign: int) -> None:
        self.data, self._sign = data, sign
        self.real = bytearray(data)

    def put(self, at: int, size: int, expected: int) -> None:
        value = int.from_bytes(self.data[at : at + size], "little")
        changed = (value + self._sign * expected) % (1 << 8 * size)
        self.data[at : at + size] = changed.to_bytes(size, "little")
        if self._sign > 0:
            self.real[at : at + size] = self.data[at : at + size]

    def put_three(self, at: int, three: tuple[int, int, int]) -> None:
        for n in range(3):
            self.put(at + 4 * n, 4, three[n])

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self.real[at : at + size], "little")


class Walk:
    """The walk through a rest, event by event: a stream that nobody claims, a local header, a directory."""

    def __init__(self, numbers: Numbers, places: list[int], facts: list[tuple[int, int, int]]) -> None:
        self.numbers, self.places, self.facts = numbers, places, facts
        self.at = self.next = self.stamp = 0
        self.open: list[tuple[int, int | None]] = []  # (local header, its stream) without a directory yet

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
        self.next += 1
        end = self.places[self.next] if self.next < len(self.places) else len(self.numbers.real)
        before = bytes(self.numbers.real[max(0, place - 2) : place])
        if self.at <= place and place + 8 <= end and before not in (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"):
            self.numbers.put(place, 4, self.facts[number][0])
            self.numbers.put(place + 4, 4, self.facts[number][2])
            self.at = place + 8

    def _local(self, here: int) -> None:
        numbers, whole = self.numbers, len(self.numbers.real)
        self.at = here + 30
        if self.at > whole:
            return
        self.at += numbers.get(here + 26, 2) + numbers.get(here + 28, 2)
        stream = None
        if self.next < len(self.places) and self.places[self.next] == self.at:
            stream = self.next
            self.next += 1
        numbers.put(here + 10, 4, self.stamp)
        self.stamp = numbers.get(here + 10, 4)
        if stream is not None:
            three = here + 14
            if numbers.get(here + 6, 2) & 8:
                behind = self.at + (4 if numbers.real[self.at : self.at + 4] == DESCRIPTOR else 0)
                if behind + 12 <= whole:
                    three, self.at = behind, behind + 12
            numbers.put_three(three, self.facts[stream])
        self.open.append((here, stream))
        while self.next < len(self.places) and self.places[self.next] < self.at:
            self.next += 1

    def _directory(self, here: int) -> None:
        numbers, entries, at = self.numbers, [], here
        self.at = here + 4
        while numbers.real[at : at + 4] == DIRECTORY and at + 46 <= len(numbers.real):
            entries.append(at)
            at += 46 + sum(struct.unpack_from("<HHH", numbers.real, at + 28))
        if numbers.real[at : at + 4] != END or at + 22 > len(numbers.real) or len(entries) > len(self.open):
            return
        members = self.open[len(self.open) - len(entries) :]
        del self.open[len(self.open) - len(entries) :]
        offset = origin = last = self._real(members[0][0])
        for (local, stream), entry in zip(members, entries, strict=True):
            numbers.put(entry + 12, 4, numbers.get(local + 10, 4))
            three = [numbers.get(local + 14 + 4 * n, 4) for n in range(3)]
            numbers.put_three(entry + 16, self.facts[stream] if stream is not None else (three[0], three[1], three[2]))
            numbers.put(entry + 42, 4, offset + self._real(local) - last)
            offset, last = numbers.get(entry + 42, 4), self._real(local)
        for n in (8, 10):
            numbers.put(at + n, 2, len(entries))
        numbers.put(at + 12, 4, at - here)
        numbers.put(at + 16, 4, numbers.get(entries[0] + 42, 4) + self._real(here) - origin)
        self.at = at + 22

    def _real(self, at: int) -> int:
        """Where a byte of the rest stands in the archive."""
        return at + sum(fact[1] for place, fact in zip(self.places, self.facts, strict=True) if place <= at)
