"""Many ascending numbers in two bytes each: bundle.references.places."""

import random

import numpy as np
import pytest

from bundle.references.places import Places, PlaceSet, TooMany
from bundle.references.words import apart

SEED = 82
LIMIT = 3_000_000


def made(numbers: list[int], limit: int = LIMIT, width: int = 1) -> Places:
    found = PlaceSet(limit)
    for start in range(0, len(numbers), 100):
        found.add(np.array(numbers[start : start + 100], np.int64))
    return found.places(width)


def listed(places: Places) -> list[int]:
    return [number for _, numbers in places.chunks() for number in numbers.tolist()]


def test_they_are_what_was_added_each_once() -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    numbers = [rng.randrange(LIMIT) for _ in range(5000)] + [0, 65_535, 65_536, 1 << 20, LIMIT - 1]
    places = made([*numbers, *numbers[:50], -1, LIMIT, 1 << 60])
    expected = sorted(set(numbers))
    assert listed(places) == expected and len(places) == len(expected)
    assert places.at(np.arange(len(expected))).tolist() == expected
    indexes = np.array(rng.sample(range(len(expected)), 100))
    assert places.at(indexes).tolist() == [expected[index] for index in indexes.tolist()]


def test_how_many_are_before_a_number() -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    numbers = np.unique([rng.randrange(LIMIT) for _ in range(5000)])
    places = made(numbers.tolist())
    asked = np.array([rng.randrange(LIMIT) for _ in range(2000)] + [-9, 0, LIMIT, 1 << 40, *numbers[:99].tolist()])
    assert places.before(asked).tolist() == np.searchsorted(numbers, asked).tolist()
    assert places.has(asked).tolist() == np.isin(asked, numbers).tolist()


@pytest.mark.parametrize("limit", [-5, 0, 1, 7, 1 << 20])
def test_few_or_none(limit: int) -> None:
    empty = made([], limit)
    assert len(empty) == 0 and listed(empty) == []
    assert empty.before(np.array([-1, 0, 1 << 50])).tolist() == [0, 0, 0]
    if limit > 0:
        assert listed(made([limit - 1], limit)) == [limit - 1]


@pytest.mark.parametrize("width", [1, 4, 8])
def test_of_those_that_overlap_the_first_counts(width: int) -> None:
    """[F-51]: across the edges of what is looked at at once, too."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    dense = [start + rng.randrange(60) for start in (0, 65_530, (1 << 20) - 20, LIMIT - 70) for _ in range(30)]
    expected, end = [], 0
    for number in sorted(set(dense)):
        if number >= end:
            expected.append(number)
            end = number + width
    assert listed(made(dense, width=width)) == expected
    assert apart(np.unique(dense), width).tolist() == expected


def test_too_many_are_refused() -> None:
    """[F-81]"""
    found = PlaceSet(LIMIT)
    found.add(np.arange(0, 5000, 10))
    assert len(found.places(4, 500)) == 500
    with pytest.raises(TooMany):
        found.places(4, 499)
