"""Matching large contents by bsdiff in bounded memory: each segment of the target with what of the base is like it.

bsdiff takes 16 bytes of memory for each byte of the base. A coarse match says which parts of the base a segment of the
target came from. Joined, they are the base of that segment. So the quality is that of bsdiff, and the memory that of
one segment: ruff 0.6.8 to 0.6.9 (30 MB) takes 1,584,255 bytes by segments, 1,584,061 in one piece.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bundle.delta.bsdiff import Block, blocks_of, make_difference

WHOLE_BYTES = 16 * 1024 * 1024  # up to here base and target are matched in one piece
SEGMENT_BYTES = 8 * 1024 * 1024  # of the target
BASE_BYTES = 16 * 1024 * 1024  # of the base, for one segment, at most
GRAIN_BYTES = 64 * 1024  # the base is cut into grains of so many bytes; each is taken whole or not
BESIDE_SHARE = 1024  # what a grain counts that is beside one of which so many bytes are in the segment

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]


def match_closely(source: Bytes, target: Bytes, coarse: Numbers) -> list[Block]:
    """Blocks as bsdiff finds them, ascending in the target. `coarse`: rows (old, new, size) of a match before."""
    if max(len(source), len(target)) <= WHOLE_BYTES:
        return blocks_of(make_difference(source.tobytes(), target.tobytes()).triples)
    found: list[Block] = []
    count = -(-len(target) // SEGMENT_BYTES)
    edges = [len(target) * number // count for number in range(count + 1)]
    for start, end in pairwise(edges):
        grains = _likely(coarse, start, end, len(source))
        base = np.concatenate([source[at : at + GRAIN_BYTES] for at in (grains * GRAIN_BYTES).tolist()])
        matched = make_difference(base.tobytes(), target[start:end].tobytes())
        for old, new, size in blocks_of(matched.triples):
            found += _parted(old, start + new, size, grains)
    return found


def _likely(coarse: Numbers, start: int, end: int, source_bytes: int) -> Numbers:
    """The grains of the base that this stretch of the target most likely comes from, ascending."""
    old, new, size = coarse.T
    lost = np.maximum(start - new, 0)
    inside = np.minimum(size, end - new) - lost
    old, inside = (old + lost)[inside > 0], inside[inside > 0]
    count = -(-source_bytes // GRAIN_BYTES)
    # A long block is counted grain by grain. Where nothing is known, content stands where it stood.
    first, last = old // GRAIN_BYTES, (old + inside - 1) // GRAIN_BYTES
    grains = np.repeat(first, last - first + 1)
    grains += np.arange(len(grains)) - np.repeat(np.cumsum(last - first + 1) - (last - first + 1), last - first + 1)
    shares = np.repeat(inside / (last - first + 1), last - first + 1)
    weights = np.bincount(grains, shares, count)
    weights[min(start // GRAIN_BYTES, count - 1) : end // GRAIN_BYTES + 1] += 1
    padded = np.pad(weights, 1)
    weights = np.maximum(weights, np.maximum(padded[:-2], padded[2:]) / BESIDE_SHARE)
    likely = np.argsort(-weights, kind="stable")[: BASE_BYTES // GRAIN_BYTES]
    return np.sort(likely[weights[likely] > 0])


def _parted(old: int, new: int, size: int, grains: Numbers) -> Iterator[Block]:
    """A block of the joined grains as blocks of the base. It may reach over joints."""
    for at in range(old, old + size, GRAIN_BYTES):
        # Of the grains that it touches, each gives a part. Those of neighbours join again.
        for number in (at // GRAIN_BYTES, at // GRAIN_BYTES + 1):
            first = max(at, number * GRAIN_BYTES)
            part = min(old + size, at + GRAIN_BYTES, (number + 1) * GRAIN_BYTES) - first
            if part > 0:
                yield Block(int(grains[number]) * GRAIN_BYTES + first % GRAIN_BYTES, new + first - old, part)
