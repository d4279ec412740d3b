"""What the headers of an archive repeat: left out of its skeleton, put back from its members. spec/format.md [F-59].

A zip archive has the checksum and the sizes of each member twice, and its offset. A new version differs in all
of that. Each such number is replaced by its difference from what it should be, which is 0. What steers the walk
(magic numbers, flags, lengths) stays as it is, so the same walk leads there and back, whatever the bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

LOCAL, CENTRAL, END, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = 30, 46, 22
GZIP, GZIP_TRAILER_BYTES = b"\x1f\x8b", 8
FOLLOWED = 8  # flag: the data is followed by its checksum and sizes, which are 0 in the local header

_Repeated = tuple[int, int, int]  # offset, bytes, what should stand there


@dataclass(frozen=True)
class Facts:
    """What a stream is: the CRC-32 of its plain bytes, its length as it stands, and their number."""

    crc: int
    length: int
    size: int


@dataclass(frozen=True)
class _Member:
    """Offsets in the rest of its local header and its descriptor (0: none); the number of its stream, if taken out."""

    local: int
    stream: int | None
    descriptor: int


def leave_out(rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> None:
    """Replaces each number that repeats something by its difference from that. `rest` and `gaps` as in a skeleton."""
    for at, width, expected in list(_repeated(rest, gaps, facts)):
        _add(rest, at, width, -expected)


def put_back(rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> None:
    """The way back: every number has its value again before the next one is asked for."""
    for at, width, expected in _repeated(rest, gaps, facts):
        _add(rest, at, width, expected)


def _repeated(rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> Iterator[_Repeated]:
    if rest.startswith(GZIP):
        if len(gaps) == 1 and len(rest) == gaps[0] + GZIP_TRAILER_BYTES:
            yield gaps[0], 4, facts[0].crc
            yield gaps[0] + 4, 4, facts[0].size
        return
    members, directory = _members(rest, gaps)
    centrals = _centrals(rest, directory, len(members))
    if centrals is None:
        return
    yield from _locals(rest, members, facts)
    before = list(accumulate((fact.length for fact in facts), initial=0))
    passed = 0
    for member, at in zip(members, centrals, strict=False):
        yield at + 12, 4, _number(rest, member.local + 10)  # time and date
        if member.stream is not None:
            fact = facts[member.stream]
            yield from ((at + 16, 4, fact.crc), (at + 20, 4, fact.length), (at + 24, 4, fact.size))
        else:
            yield from ((at + 16 + step, 4, _number(rest, member.local + 14 + step)) for step in (0, 4, 8))
        yield at + 42, 4, member.local + before[passed]
        passed += member.stream is not None
    end = centrals[-1]
    yield from ((end + 8, 2, len(members)), (end + 10, 2, len(members)))
    yield from ((end + 12, 4, end - directory), (end + 16, 4, directory + before[-1]))


def _locals(rest: bytearray, members: list[_Member], facts: Sequence[Facts]) -> Iterator[_Repeated]:
    time = 0
    for member in members:
        yield member.local + 10, 4, time
        time = _number(rest, member.local + 10)
        if member.stream is None:
            continue
        fact = facts[member.stream]
        at = member.descriptor or member.local + 14
        yield from ((at, 4, fact.crc), (at + 4, 4, fact.length), (at + 8, 4, fact.size))


def _members(rest: bytearray, gaps: Sequence[int]) -> tuple[list[_Member], int]:
    """(the members that follow one another from the start, where they end)."""
    streams = {at: number for number, at in enumerate(accumulate(gaps))}
    members, at = [], 0
    while rest[at : at + 4] == LOCAL and at + LOCAL_BYTES <= len(rest):
        flags, name, extra = (_number(rest, at + field, 2) for field in (6, 26, 28))
        data = at + LOCAL_BYTES + name + extra
        stream, descriptor = streams.get(data), 0
        if stream is None:
            after = data + _number(rest, at + 18)
        else:
            magic = 4 * (rest[data : data + 4] == DESCRIPTOR)
            descriptor = data + magic if flags & FOLLOWED else 0
            after = descriptor + 12 if descriptor else data
        if after > len(rest):
            break
        members.append(_Member(at, stream, descriptor))
        at = after
    return members, at


def _centrals(rest: bytearray, at: int, count: int) -> list[int] | None:
    """The offsets of as many directory entries from there on and of the end record, if nothing else is there."""
    found = []
    for _ in range(count):
        if rest[at : at + 4] != CENTRAL or at + CENTRAL_BYTES > len(rest):
            return None
        found.append(at)
        at += CENTRAL_BYTES + sum(_number(rest, at + field, 2) for field in (28, 30, 32))
    if (
        rest[at : at + 4] != END
        or at + END_BYTES > len(rest)
        or at + END_BYTES + _number(rest, at + 20, 2) != len(rest)
    ):
        return None
    return [*found, at]


def _number(rest: bytearray, at: int, width: int = 4) -> int:
    return int.from_bytes(rest[at : at + width], "little")


def _add(rest: bytearray, at: int, width: int, number: int) -> None:
    value = _number(rest, at, width) + number
    rest[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
