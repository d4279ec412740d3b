"""Matching large contents by bsdiff, segment by segment: bundle.delta.segments."""

import random

import numpy as np
import pytest

from bundle.delta import segments
from bundle.delta.bsdiff import Block, blocks_of, triples_of
from bundle.delta.coarse import match_coarsely
from bundle.delta.segments import Bytes, match_closely

SEED = 83
NOISE = random.Random(SEED).randbytes(200_000)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "WHOLE_BYTES", 10_000)
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(segments, "BASE_BYTES", 40_960)
    monkeypatch.setattr(segments, "GRAIN_BYTES", 1024)


def matched(source: bytes, target: bytes) -> list[Block]:
    """Joined, as a patch has them."""
    old, new = (np.frombuffer(data, np.uint8) for data in (source, target))
    rows = np.array(match_coarsely(old, new), np.int64).reshape(-1, 3)
    return blocks_of(triples_of(match_closely(old, new, rows), len(target)))


def test_what_stayed_is_one_block() -> None:
    """Segments join, and so do grains."""
    assert matched(NOISE, NOISE) == [Block(0, 0, len(NOISE))]
    target = NOISE[:50_000] + b"new" + NOISE[50_000:]
    assert matched(NOISE, target) == [Block(0, 0, 50_000), Block(50_000, 50_003, 150_000)]


def test_what_moved_far_is_found() -> None:
    """Each segment gets the grains that it came from, from wherever they stand."""
    print(f"seed {SEED}")
    starts = random.Random(SEED).sample(range(0, 200_000, 10_000), 20)
    target = b"".join(NOISE[start : start + 10_000] for start in starts)
    assert sum(size for _, _, size in matched(NOISE, target)) == len(target)


def test_blocks_are_sound_and_inexact_matches_are_found() -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    target = bytearray(NOISE[100_000:] + NOISE[:100_000])
    for at in range(0, len(target), 50):
        target[at] ^= 1
    found = matched(NOISE, bytes(target))
    end = 0
    for old, new, size in found:
        assert end <= new and old + size <= len(NOISE) and size
        end = new + size
    equal = sum(NOISE[old + n] == target[new + n] for old, new, size in found for n in range(size))
    assert equal > 0.97 * len(target) and len(found) < 20
    assert all(size for _, _, size in matched(rng.randbytes(30_000), rng.randbytes(50_000)))


@pytest.mark.parametrize(("old", "new"), [(5_000, 50_000), (50_000, 5_000), (1, 30_000), (30_000, 1)])
def test_lengths_that_differ(old: int, new: int) -> None:
    """What has no counterpart by place is looked for in the last grain at least."""
    data: Bytes = np.frombuffer(NOISE, np.uint8)
    for block in match_closely(data[:old], data[:new], np.empty((0, 3), np.int64)):
        assert block.old + block.size <= old and block.new + block.size <= new
