"""From symbols to verified pieces: the blocks of one bundle that are open, and what is done when one has enough.

A block that was made again counts for nothing by itself: each of its pieces is verified, and only then written into
the partial file. So whatever is sent to the group can delay a block, but can never make a wrong byte count.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from bundle.errors import Corrupt
from bundle.host.progress import Progress
from transfer.broadcasting.block import Block
from transfer.broadcasting.datagram import Datagram
from transfer.broadcasting.fountain import restore
from transfer.broadcasting.headers import SPARE_SYMBOLS, Sender
from transfer.broadcasting.symbols import SymbolStore
from transfer.broadcasting.witness import Witness
from transfer.disk.partial import Partial
from transfer.plan import FetchPlan, Slot


@dataclass
class _Open:
    """A block that lacks pieces. `known`: ids of symbols that are in pieces which are there."""

    block: Block
    slots: Sequence[Slot]
    known: frozenset[int]
    credited_bytes: int = 0
    was_told: bool = False


class Collection:
    """The open blocks of `plan`, filled from a broadcast into `partial`. `store` keeps symbols meanwhile.

    blocks_anew    how often a block was made of its symbols and was not what was signed
    """

    def __init__(
        self,
        plan: FetchPlan,
        blocks: Sequence[Block],
        partial: Partial,
        store: SymbolStore,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self.blocks_anew = 0
        self._plan = plan
        self._partial = partial
        self._store = store
        self._progress = progress
        self._say = say
        self._witness = Witness()
        self._open: dict[int, _Open] = {}
        slots = iter(plan.slots)
        for block in blocks:
            self._open[block.number] = _Open(block, list(_until(slots, block.end)), frozenset())
        self._refresh()
        store.recall(self._is_of_use)
        self._settle(list(self._open))

    @property
    def is_complete(self) -> bool:
        """Whether no block is open any more."""
        return not self._open

    def take(self, datagram: Datagram, sender: Sender) -> None:
        """Takes a symbol in, if it is of use [T-128]. Raises DiskFull or OutputRefused."""
        number, symbol = datagram.block, datagram.symbol
        opened = self._open.get(number)
        if opened is None or datagram.block_bytes != opened.block.length:
            return
        if not self._is_of_use(number, symbol, len(datagram.data)) or self._store.has(number, symbol):
            return
        judged = self._witness.hear(number, sender)
        if judged.begins_anew:
            self._forget(opened)
        if judged.is_heard and self._count(opened) < opened.block.symbols + SPARE_SYMBOLS:
            self._store.add(number, symbol, datagram.data)
            self._credit(opened, len(datagram.data))
            self._settle([number])

    def salvage(self) -> None:
        """Before an end without all: what came as it is, piece by piece, for that needs no other symbol [T-132]."""
        for opened in list(self._open.values()):
            have = opened.known.union(self._store.ids(opened.block.number))
            whole = [slot for slot in self._missing(opened) if have.issuperset(_ids_of(opened.block, slot))]
            if whole:
                self._write(opened, self._joined(opened), whole)

    def _settle(self, numbers: list[int]) -> None:
        """Makes those blocks again that can be; with each table that comes, others may be verified at last."""
        while numbers:
            opened = self._open.get(numbers.pop())
            if opened and self._is_ready(opened) and self._make(opened):
                self._plan.examine(self._partial.read)
                self._refresh()
                numbers = list(self._open)

    def _is_ready(self, opened: _Open) -> bool:
        if self._count(opened) < opened.block.symbols:
            return False
        first = next(slot for slot in opened.slots if not self._plan.is_present(slot))
        return first.tree.knows(first.piece)

    def _make(self, opened: _Open) -> bool:
        """Makes a block again; whether a table was among what it brought."""
        block = opened.block
        symbols = chain(self._known_symbols(opened), self._store.symbols(block.number))
        data = restore(block.length, block.symbol_bytes, symbols)
        if data is None:
            if self._count(opened) >= block.symbols + SPARE_SYMBOLS:
                self._begin_anew(opened)
            return False
        is_right, has_table = self._write(opened, data, self._missing(opened))
        if not self._missing(opened):
            self._close(opened)
        elif not is_right:
            self._begin_anew(opened)
        return has_table

    def _write(self, opened: _Open, data: bytes, slots: Sequence[Slot]) -> tuple[bool, bool]:
        """Verifies and writes pieces; whether all that could be verified were right, and whether a table was."""
        is_right, has_table = True, False
        for slot in slots:
            if slot.tree.knows(slot.piece):
                at = slot.offset - opened.block.offset
                try:
                    piece = self._plan.accept(slot, data[at : at + slot.length])
                except Corrupt:
                    is_right = False
                    continue
                self._partial.write(piece)
                has_table |= slot.is_table
        return is_right, has_table

    def _close(self, opened: _Open) -> None:
        self._store.drop(opened.block.number)
        self._witness.close(opened.block.number)
        self._credit(opened, opened.block.length - opened.credited_bytes)
        del self._open[opened.block.number]

    def _begin_anew(self, opened: _Open) -> None:
        """[T-130]"""
        self.blocks_anew += 1
        if not opened.was_told:
            self._say(
                f"block {opened.block.number}: what was heard is not what was signed, damaged on the way or sent by "
                "somebody else; it is collected anew"
            )
        opened.was_told = True
        self._witness.refute(opened.block.number)
        self._forget(opened)

    def _forget(self, opened: _Open) -> None:
        self._store.drop(opened.block.number)
        self._progress.advance(-opened.credited_bytes)
        opened.credited_bytes = 0
        self._look_at(opened)

    def _refresh(self) -> None:
        """After pieces were found in the file."""
        for opened in list(self._open.values()):
            self._look_at(opened)
            if not self._missing(opened):
                self._close(opened)

    def _look_at(self, opened: _Open) -> None:
        present = [slot for slot in opened.slots if self._plan.is_present(slot)]
        opened.known = frozenset(_inner_ids(opened.block, present))
        self._credit(opened, max(0, len(opened.known) * opened.block.symbol_bytes - opened.credited_bytes))

    def _credit(self, opened: _Open, amount: int) -> None:
        """Progress counts what has come of a block: almost all of them are complete only at the end."""
        amount = min(amount, opened.block.length - opened.credited_bytes)
        opened.credited_bytes += amount
        self._progress.advance(amount)

    def _is_of_use(self, number: int, symbol: int, length: int) -> bool:
        opened = self._open.get(number)
        return opened is not None and length == opened.block.symbol_bytes and symbol not in opened.known

    def _count(self, opened: _Open) -> int:
        return len(opened.known) + len(self._store.ids(opened.block.number))

    def _missing(self, opened: _Open) -> list[Slot]:
        return [slot for slot in opened.slots if not self._plan.is_present(slot)]

    def _known_symbols(self, opened: _Open) -> Iterator[tuple[int, bytes]]:
        block = opened.block
        for symbol in sorted(opened.known):
            at = symbol * block.symbol_bytes
            data = self._partial.read(block.offset + at, min(block.symbol_bytes, block.length - at))
            yield symbol, data.ljust(block.symbol_bytes, b"\0")

    def _joined(self, opened: _Open) -> bytes:
        """A block's own symbols in their places, and zeros where none came."""
        block = opened.block
        data = bytearray(block.symbols * block.symbol_bytes)
        for symbol, part in chain(self._known_symbols(opened), self._store.symbols(block.number)):
            if symbol < block.symbols:
                data[symbol * block.symbol_bytes : (symbol + 1) * block.symbol_bytes] = part
        return bytes(data)


def _until(slots: Iterator[Slot], end: int) -> Iterator[Slot]:
    """The next slots, up to one that ends there."""
    for slot in slots:
        yield slot
        if slot.offset + slot.length == end:
            return


def _ids_of(block: Block, slot: Slot) -> range:
    """Of the symbols that hold a piece."""
    start = slot.offset - block.offset
    return range(start // block.symbol_bytes, -(-(start + slot.length) // block.symbol_bytes))


def _inner_ids(block: Block, slots: Sequence[Slot]) -> Iterator[int]:
    """Of the symbols that lie within pieces, which may be beside each other."""
    start = end = -1
    for slot in [*slots, None]:
        if slot and slot.offset == end:
            end += slot.length
            continue
        if end > start:
            first = -(-(start - block.offset) // block.symbol_bytes)
            yield from range(first, block.symbols if end == block.end else (end - block.offset) // block.symbol_bytes)
        if slot:
            start, end = slot.offset, slot.offset + slot.length
