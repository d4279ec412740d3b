"""Distances of matches as numbers of places, and back [F-69].

The three bytes that a match begins with mostly stood at several places before. Its number says which of these the match
was found at: 0 for the nearest one. Where bytes are added or removed between the two, the distance is another one, and
the number stays. So a change of the plain bytes changes little of the shape behind it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.archives.deflate_blocks import NoShape
from bundle.errors import Malformed
from bundle.format.objects import Readable

WINDOW_BYTES = 32 * 1024
REGION_BYTES = 128 * 1024  # that are sorted at a time, with the window before them
_PREFIX = 3


class Places:
    """The places in some plain bytes. Matches are asked for in ascending order; memory is some 4 MiB."""

    def __init__(self, plain: Readable) -> None:
        self._plain = plain
        self._low = self._high = 0  # of the region
        self._order = self._rank = self._group = np.empty(0, np.int32)

    def numbers(self, starts: NDArray[np.int64], distances: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of matches that start there. Raises NoShape if other bytes stand at that distance."""
        found = np.empty_like(distances)
        for part in self._parts(starts):
            if part is None:
                raise NoShape("a deflate stream of other plain bytes")
            places = starts[part] - self._low
            sources = places - distances[part]
            if (sources < 0).any():
                raise NoShape("a deflate stream with a match before its first byte")
            ranks, of_sources = self._rank[places], self._rank[sources]
            if (self._group[ranks] != self._group[of_sources]).any():
                raise NoShape("a deflate stream of other plain bytes")
            found[part] = ranks - of_sources - 1
        return found

    def distances(self, starts: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The way back. Raises Malformed if there is no such place within the window."""
        found = np.empty_like(numbers)
        for part in self._parts(starts):
            if part is None:
                raise Malformed("recipe: a shape that takes more than the plain bytes")
            places = starts[part] - self._low
            ranks = self._rank[places]
            of_sources = ranks - numbers[part] - 1
            if (of_sources < 0).any() or (self._group[ranks] != self._group[of_sources]).any():
                raise Malformed("recipe: a shape with a match of bytes that did not stand before")
            found[part] = places - self._order[of_sources]
        if (found > WINDOW_BYTES).any():
            raise Malformed("recipe: a shape with a match beyond the window")
        return found

    def _parts(self, starts: NDArray[np.int64]) -> Iterator[slice | None]:
        """Stretches of these starts, each while its region is sorted. None if the plain bytes end before."""
        at = 0
        while at < len(starts):
            first = int(starts[at])
            if first + _PREFIX > self._high or self._low > max(0, first - WINDOW_BYTES):
                if first + _PREFIX > self._plain.size:
                    yield None
                    return
                self._sort(max(0, first - WINDOW_BYTES), min(self._plain.size, first + REGION_BYTES))
            end = int(np.searchsorted(starts, self._high - _PREFIX, "right"))
            yield slice(at, end)
            at = end

    def _sort(self, low: int, high: int) -> None:
        """Orders the places of a region by their three bytes, and of equal ones by where they stand."""
        data = np.frombuffer(self._plain.read_at(low, high - low), np.uint8)
        heads, third = data[:-2] | data[1:-1].astype(np.uint16) << 8, data[2:]
        order = np.argsort(third, kind="stable")  # of bytes and of 16 bits it takes linear time
        order = order[np.argsort(heads[order], kind="stable")]
        heads, third = heads[order], third[order]
        is_first = np.ones(len(order), np.int32)
        is_first[1:] = (heads[1:] != heads[:-1]) | (third[1:] != third[:-1])
        self._group = np.cumsum(is_first, dtype=np.int32)
        self._order = order.astype(np.int32)
        self._rank = np.empty(len(order), np.int32)
        self._rank[order] = np.arange(len(order), dtype=np.int32)
        self._low, self._high = low, high
