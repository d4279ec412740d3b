"""Large objects matched by anchors, in blocks: bundle.delta.anchors."""

import random
import time

import numpy as np
import pytest

from bundle.delta.anchors import GAP_BYTES, differences, match_anchored
from bundle.delta.bsdiff import Triple, blocks_of
from bundle.format.objects import MemoryObject
from tests.support.contents.patches import applied
from tests.support.contents.shapes import edited, repeated

SEED = 61
NOISE = random.Random(SEED).randbytes(3_000_000)


def matched(source: bytes, target: bytes) -> list[Triple]:
    """The triples, once the target came of them."""
    triples = match_anchored(MemoryObject(source), MemoryObject(target))
    places, changes = differences(MemoryObject(source), MemoryObject(target), triples)
    copied = sum(block.size for block in blocks_of(triples))
    diff = np.zeros(copied, np.uint8)
    diff[places] = changes
    covered = bytearray(b"\1") * len(target)
    for block in blocks_of(triples):
        covered[block.new : block.new + block.size] = bytes(block.size)
    extra = bytes(byte for byte, is_new in zip(target, covered, strict=True) if is_new)
    assert applied(source, len(target), triples, diff.tobytes(), extra, step=1 << 20) == target
    return triples


def test_an_insertion_moves_everything_behind_it() -> None:
    assert matched(NOISE, NOISE[:5000] + b"inserted" + NOISE[5000:]) == [(5000, 8, 0), (len(NOISE) - 5000, 0, 0)]


def test_what_is_dropped_or_moved_is_found() -> None:
    half = len(NOISE) // 2
    assert matched(NOISE, NOISE[:1000] + NOISE[9000:]) == [(1000, 0, 8000), (len(NOISE) - 9000, 0, 0)]
    assert [block.size for block in blocks_of(matched(NOISE, NOISE[half:] + NOISE[:half]))] == [half, half]


def test_scattered_edits_are_changes_of_one_copy() -> None:
    """[F-36]: no control for a byte that is another."""
    target = bytearray(NOISE)
    for at in range(100, len(target), 100_000):
        target[at] ^= 1
    assert matched(NOISE, bytes(target)) == [(len(NOISE), 0, 0)]


def test_a_short_stretch_of_another_length_is_compared_closely() -> None:
    new = NOISE[500_000:500_300] + b"-" + NOISE[500_400:500_700]
    triples = matched(NOISE, NOISE[:500_000] + new + NOISE[500_900:])
    assert sum(extra for _, extra, _ in triples) <= 1, "its halves are in the base"


def test_nothing_in_common_gives_no_copy() -> None:
    other = random.Random(SEED + 1).randbytes(GAP_BYTES * 2)
    assert matched(NOISE, other) == [(0, len(other), 0)]
    assert matched(b"", other[:100]) == [(0, 100, 0)] and matched(NOISE, b"") == []


@pytest.mark.parametrize("pattern", [b"\0", b"ab", bytes(range(100)), b"0123456789abcdef" * 9])
def test_repetition_neither_slows_nor_misleads(pattern: bytes) -> None:
    """Windows that occur often are no anchors; what lies beside them is found."""
    source = NOISE[:200_000] + (pattern * 1_000_000)[:1_000_000] + NOISE[200_000:400_000]
    target = b"new" + source[:700_000] + source[800_000:]
    triples = matched(source, target)
    assert sum(extra for _, extra, _ in triples) <= 3 + GAP_BYTES * 4


def test_any_edits_come_back() -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    for _ in range(12):
        target = bytearray(NOISE[:600_000])
        for _ in range(rng.randrange(30)):
            at, size = rng.randrange(len(target)), rng.choice((1, 20, 3000, 70_000))
            kind = rng.randrange(4)
            if kind == 0:
                target[at : at + size] = rng.randbytes(size)
            elif kind == 1:
                del target[at : at + size]
            elif kind == 2:
                target[at:at] = rng.randbytes(size)
            else:
                target[at:at] = NOISE[rng.randrange(len(NOISE)) :][:size]
        matched(NOISE[:700_000], bytes(target))


def literal(triples: list[Triple]) -> int:
    """Bytes that are sent as they are."""
    return sum(extra for _, extra, _ in triples)


def test_content_that_repeats_whole_is_matched_in_place() -> None:
    """It has no window that occurs once."""
    twice = NOISE[:1_500_000] * 2
    changed = bytearray(twice)
    changed[2_000_000] ^= 1
    assert matched(twice, bytes(changed)) == [(len(twice), 0, 0)]
    inserted = twice[:400_000] + b"inserted" + twice[400_000:1_700_000] + b"again" + twice[1_700_000:]
    triples = matched(twice, inserted)
    assert literal(triples) <= 64 and len(triples) <= 6


@pytest.mark.parametrize("most", [1, 2000])
def test_content_that_repeats_in_part_costs_its_edits(most: int) -> None:
    """Behind an edit the run goes on, and before an anchor, too."""
    old = repeated(6_000_000)
    triples = matched(old, edited(old, 60, most))
    assert literal(triples) <= 60 * most // 2 + 6_000 and len(triples) <= 2 * 60


def test_a_gap_that_repeats_elsewhere_is_found_there() -> None:
    """It was put where nothing beside it leads: as it occurs twice in the base, no anchor is in it."""
    part = random.Random(SEED + 3).randbytes(700_000)
    old = NOISE[:1_000_000] + part + NOISE[1_000_000:2_000_000] + part
    triples = matched(old, NOISE[:500_000] + part + NOISE[500_000:1_000_000])
    assert literal(triples) <= 64


def test_many_short_repeats_take_a_bounded_time() -> None:
    """Every window is met, and nearly every run from it ends soon."""
    rng = random.Random(SEED)
    phrases = [rng.randbytes(200) for _ in range(300)]
    old, new = (b"".join(rng.choices(phrases, k=20_000)) for _ in range(2))
    begun = time.process_time()
    matched(old, new)
    assert time.process_time() - begun < 30
