"""Pieces out of chunks: what several connections hand over in any order becomes whole pieces."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence

from transfer.disk.state_file import StateFile
from transfer.plan import Slot
from transfer.scheduling.source import Source

Sender = Source | None  # None: an earlier run, which did not note who


class Assembly:
    """The pieces that are on their way, each filled from its start on by whichever connection has its turn.

    What came of them is in the state file too, for a process that is killed.
    """

    def __init__(self, slots: Sequence[Slot], state: StateFile) -> None:
        self._slots = slots
        self._state = state
        self._offsets = [slot.offset for slot in slots]
        self._unfinished: dict[int, bytearray] = {}
        self._senders: dict[int, set[Sender]] = {}

    def add(self, offset: int, data: bytes, senders: Collection[Sender]) -> Iterator[tuple[Slot, bytes, set[Sender]]]:
        """Takes in bytes at `offset` of the file, and gives out each piece that they complete, not verified.

        With each who has sent it: several where one went on with what another had begun.
        """
        while data:
            slot = self._slots[bisect_right(self._offsets, offset) - 1]
            buffer = self._unfinished.setdefault(slot.offset, bytearray())
            self._senders.setdefault(slot.offset, set()).update(senders)
            assert slot.offset + len(buffer) == offset, "bytes of a piece come in order"  # noqa: S101 - of `RangeQueue`
            part = data[: slot.length - len(buffer)]
            if len(buffer) + len(part) < slot.length:
                self._state.save(slot.offset, len(buffer), part)
            buffer += part
            offset, data = offset + len(part), data[len(part) :]
            if len(buffer) == slot.length:
                yield slot, bytes(self._unfinished.pop(slot.offset)), self._senders.pop(slot.offset)
