"""The missing pieces, from the links into the partial file: each verified before it is written [T-8].

They come in any order. One that comes before the table that names it is held until the table is there [T-33].
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from bundle.errors import Corrupt
from bundle.host.progress import Progress
from transfer.disk.partial import Partial
from transfer.disk.state_file import StateFile
from transfer.fetch.assembly import Assembly, Sender
from transfer.plan import FetchPlan, Slot
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.scheduler import Scheduler
from transfer.scheduling.source import Source


class PieceReceiver:
    """Receives the missing pieces of `plan`, and writes them to `partial`.

    `found_bytes`: what stood there already, hashed and found good.
    """

    def __init__(
        self, partial: Partial, state: StateFile, plan: FetchPlan, scheduler: Scheduler, progress: Progress
    ) -> None:
        self.found_bytes = 0
        self._partial = partial
        self._state = state
        self._plan = plan
        self._scheduler = scheduler
        self._progress = progress
        self._queue = RangeQueue()
        self._queued_once: set[int] = set()
        self._unfinished: dict[int, bytes] = {}
        self._held: list[tuple[Slot, bytes, set[Sender]]] = []

    def examine(self) -> None:
        """Hashes what stands in the partial file, as far as its tables are known [T-9]."""
        found = self._plan.examine(self._partial.read)
        self.found_bytes += found
        self._progress.skip(found)

    def write_prefix(self, prefix: bytes) -> None:
        """Writes the whole pieces among the first bytes of the file; a damaged one is left to `run`."""
        for slot in self._plan.missing():
            data = prefix[slot.offset : slot.offset + slot.length]
            if slot.tree.knows(slot.piece):
                with suppress(Corrupt):
                    self._partial.write(self._plan.accept(slot, data))
                    self._progress.advance(slot.length)

    def run(self, prefix: bytes, sender: Source, hold_bytes: int, unfinished: Sequence[tuple[int, bytes]] = ()) -> None:
        """Fetches every missing piece.

        `prefix`: the first bytes of the file, which came with the header from `sender`. `unfinished`: beginnings of
        pieces that an earlier run has left. A piece that is damaged is asked for again by itself. Raises as
        `Scheduler.receive` and `Scheduler.report_damaged`.
        """
        self._queue = RangeQueue(self._plan.slots, hold_bytes)
        for offset, data in sorted(unfinished, key=lambda piece: len(piece[1])):  # of two for one piece the longer
            self._unfinished[offset] = data
        arrivals = [*self._arrived_before(prefix, sender)]
        self._queue_missing(len(prefix))
        assembly = Assembly(self._plan.slots, self._state)
        damaged_end = -1
        for offset, data, who in chain(arrivals, self._scheduler.receive(self._queue)):
            for slot, piece, senders in assembly.add(offset, data, {who}):
                end = slot.offset + slot.length
                if self._write_or_hold(slot, piece, senders):
                    continue
                # Two damaged pieces in a row are no accident: the rest of that answer is not worth its price [T-24].
                if slot.offset == damaged_end:
                    self._scheduler.abandon_request_at(offset + len(data))
                damaged_end = end

    def _arrived_before(self, prefix: bytes, sender: Source) -> Iterator[tuple[int, bytes, Sender]]:
        """What is there of missing pieces, which does not have to be asked for."""
        for slot in self._plan.missing():
            if slot.offset < len(prefix):
                yield slot.offset, prefix[slot.offset : slot.offset + slot.length], sender
            elif data := self._unfinished.get(slot.offset, b"")[: slot.length]:
                yield slot.offset, data, None

    def _queue_missing(self, first_byte: int = 0) -> None:
        """Queues the missing pieces that were not queued before, from `first_byte` on and without what is there."""
        for slot in self._plan.missing():
            if slot.offset not in self._queued_once:
                self._queued_once.add(slot.offset)
                there = len(self._unfinished.get(slot.offset, b"")) if slot.offset >= first_byte else 0
                self._queue.add(max(slot.offset + there, first_byte), slot.offset + slot.length)

    def _write_or_hold(self, slot: Slot, data: bytes, senders: set[Sender]) -> bool:
        """Writes a piece, or holds it for its table; if it is damaged, queues it again and returns False."""
        if not slot.tree.knows(slot.piece):
            self._state.save(slot.offset, 0, data)
            self._held.append((slot, data, senders))
            return True
        try:
            piece = self._plan.accept(slot, data)
        except Corrupt:
            self._state.release(slot.offset)
            self._queue.add(slot.offset, slot.offset + slot.length)
            self._scheduler.report_damaged(slot, data, senders)
            return False
        for sender in senders:
            if sender is not None:
                sender.corruption.add_good()
        self._partial.write(piece)
        self._state.release(slot.offset)
        self._progress.advance(slot.length)
        if slot.is_table:
            self._use_table()
        return True

    def _use_table(self) -> None:
        """With another table, looks at pieces that are held and at what stands in the file."""
        self._unfinished = {}
        self.examine()
        self._queue_missing()
        held, self._held = self._held, []
        for slot, data, senders in held:
            self._write_or_hold(slot, data, senders)
