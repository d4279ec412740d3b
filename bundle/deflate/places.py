"""Distances of matches as numbers of places, and back [F-69].

What a match begins with mostly stood at several places before. Its number says which of these the match was found at: 0
for the nearest one. Where bytes are added or removed between the two, the distance is another one, and the number
stays. So a change of the plain bytes changes little of the shape behind it.

A long match is told by more bytes than a short one. These stand at fewer places, so what was added or removed between
them changes fewer numbers.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.deflate.blocks import NoShape
from bundle.errors import Malformed
from bundle.format.objects import Readable

WINDOW_BYTES = 32 * 1024
REGION_BYTES = 128 * 1024  # that are sorted at a time, with the window before them
TOLD_BY = (3, 4)  # bytes that tell a match: as many of them as it has

Numbers = NDArray[np.int64]


def told_by(lengths: Numbers) -> Numbers:
    """How many bytes tell matches of these lengths."""
    return np.clip(lengths, TOLD_BY[0], TOLD_BY[-1])


class _Order:
    """The places of a region in the order of the bytes that stand there, `size` of them, and of equal ones by place."""

    def __init__(self, data: NDArray[np.uint8], size: int) -> None:
        count = max(0, len(data) - size + 1)
        pairs = data[:-1] | data[1:].astype(np.uint16) << 8
        columns = [pairs[at : at + count] for at in range(0, size - 1, 2)] + [data[size - 1 :]] * (size % 2)
        order = np.arange(count)
        for column in reversed(columns):  # of bytes and of 16 bits a stable sort takes linear time
            order = order[np.argsort(column[order], kind="stable")]
        is_first = np.zeros(count, np.int32)
        is_first[:1] = 1
        for column in columns:
            ordered = column[order]
            is_first[1:] |= ordered[1:] != ordered[:-1]
        self.places = order.astype(np.int32)
        self._groups = np.cumsum(is_first, dtype=np.int32)
        self._ranks = np.empty(count, np.int32)
        self._ranks[order] = np.arange(count, dtype=np.int32)

    def numbers(self, places: Numbers, sources: Numbers) -> Numbers:
        """How many places stand between each place and its source. Raises NoShape if other bytes stand there."""
        ranks, of_sources = self._ranks[places], self._ranks[sources]
        if (self._groups[ranks] != self._groups[of_sources]).any():
            raise NoShape("a deflate stream of other plain bytes")
        return (ranks - of_sources - 1).astype(np.int64)

    def sources(self, places: Numbers, numbers: Numbers) -> Numbers:
        """The way back. Raises Malformed if there are not so many places."""
        ranks = self._ranks[places]
        of_sources = ranks - numbers - 1
        if (of_sources < 0).any() or (self._groups[ranks] != self._groups[of_sources]).any():
            raise Malformed("recipe: a shape with a match of bytes that did not stand before")
        found: Numbers = self.places[of_sources].astype(np.int64)
        return found


class Places:
    """The places in some plain bytes. Matches are asked for in ascending order; memory is some 10 MiB."""

    def __init__(self, plain: Readable) -> None:
        self._plain = plain
        self._low = self._high = 0  # of the region
        self._orders: dict[int, _Order] = {}

    def numbers(self, starts: Numbers, distances: Numbers, lengths: Numbers) -> Numbers:
        """The numbers of matches that start there. Raises NoShape if other bytes stand at that distance."""
        found = np.empty_like(distances)
        for part in self._parts(starts, lengths):
            if part is None:
                raise NoShape("a deflate stream of other plain bytes")
            places = starts[part] - self._low
            sources = places - distances[part]
            if (sources < 0).any():
                raise NoShape("a deflate stream with a match before its first byte")
            for order, chosen in self._chosen(part, lengths):
                found[part][chosen] = order.numbers(places[chosen], sources[chosen])
        return found

    def distances(self, starts: Numbers, numbers: Numbers, lengths: Numbers) -> Numbers:
        """The way back. Raises Malformed if there is no such place within the window."""
        found = np.empty_like(numbers)
        for part in self._parts(starts, lengths):
            if part is None:
                raise Malformed("recipe: a shape that takes more than the plain bytes")
            places = starts[part] - self._low
            for order, chosen in self._chosen(part, lengths):
                found[part][chosen] = places[chosen] - order.sources(places[chosen], numbers[part][chosen])
        if (found > WINDOW_BYTES).any():
            raise Malformed("recipe: a shape with a match beyond the window")
        return found

    def _chosen(self, part: slice, lengths: Numbers) -> Iterator[tuple[_Order, NDArray[np.bool_]]]:
        """(order, which matches of a part are looked up there)."""
        told = told_by(lengths[part])
        for size, order in self._orders.items():
            chosen = told == size
            if chosen.any():
                yield order, chosen

    def _parts(self, starts: Numbers, lengths: Numbers) -> Iterator[slice | None]:
        """Stretches of these starts, each while its region is sorted. None if the plain bytes end before."""
        ends = starts + told_by(lengths)
        at = 0
        while at < len(starts):
            first = int(starts[at])
            if ends[at] > self._high or self._low > max(0, first - WINDOW_BYTES):
                if ends[at] > self._plain.size:
                    yield None
                    return
                self._sort(max(0, first - WINDOW_BYTES), min(self._plain.size, first + REGION_BYTES))
            beyond = np.flatnonzero(ends[at:] > self._high)
            end = at + int(beyond[0]) if len(beyond) else len(starts)
            yield slice(at, end)
            at = end

    def _sort(self, low: int, high: int) -> None:
        data = np.frombuffer(self._plain.read_at(low, high - low), np.uint8)
        self._orders = {size: _Order(data, size) for size in TOLD_BY}
        self._low, self._high = low, high
