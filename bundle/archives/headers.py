"""What the headers of an archive repeat: left out of its skeleton, put back from its members. spec/format.md [F-59].

A zip archive has the checksum and the sizes of each member twice, and its offset. A gzip file has them behind its
stream. A new version differs in all of that. Each such number is replaced by its difference from what it should be,
which is 0. What steers the walk (magic numbers, flags, lengths) stays as it is, so the same walk leads there and back,
whatever the bytes.

The walk looks for headers anywhere, as the search for streams does: archives may stand behind a program, in a tar, or
stored in one another. A directory belongs to the last local headers before it that no other directory has taken.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bundle.archives.streams import DESCRIPTOR, FOLLOWED

END = b"PK\x05\x06"
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = 30, 46, 22
TRAILER_BYTES = 8  # of gzip: checksum and size
ZLIB_HEADS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
_CENTRAL = b"PK\x01\x02"
_HEADERS = re.compile(rb"PK(?:\x03\x04|\x01\x02)")

_Repeated = tuple[int, int, int]  # offset, bytes, what should stand there


@dataclass(frozen=True)
class Facts:
    """What a stream is: the CRC-32 of its plain bytes, its length as it stands, and their number."""

    crc: int
    length: int
    size: int


@dataclass(frozen=True)
class _Member:
    """Offset in the rest of a local header; the number of its stream, if one stands behind it."""

    local: int
    stream: int | None


def leave_out(rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> None:
    """Replaces each number that repeats something by its difference from that. `rest` and `gaps` as in a skeleton."""
    for at, width, expected in list(_Walk(rest, gaps, facts).repeated()):
        _add(rest, at, width, -expected)


def put_back(rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> None:
    """The way back: every number has its value again before the next one is asked for."""
    for at, width, expected in _Walk(rest, gaps, facts).repeated():
        _add(rest, at, width, expected)


class _Walk:
    """One walk through the rest, from its start to its end."""

    def __init__(self, rest: bytearray, gaps: Sequence[int], facts: Sequence[Facts]) -> None:
        self._rest = rest
        self._facts = facts
        self._places = list(accumulate(gaps))  # of the streams, in the rest
        self._lengths = list(accumulate((fact.length for fact in facts), initial=0))
        self._waiting: list[_Member] = []  # local headers that no directory has taken
        self._time = 0

    def repeated(self) -> Iterator[_Repeated]:
        """Every number that repeats something, in ascending order, with what should stand there."""
        at, stream = 0, 0
        while True:
            hit = _HEADERS.search(self._rest, at)
            if stream < len(self._places) and (hit is None or self._places[stream] <= hit.start()):
                # No local header claimed it: what follows a gzip stream is its checksum and size.
                place, fact = self._places[stream], self._facts[stream]
                stream += 1
                end = self._places[stream] if stream < len(self._places) else len(self._rest)
                is_zlib = self._rest[place - 2 : place] in ZLIB_HEADS  # its checksum is another one, and 4 bytes
                if at <= place and place + TRAILER_BYTES <= end and not is_zlib:
                    yield from ((place, 4, fact.crc), (place + 4, 4, fact.size))
                    at = place + TRAILER_BYTES
            elif hit is None:
                return
            elif hit[0] == _CENTRAL:
                entries = self._directory(hit.start())
                at = hit.start() + len(_CENTRAL)
                if entries:
                    yield from self._entries(entries)
                    at = min(len(self._rest), entries[-1] + END_BYTES)
            else:
                at = hit.start() + LOCAL_BYTES
                if at > len(self._rest):
                    continue
                at += _number(self._rest, at - 4, 2) + _number(self._rest, at - 2, 2)
                is_claimed = stream < len(self._places) and self._places[stream] == at
                member = _Member(hit.start(), stream if is_claimed else None)
                stream += is_claimed
                yield member.local + 10, 4, self._time
                self._time = _number(self._rest, member.local + 10)
                if is_claimed:
                    numbers = self._numbers_of(member, at)
                    if numbers > member.local + LOCAL_BYTES:
                        at = min(len(self._rest), numbers + 12)
                    yield from self._three(numbers, member)
                self._waiting.append(member)
                # A stream within the name or the extra field is nobody's.
                while stream < len(self._places) and self._places[stream] < at:
                    stream += 1

    def _numbers_of(self, member: _Member, behind: int) -> int:
        """Where its checksum and sizes stand: in the header, or in the descriptor behind its stream."""
        if not _number(self._rest, member.local + 6, 2) & FOLLOWED:
            return member.local + 14
        numbers = behind + len(DESCRIPTOR) * (self._rest[behind : behind + 4] == DESCRIPTOR)
        return numbers if numbers + 12 <= len(self._rest) else member.local + 14

    def _three(self, at: int, member: _Member) -> Iterator[_Repeated]:
        fact = self._facts[member.stream or 0]
        yield from ((at, 4, fact.crc), (at + 4, 4, fact.length), (at + 8, 4, fact.size))

    def _directory(self, at: int) -> list[int] | None:
        """The offsets of the entries that follow one another from there, and of the end record behind them."""
        found = []
        while self._rest[at : at + 4] == _CENTRAL and at + CENTRAL_BYTES <= len(self._rest):
            found.append(at)
            at += CENTRAL_BYTES + sum(_number(self._rest, at + field, 2) for field in (28, 30, 32))
        is_whole = self._rest[at : at + 4] == END and at + END_BYTES <= len(self._rest)
        return [*found, at] if is_whole and 0 < len(found) <= len(self._waiting) else None

    def _entries(self, entries: list[int]) -> Iterator[_Repeated]:
        count = len(entries) - 1
        members = self._waiting[-count:]
        del self._waiting[-count:]
        first = self._offset(members[0].local)
        offset = before = first
        for member, at in zip(members, entries, strict=False):
            yield at + 12, 4, _number(self._rest, member.local + 10)  # time and date
            if member.stream is not None:
                yield from self._three(at + 16, member)
            else:
                yield from ((at + 16 + step, 4, _number(self._rest, member.local + 14 + step)) for step in (0, 4, 8))
            here = self._offset(member.local)
            yield at + 42, 4, offset + here - before
            offset, before = _number(self._rest, at + 42), here
        end = entries[-1]
        yield from ((end + 8, 2, count), (end + 10, 2, count), (end + 12, 4, end - entries[0]))
        yield end + 16, 4, _number(self._rest, entries[0] + 42) + self._offset(entries[0]) - first

    def _offset(self, at: int) -> int:
        """Where a byte of the rest stands in the archive: streams go before the byte at their place."""
        return at + self._lengths[bisect_right(self._places, at)]


def _number(rest: bytearray, at: int, width: int = 4) -> int:
    return int.from_bytes(rest[at : at + width], "little")


def _add(rest: bytearray, at: int, width: int, number: int) -> None:
    value = _number(rest, at, width) + number
    rest[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
