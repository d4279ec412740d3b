"""Bytes of a file as sorted ranges that do not touch each other."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Spans:
    """A set of bytes, kept as (start, end)."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def add(self, start: int, end: int) -> None:
        """Puts these bytes in."""
        if start >= end:
            return
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def remove(self, start: int, end: int) -> None:
        """Takes these bytes out, as far as they are in."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        if start >= end or first >= last:
            return
        left, right = self._starts[first], self._ends[last - 1]
        kept = [(left, start)] * (left < start) + [(end, right)] * (end < right)
        self._starts[first:last] = [one[0] for one in kept]
        self._ends[first:last] = [one[1] for one in kept]

    def missing_of(self, start: int, end: int) -> list[tuple[int, int]]:
        """What of these bytes is not in."""
        found = []
        for at in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[at] >= end:
                break
            if start < self._starts[at]:
                found.append((start, self._starts[at]))
            start = self._ends[at]
        return [*found, (start, end)] if start < end else found

    def take_first(self, most: int) -> tuple[int, int] | None:
        """Takes out the first bytes, at most so many, and no more than stand in one range."""
        if not self._starts:
            return None
        start, end = self._starts[0], min(self._ends[0], self._starts[0] + most)
        self.remove(start, end)
        return start, end
