"""Archives for the second reader: how one is opened, and how a skeleton becomes one again [F-46] [F-47] [F-59]."""

import struct
import zlib
from dataclasses import dataclass

from wire import Cursor, need

RATIO = 1040
LOCAL, DIRECTORY, END, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"


@dataclass(frozen=True)
class Stream:
    """A deflate stream in an archive: where it stands and what it inflates to."""

    start: int
    end: int
    plain: bytes


def open_archive(data: bytes, limit: int) -> list[bytes]:
    """The skeleton and the members [F-46]."""
    if len(data) > limit:
        return [data]
    streams = _gzip(data) if data[:2] == b"\x1f\x8b" else _zip(data) if data[:2] == b"PK" else []
    gaps, rest, at = [], b"", 0
    for stream in streams:
        gaps.append(stream.start - at)
        rest += data[at : stream.start]
        at = stream.end
    rest += data[at:]
    plains = [stream.plain for stream in streams]
    lengths = [stream.end - stream.start for stream in streams]
    return [_varint(len(gaps)) + b"".join(map(_varint, gaps)) + _replace(gaps, rest, plains, lengths, sign=-1), *plains]


def _varint(value: int) -> bytes:
    result = bytearray()
    while value >= 128:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _inflated(data: bytes, start: int, end: int, size: int) -> list[Stream]:
    """The stream, if it makes exactly `size` bytes and ends at `end`."""
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(data[start:end], size + 1)
    except zlib.error:
        return []
    whole = stream.eof and not stream.unused_data and not stream.unconsumed_tail and len(plain) == size
    return [Stream(start, end, plain)] if whole else []


def _gzip(data: bytes) -> list[Stream]:
    if len(data) < 18 or data[2] != 8 or data[3] & 0xE0:
        return []
    flags, at = data[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            at = data.find(b"\0", at) + 1 or len(data)
    at += 2 if flags & 2 else 0
    end, size = len(data) - 8, int.from_bytes(data[-4:], "little")
    return _inflated(data, at, end, size) if at < end and 0 < size <= RATIO * (end - at) else []


def _zip(data: bytes) -> list[Stream]:
    at = data.rfind(END, max(0, len(data) - 65_557))
    if at < 0 or at + 22 > len(data):
        return []
    count, size, start, comment = struct.unpack_from("<HIIH", data, at + 10)
    if at + 22 + comment != len(data) or start + size > at or 0xFFFFFFFF in (size, start) or count == 0xFFFF:
        return []
    found: list[Stream] = []
    declared = sorted(_declared(data, start, start + size, count), key=lambda entry: entry[0])
    last = 0
    for begin, end, plain_size in declared:
        if begin < last:
            continue
        stream = _inflated(data, begin, end, plain_size)
        found += stream
        last = end
    return found


def _declared(data: bytes, at: int, end: int, count: int) -> list[tuple[int, int, int]]:
    """(start, end, plain size) of each deflated entry."""
    directory, found = at, []
    for _ in range(count):
        if at + 46 > end or data[at : at + 4] != DIRECTORY:
            break
        flags, method = struct.unpack_from("<HH", data, at + 8)
        stored, plain, *lengths = struct.unpack_from("<IIHHH", data, at + 20)
        (header,) = struct.unpack_from("<I", data, at + 42)
        at += 46 + sum(lengths)
        if method != 8 or flags & 1 or not plain or plain > RATIO * stored:
            continue
        if header + 30 > directory or data[header : header + 4] != LOCAL:
            continue
        start = header + 30 + sum(struct.unpack_from("<HH", data, header + 26))
        if start + stored <= directory:
            found.append((start, start + stored, plain))
    return found


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
    places, at = {}, 0
    for number, gap in enumerate(gaps):
        at += gap
        places.setdefault(at, number)
    numbers = Numbers(bytearray(rest), sign)
    facts = [(zlib.crc32(m), length, len(m)) for m, length in zip(members, lengths, strict=True)]
    if rest[:2] == b"\x1f\x8b":
        if len(gaps) == 1 and len(rest) - gaps[0] == 8:
            numbers.put(gaps[0], 4, facts[0][0])
            numbers.put(gaps[0] + 4, 4, facts[0][2])
    else:
        _replace_zip(numbers, rest, places, facts)
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

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self.real[at : at + size], "little")


@dataclass(frozen=True)
class Member:
    """A local header in the rest: where, which stream, where its three numbers stand."""

    header: int
    stream: int | None
    numbers: int


def _members(numbers: Numbers, places: dict[int, int], facts: list[tuple[int, int, int]]) -> tuple[list[Member], int]:
    """Members from the start of the rest, and where they end."""
    found: list[Member] = []
    at, data = 0, numbers.real
    while data[at : at + 4] == LOCAL and at + 30 <= len(data):
        body = at + 30 + numbers.get(at + 26, 2) + numbers.get(at + 28, 2)
        stream = places.get(body)
        end, place = body, at + 14
        if stream is None:
            end += numbers.get(at + 18, 4)
        elif numbers.get(at + 6, 2) & 8:
            place = body + (4 if data[body : body + 4] == DESCRIPTOR else 0)
            end = place + 12
        if end > len(data):
            break
        found.append(Member(at, stream, place))
        at = end
    return found, at


def _directory(data: bytearray, at: int, count: int) -> list[int] | None:
    """Offsets of the entries and of the end record, which must end the rest."""
    found = []
    for _ in range(count):
        if data[at : at + 4] != DIRECTORY or at + 46 > len(data):
            return None
        found.append(at)
        at += 46 + sum(struct.unpack_from("<HHH", data, at + 28))
    whole = (
        data[at : at + 4] == END
        and at + 22 <= len(data)
        and at + 22 + int.from_bytes(data[at + 20 : at + 22], "little") == len(data)
    )
    return [*found, at] if whole else None


def _replace_zip(numbers: Numbers, rest: bytes, places: dict[int, int], facts: list[tuple[int, int, int]]) -> None:
    members, directory = _members(numbers, places, facts)
    entries = _directory(numbers.real, directory, len(members))
    if entries is None:
        return
    stamp = 0
    for member in members:
        numbers.put(member.header + 10, 4, stamp)
        stamp = numbers.get(member.header + 10, 4)
        if member.stream is not None:
            for n in range(3):
                numbers.put(member.numbers + 4 * n, 4, facts[member.stream][n])
    before, starts = {}, sorted(places.items())
    for entry, member in zip(entries, members, strict=False):
        numbers.put(entry + 12, 4, numbers.get(member.header + 10, 4))
        three = (
            facts[member.stream]
            if member.stream is not None
            else [numbers.get(member.header + 14 + 4 * n, 4) for n in range(3)]
        )
        for n in range(3):
            numbers.put(entry + 16 + 4 * n, 4, three[n])
        before[member.header] = sum(facts[s][1] for place, s in starts if place <= member.header)
        numbers.put(entry + 42, 4, member.header + before[member.header])
    whole = sum(fact[1] for fact in facts)
    end = entries[-1]
    for n in (8, 10):
        numbers.put(end + n, 2, len(members))
    numbers.put(end + 12, 4, end - directory)
    numbers.put(end + 16, 4, directory + whole)
