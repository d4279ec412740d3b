"""Which opened archive holds what, and which are open at one time: bundle.format.nesting."""

import time
from itertools import chain

import pytest

from bundle.errors import Malformed
from bundle.format.nesting import Nesting, most_open

# Of 5 objects, 1 gives 5 to 7, 6 in it gives 8 to 10, 9 in that gives 11 to 13, and 2 gives 14 to 16.
OPENED = [1, 3, 6, 3, 9, 3, 2, 3]


def test_what_lies_in_which() -> None:
    """[F-32] [F-35]"""
    nesting = Nesting(5, OPENED)
    assert nesting.count == 17
    assert [nesting.archive_of(number) for number in range(17)] == [None] * 5 + [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [nesting.around(number) for number in (4, 7, 9, 12, 15)] == [[], [0], [1, 0], [2, 1, 0], [3]]
    assert [nesting.place_of(number) for number in range(17)] == [0, 1, 2, 3, 4, *[1] * 9, 2, 2, 2]
    assert nesting.within(12, 2) == 1
    assert [number for number in range(17) if nesting.is_stream(number)] == [7, 10, 13, 16]
    assert list(nesting.used([12])) == [number in (1, 6, 9, 12) for number in range(17)]


@pytest.mark.parametrize(
    "opened",
    [
        [1],
        [0, 3],
        [5, 3],
        [-1, 3],
        [1, 1],
        [1, 2],
        [1, 1_000_003],
        [1, 3, 1, 3],
        [1, 3, 2, 3, 1, 3],
        [1, 3, 5, 3, 5, 3],
    ],
)
def test_a_list_that_cannot_be_is_refused(opened: list[int]) -> None:
    """[F-35]"""
    with pytest.raises(Malformed, match=r"^index: "):
        Nesting(5, opened)


@pytest.mark.parametrize(
    ("uses", "most"),
    [
        ([], 0),
        ([(0, 3), (5, 4)], 0),
        ([(0, 5), (1, 15)], 10),
        ([(0, 5), (1, 15), (2, 7)], 11),
        ([(0, 5), (0, 15)], 11),
        ([(3, 12)], 10 + 20 + 40),
        ([(3, 12), (4, 15), (5, 8)], 10 + 20 + 40),
        ([(3, 8), (4, 15), (5, 8)], 10 + 20 + 1),
        ([(0, 16), (3, 12), (9, 15)], 10 + 20 + 40 + 1),
    ],
)
def test_the_most_that_is_open_at_one_time(uses: list[tuple[int, int]], most: int) -> None:
    """[F-64]: steps and what they use; the archives give 10, 20, 40 and 1 bytes. An inner one keeps the outer open."""
    nesting = Nesting(5, OPENED)
    assert most_open(nesting.spans(uses), [10, 20, 40, 1]) == most


def test_a_long_list_takes_no_longer_for_each() -> None:
    """Half a million archives, each asked for: whoever looks them up one by one is busy for hours."""
    count = 500_000
    began = time.process_time()
    nesting = Nesting(count + 1, list(chain.from_iterable((number, 3) for number in range(1, count + 1))))
    spans = nesting.spans((number, number) for number in range(nesting.count))
    assert len(spans) == count and nesting.place_of(nesting.count - 1) == count
    assert time.process_time() - began < 60
