"""What is wanted of a file: what nobody was asked for yet, and what was lost and is to be asked for again."""

from heapq import heapify, heappop, heappush
from itertools import pairwise

from transfer.pull.datagrams import (
    DATA_HEAD_BYTES,
    GRANT_BYTES,
    MAX_AMPLIFICATION,
    MAX_DATAGRAM_BYTES,
    MAX_OFFSET,
    WIRE_BYTES,
    Range,
)
from transfer.pull.spans import Spans

Chunk = tuple[int, int]  # offset, length: the bytes of one answer

HEAD_BYTES = WIRE_BYTES + DATA_HEAD_BYTES


class Wanted:
    """Bytes that are wanted, until they have come. `fresh`: those that nobody was asked for."""

    def __init__(self) -> None:
        self.fresh = Spans()
        self._known = Spans()  # fresh, lost, under way, or there and not taken
        self._lost: list[Chunk] = []  # a heap
        self._retried: set[Chunk] = set()

    def __bool__(self) -> bool:
        return bool(self._lost or self.fresh)

    @property
    def has_lost(self) -> bool:
        """Whether something is to be asked for again."""
        return bool(self._lost)

    def want(self, start: int, end: int) -> None:
        """These bytes are wanted, unless they are already."""
        for missing in self._known.missing_of(start, end):
            self.fresh.add(*missing)
            self._known.add(*missing)

    def unwant(self, start: int, end: int) -> None:
        """These are not wanted any more; what is under way may still come."""
        for span in list(self.fresh):
            left, right = max(start, span[0]), min(end, span[1])
            if left < right:
                self.fresh.remove(left, right)
                self._known.remove(left, right)
        kept = [chunk for chunk in self._lost if not (start <= chunk[0] and sum(chunk) <= end)]
        for offset, length in set(self._lost).difference(kept):
            self._known.remove(offset, offset + length)
        self._lost = kept
        heapify(self._lost)

    def clip(self, end: int) -> None:
        """The file ends there."""
        self._lost = sorted((offset, min(length, end - offset)) for offset, length in self._lost if offset < end)
        self.fresh.remove(end, MAX_OFFSET)
        self._known.remove(end, MAX_OFFSET)

    def taken(self, start: int, end: int) -> None:
        """These have come, and were taken or dropped."""
        self._known.remove(start, end)

    def pick(self, most: int, packet: int, may_be_fresh: bool) -> list[Chunk]:
        """What to ask for next: what was lost, then what is fresh."""
        chunks: list[Chunk] = []
        while len(chunks) < most:
            if self._lost:
                offset, length = heappop(self._lost)
                if length > packet:
                    heappush(self._lost, (offset + packet, length - packet))
                    length = packet
            elif may_be_fresh and (span := self.fresh.take_first(packet)):
                offset, length = span[0], span[1] - span[0]
            else:
                break
            chunks.append((offset, length))
        return chunks

    def pick_open(self, most: int, packet: int) -> list[Chunk]:
        """... in one range, and no more than an open may ask for."""
        chunks = self.pick(most, packet, may_be_fresh=True)
        while not _is_one_range(chunks) or open_bytes(chunks) > MAX_DATAGRAM_BYTES:
            self.put_back(chunks.pop())
        return chunks

    def put_back(self, chunk: Chunk) -> None:
        """A chunk was picked, and not asked for or not answered."""
        heappush(self._lost, chunk)

    def lost(self, chunk: Chunk) -> None:
        """A chunk was asked for and did not come."""
        self._retried.add(chunk)
        heappush(self._lost, chunk)

    def arrived(self, chunk: Chunk) -> None:
        """A chunk has come."""
        self._retried.discard(chunk)

    def found(self, chunk: Chunk) -> bool:
        """Whether a chunk that came late waits to be asked for again. It does no longer."""
        if chunk not in self._lost:
            return False
        self._lost = sorted(one for one in self._lost if one != chunk)
        return True

    def is_tail(self, chunks: list[Chunk]) -> bool:
        """Whether these are the last of all, and none of them is asked for the first time."""
        return not self and all(chunk in self._retried for chunk in chunks)


def open_bytes(chunks: list[Chunk]) -> int:
    """How long an open must be for these answers to come with the grant: a third of them [T-159]."""
    answers = GRANT_BYTES + WIRE_BYTES + sum(length + HEAD_BYTES for _, length in chunks)
    return -(-answers // MAX_AMPLIFICATION) - WIRE_BYTES


def as_ranges(chunks: list[Chunk], packet: int) -> list[Range]:
    """Chunks as ranges that the server cuts into just these."""
    ranges: list[Range] = []
    is_open = False
    for offset, length in sorted(chunks):
        if is_open and sum(ranges[-1]) == offset:
            ranges[-1] = (ranges[-1][0], ranges[-1][1] + length)
        else:
            ranges.append((offset, length))
        is_open = length == packet
    return ranges


def _is_one_range(chunks: list[Chunk]) -> bool:
    return all(sum(one) == after[0] for one, after in pairwise(chunks))
