"""Windows sampled by content, and what moved where by them: bundle.delta.base_windows, bundle.delta.coarse."""

import random

import numpy as np
import pytest

from bundle.delta.base_windows import sampled
from bundle.delta.bsdiff import Block
from bundle.delta.coarse import Bytes, match_coarsely

SEED = 67
NOISE = random.Random(SEED).randbytes(200_000)


def array(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


def matched(source: bytes, target: bytes) -> list[Block]:
    return match_coarsely(array(source), array(target))


def test_the_same_windows_are_sampled_wherever_they_stand() -> None:
    prints, places = sampled(array(NOISE), 16, 8)
    moved, at = sampled(array(b"moved" + NOISE), 16, 8)
    assert set(prints.tolist()) <= set(moved.tolist())
    assert set((places + 5).tolist()) <= set(at.tolist())
    assert len(NOISE) / 9 < len(prints) < len(NOISE) / 7


@pytest.mark.parametrize("block", [64 * 1024, 64 * 1024 + 15, 64 * 1024 + 16, 7, 15, 16, 17])
def test_every_window_lies_in_one_block(block: int) -> None:
    """All windows, one of them behind the last block's end or not: none is left out or met twice."""
    assert sampled(array(NOISE[:block]), 16, 1)[1].tolist() == list(range(max(0, block - 15)))


def test_windows_that_differ_late_have_other_fingerprints() -> None:
    first, second = (sampled(array(NOISE[:8] + bytes([n]) * 16), 24, 1)[0] for n in (1, 2))
    assert first[0] != second[0]


def test_runs_of_one_byte_give_no_samples() -> None:
    assert not sampled(array(bytes(1000)), 16, 1)[1].size


def test_what_moved_is_found_to_the_byte() -> None:
    half = len(NOISE) // 2
    assert matched(NOISE, NOISE) == [Block(0, 0, len(NOISE))]
    assert matched(NOISE, NOISE[half:] + NOISE[:half]) == [Block(half, 0, half), Block(0, half, half)]
    assert matched(NOISE, NOISE[:5000] + b"inserted" + NOISE[5000:]) == [
        Block(0, 0, 5000),
        Block(5000, 5008, len(NOISE) - 5000),
    ]


def test_differing_bytes_are_passed_over() -> None:
    target = bytearray(NOISE)
    for at in range(0, len(target), 40):
        target[at] ^= 1
    assert matched(NOISE, bytes(target))[0].size > len(NOISE) - 100


def test_a_block_reaches_on_while_most_bytes_are_equal() -> None:
    """Behind the last window that is equal there are bytes of which three in four are."""
    changed = bytes(byte ^ (at % 4 == 0) for at, byte in enumerate(NOISE[1000:1400]))
    target = NOISE[:1000] + changed + random.Random(SEED).randbytes(3000)
    [first, *_] = matched(NOISE[:1400] + bytes(50_000), target)
    assert (first.old, first.new) == (0, 0) and 1390 < first.size < 1500


def test_a_stray_does_not_break_a_block() -> None:
    """Sixteen bytes from elsewhere, in the midst of what stayed."""
    target = NOISE[:50_000] + NOISE[90_000:90_016] + NOISE[50_016:]
    assert matched(NOISE, target) == [Block(0, 0, len(NOISE))]


def test_blocks_neither_overlap_nor_leave_the_contents() -> None:
    choose = random.Random(SEED)
    for _ in range(20):
        pieces = [NOISE[at : at + choose.randrange(5000)] for at in choose.sample(range(len(NOISE)), 30)]
        target = b"".join(pieces)
        end = 0
        for block in matched(NOISE, target):
            assert end <= block.new and block.old + block.size <= len(NOISE) and block.size
            end = block.new + block.size
        assert 0.9 * len(target) < end <= len(target)


@pytest.mark.parametrize(("source", "target"), [(b"", NOISE), (NOISE, b""), (b"a", b"a"), (bytes(99), bytes(99))])
def test_too_little_to_compare(source: bytes, target: bytes) -> None:
    found = matched(source, target)
    assert all(source[b.old : b.old + b.size] == target[b.new : b.new + b.size] for b in found)
