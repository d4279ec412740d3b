"""The bytes of a file at many offsets at once, while only a few blocks of it are in memory.

An image may have hundreds of megabytes. A ship has less memory than that for an update.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np

from bundle.format.objects import Readable
from bundle.references.words import Bytes, Numbers, read_long, read_unsigned

BLOCK_BYTES = 1 << 20
KEPT_BLOCKS = 8
_REACH = 8  # bytes behind a block, so that no number is cut at its end


class Pages:
    """A file to be read by arrays of offsets. `size` in bytes. Whatever reads raises BaseMismatch."""

    def __init__(self, source: Readable) -> None:
        self.size = source.size
        self._source = source
        self._kept: OrderedDict[int, Bytes] = OrderedDict()

    def span(self, start: int, end: int) -> Bytes:
        """The bytes from `start` to `end`, as far as the file has them."""
        start, end = max(start, 0), min(end, self.size)
        if end <= start:
            return np.empty(0, np.uint8)
        first = start // BLOCK_BYTES
        if end - first * BLOCK_BYTES <= BLOCK_BYTES + _REACH:
            return self._block(first)[start - first * BLOCK_BYTES : end - first * BLOCK_BYTES]
        return np.frombuffer(self._source.read_at(start, end - start), np.uint8)

    def copied(self, start: int, length: int) -> Bytes:
        """So many bytes, read once: they are not kept."""
        kept = self._kept.get(start // BLOCK_BYTES)
        inside = start % BLOCK_BYTES
        if kept is not None and inside + length <= len(kept):
            return kept[inside : inside + length]
        return np.frombuffer(self._source.read_at(start, length), np.uint8)

    def byte(self, at: Numbers) -> Bytes:
        """The byte at each offset."""
        return self._read(at, lambda block, inside: block[inside]).astype(np.uint8)

    def unsigned(self, at: Numbers) -> Numbers:
        """The 4 bytes at each offset. All of them must lie in the file."""
        return self._read(at, read_unsigned)

    def signed(self, at: Numbers) -> Numbers:
        """The same, as two's complement."""
        return (self.unsigned(at) ^ (1 << 31)) - (1 << 31)

    def long(self, at: Numbers) -> Numbers:
        """The 8 bytes at each offset, as two's complement."""
        return self._read(at, read_long)

    def _read(self, at: Numbers, read: Callable[[Bytes, Numbers], Numbers | Bytes]) -> Numbers:
        found = np.zeros(len(at), np.int64)
        for number, chosen in _by_block(at):
            found[chosen] = read(self._block(number), at[chosen] - number * BLOCK_BYTES)
        return found

    def _block(self, number: int) -> Bytes:
        if number not in self._kept:
            start = number * BLOCK_BYTES
            data = self._source.read_at(start, min(BLOCK_BYTES + _REACH, self.size - start))
            self._kept[number] = np.frombuffer(data, np.uint8)
            if len(self._kept) > KEPT_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]


def _by_block(at: Numbers) -> Iterator[tuple[int, slice | Numbers]]:
    """(number of a block, which of the offsets lie in it)."""
    numbers = at // BLOCK_BYTES
    if not len(at):
        return
    steps = np.diff(numbers)
    order = None if (steps >= 0).all() else np.argsort(numbers, kind="stable")
    ordered = numbers if order is None else numbers[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    for start, end in zip(first.tolist(), [*first[1:].tolist(), len(at)], strict=True):
        yield int(ordered[start]), slice(start, end) if order is None else order[start:end]
