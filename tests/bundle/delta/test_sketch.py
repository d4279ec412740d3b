"""Content that is alike is found without its name: bundle.delta.sketch, and the catalogue's counterparts."""

import random

import pytest

from bundle.delta.sketch import MAX_OWNERS, MIN_SHARED, SKETCH_HASHES, SketchIndex, sketch
from bundle.write.catalog import Candidate, Catalog, Wanted

SEED = 20261124


@pytest.fixture
def rng() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


def changed(data: bytes, rng: random.Random, changes: int) -> bytes:
    """The data with so many bytes changed, cut at its front and grown at its end."""
    copy = bytearray(data)
    for _ in range(changes):
        copy[rng.randrange(len(copy))] ^= 1
    return bytes(copy[len(copy) // 10 :]) + rng.randbytes(len(copy) // 10)


def test_what_shares_content_shares_its_sketch_wherever_it_stands(rng: random.Random) -> None:
    data = rng.randbytes(3_000_000)  # over two blocks
    assert len(sketch(data)) == SKETCH_HASHES
    assert len(sketch(data) & sketch(changed(data, rng, 300))) > SKETCH_HASHES // 2
    assert not sketch(data) & sketch(rng.randbytes(3_000_000))


def test_a_window_across_two_blocks_counts(rng: random.Random) -> None:
    text = rng.randbytes(64)
    for offset in ((1 << 20) - 90, (1 << 20) - 32, (1 << 20) - 1, 1 << 20):
        data = bytes(offset) + text + bytes((1 << 20) + 64 - offset)
        assert len(sketch(data) & sketch(bytes(100) + text + bytes(2048))) == SKETCH_HASHES


@pytest.mark.parametrize("data", [b"", b"x" * 95, b"x" * 96, b"\0" * 100_000, b"abc" * 10_000])
def test_small_and_monotonous_content_is_like_nothing(data: bytes) -> None:
    assert len(sketch(data)) < MIN_SHARED


def test_the_catalogue_finds_what_moved_and_changed(rng: random.Random) -> None:
    contents = [rng.randbytes(20_000) for _ in range(5)]
    catalog = Catalog(6, lambda contents: map(sketch, contents))
    for number, content in enumerate(contents, 1):
        catalog.add(Candidate(number, f"old/{'abcde'[number - 1]}.bin", len(content), content), bytes([number]))
    moved = changed(contents[2], rng, 20)
    found = catalog.like([Wanted("new/name.dat", moved, len(moved))])[0]
    assert found is not None and found.number == 3
    assert catalog.like([Wanted("new/name.dat", rng.randbytes(20_000), 20_000)]) == [None]


def test_what_very_many_share_is_counted_for_the_first_of_them() -> None:
    """Not for none: every translation of one text shares most of it with all others."""
    index = SketchIndex((owner, frozenset({7, 1000 + owner})) for owner in range(3 * MAX_OWNERS))
    owners, counts = index.shared_with(frozenset({7, 1005, 5}))
    assert owners.tolist() == list(range(MAX_OWNERS))
    assert counts.tolist() == [2 if owner == 5 else 1 for owner in range(MAX_OWNERS)]
    assert not len(SketchIndex([]).shared_with(frozenset({7}))[0])
