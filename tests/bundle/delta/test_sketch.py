"""Content that is alike is found without its name: bundle.delta.sketch, and the catalogue's last resort."""

import random

import pytest

from bundle.delta.sketch import MIN_SHARED, SKETCH_HASHES, sketch
from bundle.write.catalog import Candidate, Catalog

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


@pytest.mark.parametrize("data", [b"", b"x" * 1023, b"\0" * 100_000, b"abc" * 10_000])
def test_small_and_monotonous_content_is_like_nothing(data: bytes) -> None:
    assert len(sketch(data)) < MIN_SHARED


def test_the_catalogue_finds_what_moved_and_changed(rng: random.Random) -> None:
    contents = [rng.randbytes(20_000) for _ in range(5)]
    catalog = Catalog(6, lambda contents: map(sketch, contents))
    for number, content in enumerate(contents, 1):
        catalog.add(Candidate(number, f"old/{'abcde'[number - 1]}.bin", len(content), content), bytes([number]))
    moved = changed(contents[2], rng, 20)
    found = catalog.like("new/name.dat", moved, len(moved))
    assert found is not None and found.number == 3
    assert catalog.like("new/name.dat", rng.randbytes(20_000), 20_000) is None


def test_a_name_goes_before_content(rng: random.Random) -> None:
    content, other = rng.randbytes(20_000), rng.randbytes(20_000)
    catalog = Catalog(3, lambda contents: map(sketch, contents))
    catalog.add(Candidate(1, "lib-1.0.bin", len(content), content), b"1")
    catalog.add(Candidate(2, "else.bin", len(other), other), b"2")
    found = catalog.like("lib-1.1.bin", other, len(other))
    assert found is not None and found.number == 1
