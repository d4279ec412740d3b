"""The bytes that nobody has been asked for yet, handed out in the order of the file.

What a connection could not deliver comes back, from the very byte where it stopped [T-23].
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from transfer.plan import Slot


@dataclass(frozen=True)
class Offer:
    """What may be asked of one source: nothing from `reach_bytes` on, and no more than the allowance; None: any.

    `is_last`: nothing else is under way, so that the allowance may end in the middle of a piece. `avoid`: offsets of
    pieces to leave to others. `may_be_held`: whether what no table names yet may be asked for too.
    """

    reach_bytes: int | None = None
    allowance_bytes: int | None = None
    is_last: bool = False
    avoid: Collection[int] = ()
    may_be_held: bool = True


ANYTHING = Offer()


class Wanted:
    """Stretches of a file, as (start, end) in bytes, none beside another; what is wanted is added.

    With `slots`, ranges end where a piece does. A piece that no verified table names yet must wait in memory when it
    comes, so nothing is handed out from `hold_bytes` behind the first one on.
    """

    def __init__(self, slots: Sequence[Slot] = (), hold_bytes: int = 0) -> None:
        self._slots = slots
        self._ends = [slot.offset + slot.length for slot in slots]
        self._hold_bytes = hold_bytes
        self._named = 0  # all slots before this one have a verified table
        self._stretches: list[tuple[int, int]] = []

    @property
    def left_bytes(self) -> int:
        """How much there is to hand out."""
        return sum(end - start for start, end in self._stretches)

    def worth_lanes(self, request_bytes: int) -> int:
        """How many connections this could employ, if one is made for so many bytes, or for a stretch by itself."""
        return max(len(self._stretches), -(-self.left_bytes // request_bytes))

    def add(self, start: int, end: int) -> None:
        """Wants these bytes, which are not wanted already."""
        if start >= end:
            return
        at = bisect_right(self._stretches, (start, end))
        if at < len(self._stretches) and self._stretches[at][0] == end:
            end = self._stretches.pop(at)[1]
        if at and self._stretches[at - 1][1] == start:
            at -= 1
            start = self._stretches.pop(at)[0]
        self._stretches.insert(at, (start, end))

    def is_within(self, reach_bytes: int | None) -> bool:
        """Whether a file that ends there has any whole piece of what is left; None: it has all."""
        return any(reach_bytes is None or start < self._floor(reach_bytes) for start, _ in self._stretches)

    def take(self, most_bytes: int, offer: Offer = ANYTHING) -> tuple[int, int] | None:
        """Hands out the first stretch, or as much of it; None if there is nothing to be asked for now.

        It ends with a piece, for the next one may go to another connection and come first.
        """
        hold = self._hold_limit(self._hold_bytes if offer.may_be_held else 0)
        reach = None if offer.reach_bytes is None else self._floor(offer.reach_bytes)
        bounds = [bound for bound in (None if hold is None else self.align(hold), reach) if bound is not None]
        for at, (first, end) in enumerate(self._stretches):
            start = self._behind(first, end, offer.avoid)
            if start >= end:
                continue
            if any(start >= bound for bound in bounds) or (hold is not None and start >= hold):
                return None
            cut = self._affordable(start, min(end, self.align(start + most_bytes), *bounds), offer)
            if cut == start:
                return None
            self._stretches[at : at + 1] = [rest for rest in ((first, start), (cut, end)) if rest[0] < rest[1]]
            return start, cut
        return None

    def _affordable(self, start: int, cut: int, offer: Offer) -> int:
        if offer.allowance_bytes is None or cut - start <= offer.allowance_bytes:
            return cut
        whole = self._floor(start + offer.allowance_bytes)
        if whole > start:
            return whole
        return start + offer.allowance_bytes if offer.is_last else start

    def _floor(self, offset: int) -> int:
        """The last end of a piece that is not behind `offset`."""
        at = bisect_right(self._ends, offset)
        return self._ends[at - 1] if at else 0

    def _behind(self, start: int, end: int, avoid: Collection[int]) -> int:
        """Where in a stretch the first piece begins that is not to be avoided; its end if there is none."""
        while start < end and start in avoid:
            start = self.align(start + 1)
        return min(start, end)

    def align(self, offset: int) -> int:
        """The first end of a piece that is not before `offset`."""
        at = bisect_right(self._ends, offset - 1)
        return self._ends[at] if at < len(self._ends) else offset

    def _hold_limit(self, hold_bytes: int) -> int | None:
        while self._named < len(self._slots):
            slot = self._slots[self._named]
            if not slot.tree.knows(slot.piece):
                return slot.offset + hold_bytes
            self._named += 1
        return None
