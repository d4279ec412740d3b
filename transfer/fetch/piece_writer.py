"""The missing pieces, from the link into the partial file: each verified before it is written [T-8].

They come in any order. One that comes before the table that names it is held until the table is there [T-33].
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from bundle.errors import Corrupt
from bundle.host.progress import Progress
from transfer.disk.partial import Partial
from transfer.disk.state_file import Ledger
from transfer.fetch.assembly import Assembly, Sender
from transfer.plan import Plan, Slot
from transfer.scheduling.range_queue import Wanted
from transfer.scheduling.scheduler import Reception
from transfer.scheduling.source import Supplier


class Filling:
    """Fills `partial` by `plan`. `found_bytes`: what stood there already, hashed and found good."""

    def __init__(self, partial: Partial, ledger: Ledger, plan: Plan, reception: Reception, progress: Progress) -> None:
        self.found_bytes = 0
        self._partial = partial
        self._ledger = ledger
        self._plan = plan
        self._reception = reception
        self._progress = progress
        self._wanted = Wanted()
        self._wanted_once: set[int] = set()
        self._begun: dict[int, bytes] = {}
        self._held: list[tuple[Slot, bytes, set[Sender]]] = []

    def examine(self) -> None:
        """Hashes what stands in the partial file, as far as its tables are known [T-9]."""
        found = self._plan.examine(self._partial.read)
        self.found_bytes += found
        self._progress.advance(found)

    def use(self, head: bytes) -> None:
        """Writes the whole pieces among the first bytes of the file; a damaged one is left to `run`."""
        for slot in self._plan.missing():
            data = head[slot.offset : slot.offset + slot.length]
            if slot.tree.knows(slot.piece):
                with suppress(Corrupt):
                    self._partial.write(self._plan.accept(slot, data))
                    self._progress.advance(slot.length)

    def run(self, head: bytes, sender: Supplier, hold_bytes: int, begun: Sequence[tuple[int, bytes]] = ()) -> None:
        """Fetches every missing piece.

        `head`: the first bytes of the file, which came with the header from `sender`; `begun`: beginnings of pieces
        that an earlier run has left. A piece that is damaged is asked for again by itself; after two in a row, which
        are no accident, their connection is given up [T-24]. Raises as `Reception.receive` and `.spoiled`.
        """
        self._wanted = Wanted(self._plan.slots, hold_bytes)
        for offset, data in sorted(begun, key=lambda piece: len(piece[1])):  # of two for one piece the longer
            self._begun[offset] = data
        arrivals = [*self._arrived_before(head, sender)]
        self._want_missing(len(head))
        assembly = Assembly(self._plan.slots, self._ledger)
        damaged_end = -1
        for offset, data, who in chain(arrivals, self._reception.receive(self._wanted)):
            for slot, piece, senders in assembly.add(offset, data, {who}):
                end = slot.offset + slot.length
                if self._settle(slot, piece, senders):
                    continue
                if slot.offset == damaged_end:
                    self._reception.give_up(offset + len(data))
                damaged_end = end

    def _arrived_before(self, head: bytes, sender: Supplier) -> Iterator[tuple[int, bytes, Sender]]:
        """What is there of missing pieces, which does not have to be asked for."""
        for slot in self._plan.missing():
            if slot.offset < len(head):
                yield slot.offset, head[slot.offset : slot.offset + slot.length], sender
            elif data := self._begun.get(slot.offset, b"")[: slot.length]:
                yield slot.offset, data, None

    def _want_missing(self, first_byte: int = 0) -> None:
        """Wants the missing pieces that were not wanted before, without bytes before `first_byte` and what is begun."""
        for slot in self._plan.missing():
            if slot.offset not in self._wanted_once:
                self._wanted_once.add(slot.offset)
                begun = len(self._begun.get(slot.offset, b"")) if slot.offset >= first_byte else 0
                self._wanted.add(max(slot.offset + begun, first_byte), slot.offset + slot.length)

    def _settle(self, slot: Slot, data: bytes, senders: set[Sender]) -> bool:
        """Writes a piece, or holds it for its table; if it is damaged, wants it again and returns False."""
        if not slot.tree.knows(slot.piece):
            self._ledger.keep(slot.offset, 0, data)
            self._held.append((slot, data, senders))
            return True
        try:
            piece = self._plan.accept(slot, data)
        except Corrupt:
            self._ledger.settle(slot.offset)
            self._wanted.add(slot.offset, slot.offset + slot.length)
            self._reception.spoiled(slot, data, senders)
            return False
        for sender in senders - {None}:
            assert sender  # noqa: S101 - told to the type checker
            sender.suspects.clear_one()
        self._partial.write(piece)
        self._ledger.settle(slot.offset)
        self._progress.advance(slot.length)
        if slot.is_table:
            self._look_again()
        return True

    def _look_again(self) -> None:
        """With another table, at pieces that are held and at what stands in the file."""
        self._begun = {}
        self.examine()
        self._want_missing()
        held, self._held = self._held, []
        for slot, data, senders in held:
            self._settle(slot, data, senders)
