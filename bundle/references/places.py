"""Many numbers, ascending and each once, in two bytes each: the offsets of the references in an image.

An image of 256 MiB may have ten million references. As 64-bit numbers, their offsets and targets would not fit into
the memory that an update may take.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.references.words import Numbers, apart

_BITS = 16  # of a number are kept; the others follow from the bucket that it is in
_CHUNK = 1 << 16  # how many numbers are handed out at once
_SIEVED = 1 << 20  # how many numbers' marks are looked at, at once
_MARKS = (1 << np.arange(8)).astype(np.uint8)


class TooMany(Exception):
    """More numbers than are wanted."""


class Places:
    """Ascending numbers, each once. `PlaceSet` makes them."""

    def __init__(self, low: NDArray[np.uint16], starts: Numbers) -> None:
        """`low`: the low bits of each. `starts`: how many stand before each bucket, and twice how many there are."""
        self._low = low
        self._starts = starts

    def __len__(self) -> int:
        return len(self._low)

    def before(self, numbers: Numbers) -> Numbers:
        """How many are less than each of the given numbers."""
        wanted = np.clip(numbers, 0, (len(self._starts) - 2) << _BITS)
        bucket, rest = wanted >> _BITS, wanted & ((1 << _BITS) - 1)
        low: Numbers = self._starts[bucket]
        high = self._starts[bucket + 1]
        # A binary search in all the buckets at once.
        while (searching := low < high).any():
            middle = (low + high) >> 1
            less = self._low[np.where(searching, middle, 0)] < rest
            low = np.where(searching & less, middle + 1, low)
            high = np.where(searching & ~less, middle, high)
        return low

    def at(self, indexes: Numbers) -> Numbers:
        """The numbers at these indexes, which ascend or not."""
        bucket = np.searchsorted(self._starts, indexes, "right") - 1
        numbers: Numbers = (bucket.astype(np.int64) << _BITS) | self._low[indexes]
        return numbers

    def has(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Which of the given numbers are among them."""
        found: NDArray[np.bool_] = self.before(numbers) < self.before(numbers + 1)
        return found

    def chunks(self) -> Iterator[tuple[Numbers, Numbers]]:
        """(indexes, numbers) of all, some at a time."""
        for start in range(0, len(self), _CHUNK):
            indexes = np.arange(start, min(start + _CHUNK, len(self)), dtype=np.int64)
            yield indexes, self.at(indexes)


class PlaceList:
    """Numbers from 0 to below a limit, to be added in ascending order."""

    def __init__(self, limit: int, width: int = 1, most: int | None = None) -> None:
        """Those that overlap the one before are left out, if each takes `width` bytes."""
        self._width, self._most = width, most
        self._low = [np.empty(0, np.uint16)]
        self._counts = np.zeros((max(0, limit) >> _BITS) + 1, np.int64)
        self._end = self._count = 0

    def add(self, numbers: Numbers) -> None:
        """Adds some that are greater than all before. Raises TooMany."""
        numbers = apart(numbers, self._width, self._end)
        self._count += len(numbers)
        if self._most is not None and self._count > self._most:
            raise TooMany
        if len(numbers):
            self._end = int(numbers[-1]) + self._width
            self._low.append((numbers & ((1 << _BITS) - 1)).astype(np.uint16))
            first = int(numbers[0]) >> _BITS
            counts = np.bincount((numbers >> _BITS) - first)
            self._counts[first : first + len(counts)] += counts

    def places(self) -> Places:
        """All of them."""
        starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), self._counts, np.zeros(1, np.int64)]))
        return Places(np.concatenate(self._low), starts)


class PlaceSet:
    """Numbers from 0 to below a limit, to be added in any order: a bit of memory for each number that could be."""

    # The system gives memory for the zeros only where a number is added.

    def __init__(self, limit: int) -> None:
        self._limit = max(0, limit)
        self._marks = np.zeros(self._limit + 7 >> 3, np.uint8)

    def add(self, numbers: Numbers) -> None:
        """Adds those that are within the limits."""
        inside = numbers[(numbers >= 0) & (numbers < self._limit)]
        np.bitwise_or.at(self._marks, inside >> 3, _MARKS[inside & 7])

    def places(self, width: int = 1, most: int | None = None) -> Places:
        """All of them, less those that overlap the one before if each takes so many bytes. Raises TooMany."""
        found = PlaceList(self._limit, width, most)
        for start in range(0, self._limit, _SIEVED):
            marks = self._marks[start >> 3 : start + _SIEVED >> 3]
            if marks.any():
                found.add(np.flatnonzero(np.unpackbits(marks, bitorder="little")) + start)
        return found.places()
