"""Pieces out of chunks: what several connections hand over in any order becomes whole pieces."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from transfer.plan import Slot


class Assembly:
    """The pieces that are on their way, each filled from its start on by whichever connection has its turn."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._offsets = [slot.offset for slot in slots]
        self._begun: dict[int, bytearray] = {}

    def add(self, offset: int, data: bytes) -> Iterator[tuple[Slot, bytes]]:
        """Takes in bytes at `offset` of the file, and gives out each piece that they complete, not verified."""
        while data:
            slot = self._slots[bisect_right(self._offsets, offset) - 1]
            buffer = self._begun.setdefault(slot.offset, bytearray())
            assert slot.offset + len(buffer) == offset, "bytes of a piece come in order"  # noqa: S101 - of `Wanted`
            part = data[: slot.length - len(buffer)]
            buffer += part
            offset, data = offset + len(part), data[len(part) :]
            if len(buffer) == slot.length:
                yield slot, bytes(self._begun.pop(slot.offset))
