"""What a patch copies is worth its price, and the target stays the same: bundle.delta.cost_based_matching."""

import random

import numpy as np
import pytest

from bundle.delta.bsdiff import Triple, difference_of, make_difference
from bundle.delta.changes import pack_changes
from bundle.delta.cost_based_matching import (
    BLOCK_PRICE,
    FIRST_CHANGE_PRICE,
    NEXT_CHANGE_PRICE,
    literal_price,
    worth_copying,
)
from bundle.format.codecs import compressed_size
from bundle.format.objects import MemoryObject
from bundle.format.varints import fold, write_varints
from tests.support.contents.patches import applied

SEED = 60
PRICE = 0.25


def kept(source: bytes, target: bytes, price: float = PRICE) -> list[Triple]:
    made = make_difference(source, target)
    return worth_copying(made.triples, np.flatnonzero(np.frombuffer(made.diff, np.uint8)), price)


def edited(rng: random.Random, source: bytes) -> bytes:
    """A text with words exchanged, moved, inserted and dropped."""
    words = source.split(b" ")
    for _ in range(len(words) // 12):
        at, other = rng.randrange(len(words)), rng.randrange(len(words))
        words[at] = rng.choice((words[other], b"x" * rng.randrange(9), words[at][::-1], b""))
    return b" ".join(words)


def text(rng: random.Random) -> bytes:
    known = [bytes(rng.choices(b"abcdefghij", k=rng.randrange(2, 9))) for _ in range(400)]
    return b" ".join(rng.choices(known, k=3000))


def test_the_target_is_the_same_at_any_price() -> None:
    """[F-36]"""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    for price in (0.0, 0.1, 0.25, 0.6, 2.0, 1e9):
        source = text(rng)
        target = edited(rng, source)
        triples = kept(source, target, price)
        made = difference_of(source, target, triples)
        assert applied(source, len(target), triples, made.diff, made.extra, step=4096) == target
        assert all(any(triple) for triple in triples)
        assert not triples or triples[-1][2] == 0


def test_nothing_is_copied_where_literals_cost_nothing() -> None:
    source = text(random.Random(SEED))
    assert kept(source, edited(random.Random(SEED), source), 0.0) == [(0, len(edited(random.Random(SEED), source)), 0)]


def test_where_literals_are_dear_all_matches_stay() -> None:
    rng = random.Random(SEED)
    source = text(rng)
    target = edited(rng, source)
    assert sum(add for add, _, _ in kept(source, target, 1e9)) == sum(
        add for add, _, _ in make_difference(source, target).triples
    )


@pytest.mark.parametrize(
    ("length", "stays"), [(int(BLOCK_PRICE / PRICE) - 1, False), (int(BLOCK_PRICE / PRICE) + 1, True)]
)
def test_a_copy_between_new_bytes_pays_from_its_price_on(length: int, stays: bool) -> None:
    triples = [(1000, 50, -900), (length, 50, 0)]
    chosen = worth_copying(triples, np.array([], np.int64), PRICE)
    assert chosen == (triples if stays else [(1000, 100 + length, 0)])


def test_dense_changes_become_new_bytes_and_single_ones_stay_changes() -> None:
    dense = list(range(200, 260))
    assert FIRST_CHANGE_PRICE + 59 * NEXT_CHANGE_PRICE > 60 * PRICE + BLOCK_PRICE
    assert worth_copying([(1000, 0, 0)], np.array(dense), PRICE) == [(200, 60, 60), (740, 0, 0)]
    assert worth_copying([(1000, 0, 0)], np.array([200, 500, 800]), PRICE) == [(1000, 0, 0)]


def test_it_pays() -> None:
    """On new sentences of known words, by what the packs' compressor makes of it."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    source = text(rng)
    words = source.split(b" ")
    for _ in range(30):
        at = rng.randrange(len(words))
        words[at : at + 40] = rng.choices(words, k=40)
    target = b" ".join(words)

    def cost(triples: list[Triple]) -> int:
        made = difference_of(source, target, triples)
        columns = zip(*triples, strict=True)
        adds, extras, seeks = (write_varints(map(fold, column)) for column in columns)
        streams = pack_changes(np.frombuffer(made.diff, np.uint8)).values()
        return sum(map(compressed_size, (adds, extras, seeks, made.extra, *streams)))

    assert cost(kept(source, target, literal_price(MemoryObject(target)))) < 0.97 * cost(
        make_difference(source, target).triples
    )
    assert 0.2 < literal_price(MemoryObject(target)) < 0.6
