"""Which opened archive holds what, and which are open at one time: bundle.format.nesting."""

import time
from itertools import chain

import pytest

from bundle.errors import Malformed
from bundle.format.nesting import Nesting, most_open

# Of 5 objects, 1 gives 5 to 7, 6 in it gives 8 and 9, 9 in that gives 10 and 11, and 2 gives 12 and 13.
OPENED = [1, 3, 6, 2, 9, 2, 2, 2]


def test_what_lies_in_which() -> None:
    """[F-32] [F-35]"""
    nesting = Nesting(5, OPENED)
    assert nesting.count == 14
    assert [nesting.archive_of(number) for number in range(14)] == [None] * 5 + [0] * 3 + [1] * 2 + [2] * 2 + [3] * 2
    assert [nesting.around(number) for number in (4, 7, 9, 11, 13)] == [[], [0], [1, 0], [2, 1, 0], [3]]
    assert [nesting.place_of(number) for number in range(14)] == [0, 1, 2, 3, 4, *[1] * 7, 2, 2]
    assert nesting.within(11, 2) == 1


@pytest.mark.parametrize(
    "opened",
    [[1], [0, 2], [5, 2], [-1, 2], [1, 1], [1, 1_000_001], [1, 2, 1, 2], [1, 2, 2, 2, 1, 2], [1, 2, 5, 2, 5, 2]],
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
        ([(0, 5), (1, 12)], 10),
        ([(0, 5), (1, 12), (2, 7)], 11),
        ([(0, 5), (0, 12)], 11),
        ([(3, 11)], 10 + 20 + 40),
        ([(3, 11), (4, 12), (5, 8)], 10 + 20 + 40),
        ([(3, 8), (4, 12), (5, 8)], 10 + 20 + 1),
        ([(0, 13), (3, 11), (9, 12)], 10 + 20 + 40 + 1),
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
    nesting = Nesting(count + 1, list(chain.from_iterable((number, 2) for number in range(1, count + 1))))
    spans = nesting.spans((number, number) for number in range(nesting.count))
    assert len(spans) == count and nesting.place_of(nesting.count - 1) == count
    assert time.process_time() - began < 60
