"""The bytes that nobody has been asked for yet, handed out in the order of the file.

What a connection could not deliver comes back, from the very byte where it stopped [T-23].
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from transfer.plan import Slot


@dataclass(frozen=True)
class RequestLimits:
    """What may be asked of one source.

    end_offset         nothing from there on; None: its file is as long as the bundle
    allowance_bytes    no more than that; None: any number
    is_last            nothing else is under way, so the allowance may end in the middle of a piece
    avoid              offsets of pieces to leave to other sources
    may_be_held        whether pieces may be asked for that no verified table names yet
    """

    end_offset: int | None = None
    allowance_bytes: int | None = None
    is_last: bool = False
    avoid: Collection[int] = ()
    may_be_held: bool = True


NO_LIMITS = RequestLimits()
A_PIECE = 1  # byte: requests end with a piece


class RangeQueue:
    """Ranges of a file, as (start, end) in bytes, sorted and none beside another. More may be added at any time.

    With `slots`, ranges are cut where a piece ends. A piece that no verified table names yet has to wait in memory when
    it comes. So nothing is handed out from `hold_bytes` behind the first such piece on [T-33].
    """

    def __init__(self, slots: Sequence[Slot] = (), hold_bytes: int = 0) -> None:
        self._slots = slots
        self._ends = [slot.offset + slot.length for slot in slots]
        self._hold_bytes = hold_bytes
        self._named = 0  # all slots before this one have a verified table
        self._ranges: list[tuple[int, int]] = []

    @property
    def left_bytes(self) -> int:
        """How much there is to hand out."""
        return sum(end - start for start, end in self._ranges)

    def employable_connections(self, request_bytes: int) -> int:
        """How many connections this could employ: one for so many bytes, or for a range by itself."""
        return max(len(self._ranges), -(-self.left_bytes // request_bytes))

    def add(self, start: int, end: int) -> None:
        """Puts in these bytes, which are not in it already."""
        if start >= end:
            return
        # Neighbours become one range: what several connections leave is asked for in one request, not in several.
        at = bisect_right(self._ranges, (start, end))
        if at < len(self._ranges) and self._ranges[at][0] == end:
            end = self._ranges.pop(at)[1]
        if at and self._ranges[at - 1][1] == start:
            at -= 1
            start = self._ranges.pop(at)[0]
        self._ranges.insert(at, (start, end))

    def has_piece_before(self, end_offset: int | None) -> bool:
        """Whether a whole piece of what is left stands before that offset; None: whether anything is left."""
        return any(end_offset is None or start < self._piece_end_before(end_offset) for start, _ in self._ranges)

    def take(self, max_bytes: int, limits: RequestLimits = NO_LIMITS) -> tuple[int, int] | None:
        """Hands out the first range, or as much of it as may be, or None if there is nothing to be asked for now."""
        hold = self._hold_limit(self._hold_bytes if limits.may_be_held else 0)
        file_end = None if limits.end_offset is None else self._piece_end_before(limits.end_offset)
        bounds = [
            bound for bound in (None if hold is None else self.piece_end_from(hold), file_end) if bound is not None
        ]
        for at, (first, end) in enumerate(self._ranges):
            start = self._behind_avoided(first, end, limits.avoid)
            if start >= end:
                continue
            if any(start >= bound for bound in bounds) or (hold is not None and start >= hold):
                return None
            # A request ends with a piece. The next one may go to another connection and come first, and the bytes of
            # a piece have to come in order: half a piece has no place to wait in.
            cut = self._affordable(start, min(end, self.piece_end_from(start + max_bytes), *bounds), limits)
            if cut == start:
                return None
            self._ranges[at : at + 1] = [rest for rest in ((first, start), (cut, end)) if rest[0] < rest[1]]
            return start, cut
        return None

    def piece_end_from(self, offset: int) -> int:
        """The first end of a piece that is not before `offset`; `offset` itself if there is none."""
        at = bisect_right(self._ends, offset - 1)
        return self._ends[at] if at < len(self._ends) else offset

    def piece_start_of(self, offset: int) -> int:
        """Where the piece with that byte begins; `offset` itself if there is none."""
        at = bisect_right(self._ends, offset)
        return min(offset, self._slots[at].offset) if at < len(self._slots) else offset

    def is_named_before(self, end: int) -> bool:
        """Whether a verified table names every piece before `end`."""
        hold = self._hold_limit(0)
        return hold is None or end <= hold

    def _piece_end_before(self, offset: int) -> int:
        """The last end of a piece that is not behind `offset`; 0 if there is none."""
        at = bisect_right(self._ends, offset)
        return self._ends[at - 1] if at else 0

    def _affordable(self, start: int, cut: int, limits: RequestLimits) -> int:
        if limits.allowance_bytes is None or cut - start <= limits.allowance_bytes:
            return cut
        whole = self._piece_end_before(start + limits.allowance_bytes)
        if whole > start:
            return whole
        # The last bytes of a budget buy the beginning of a piece: it is kept in the state file, for a higher budget.
        return start + limits.allowance_bytes if limits.is_last else start

    def _behind_avoided(self, start: int, end: int, avoid: Collection[int]) -> int:
        """Where in a range the first piece begins that is not to be avoided; its end if there is none."""
        while avoid and start < end and self.piece_start_of(start) in avoid:
            start = self.piece_end_from(start + 1)
        return min(start, end)

    def _hold_limit(self, hold_bytes: int) -> int | None:
        """Nothing may be asked for from there on; None: all tables are verified."""
        # Tables only ever become known, so the search goes on where it ended: this is called for every request.
        while self._named < len(self._slots):
            slot = self._slots[self._named]
            if not slot.tree.knows(slot.piece):
                return slot.offset + hold_bytes
            self._named += 1
        return None
