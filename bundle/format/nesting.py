"""The archives of a base that a section opens, and which object lies in which: numbers only. spec/format.md, section 8.

An archive is named by its place in the index's list, from 0. The time of each question grows with its answer, not with
the list: whoever wrote the list may have made it long.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from bundle.errors import Malformed

MAX_DEPTH = 8
MAX_GIVEN = 1_000_001  # a skeleton, and two for each stream


class Nesting:
    """`count`: how many objects the base has with what opening gives. `given`: how many each archive gives."""

    def __init__(self, entries: int, opened: list[int]) -> None:
        """`entries`: objects of the base before any archive is opened; `opened` as the index has it.

        Raises Malformed [F-35].
        """
        if len(opened) % 2:
            raise Malformed("index: its list of opened archives is cut short")
        self.entries = self.count = entries
        self.numbers, self.given = opened[::2], opened[1::2]
        self._firsts: list[int] = []
        depths: list[int] = []
        for number, given in zip(self.numbers, self.given, strict=True):
            if not 0 < number < self.count or not 3 <= given <= MAX_GIVEN or given % 2 == 0:
                raise Malformed("index: an opened archive is not an object of the base, or its count is out of bounds")
            around = self.archive_of(number)
            depths.append(1 if around is None else depths[around] + 1)
            if depths[-1] > MAX_DEPTH:
                raise Malformed(f"index: an opened archive lies deeper than {MAX_DEPTH} archives")
            self._firsts.append(self.count)
            self.count += given
        if len(set(self.numbers)) != len(self.numbers):
            raise Malformed("index: opens an archive twice")

    def archive_of(self, number: int) -> int | None:
        """The archive that gives an object of the base; None if no archive gives it."""
        at = bisect_right(self._firsts, number) - 1
        return at if at >= 0 else None

    def first(self, archive: int) -> int:
        """The number of the first object that an archive gives."""
        return self._firsts[archive]

    def within(self, number: int, archive: int) -> int:
        """Which of the objects that an archive gives it is, from 0."""
        return number - self._firsts[archive]

    def is_stream(self, number: int) -> bool:
        """Whether the object is a stream of an archive: those are the last that it gives."""
        archive = self.archive_of(number) if number < self.count else None
        return archive is not None and 2 * self.within(number, archive) >= self.given[archive]

    def used(self, numbers: Iterable[int]) -> bytearray:
        """1 for each object of the base that is among these, or an archive that one of these lies in; else 0."""
        used = bytearray(self.count)
        for number in numbers:
            used[number] = 1
        for archive in reversed(range(len(self.numbers))):
            first = self._firsts[archive]
            if used.find(1, first, first + self.given[archive]) >= 0:
                used[self.numbers[archive]] = 1
        return used

    def around(self, number: int) -> list[int]:
        """The archives that an object of the base lies in, the innermost first."""
        found = []
        while (archive := self.archive_of(number)) is not None:
            found.append(archive)
            number = self.numbers[archive]
        return found

    def place_of(self, number: int) -> int:
        """The place of the base's entry that an object comes from, through any archives. 0 for the manifest."""
        around = self.around(number)
        return self.numbers[around[-1]] if around else number

    def spans(self, uses: Iterable[tuple[int, int]]) -> dict[int, tuple[int, int]]:
        """Archive -> the first and the last step that need it open. `uses` are (step, object), steps ascending."""
        spans: dict[int, tuple[int, int]] = {}
        for step, number in uses:
            for archive in self.around(number):
                spans[archive] = spans.get(archive, (step, step))[0], step
        return spans


def most_open(spans: dict[int, tuple[int, int]], sizes: Sequence[int]) -> int:
    """The most bytes that archives hold which are open at one time [F-64]. `sizes`: of all that each one gives."""
    changes = [(2 * first, sizes[archive]) for archive, (first, _) in spans.items()]
    changes += [(2 * last + 1, -sizes[archive]) for archive, (_, last) in spans.items()]
    return max(accumulate(size for _, size in sorted(changes)), default=0)
