"""Matching large objects in bounded memory: anchors first, bsdiff only in the gaps between them.

A sample of the windows of the base is looked up in the target. What is found is extended to the longest equal run. Both
files are read in blocks. Memory grows with the number of samples alone: 16 bytes for each KiB of the base. bsdiff would
take 16 bytes for each byte.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.delta.base_windows import Samples, sampled
from bundle.delta.bsdiff import Block, Triple, blocks_of, make_difference, triples_of
from bundle.delta.sketch import WINDOW_BYTES, blocks
from bundle.format.objects import Readable

SAMPLE_SHARE = 1024  # one window in so many is a sample
APART_BYTES = 64  # samples that stand closer would find the same run again
STEP_BYTES = 64 * 1024  # what is read and compared at once
# A gap between two anchors that is longer is taken as new, without a look. If it were in the base unchanged, it would
# have no sample with a chance of (1 - 1/1024)^262144, about e^-256. And bsdiff over it would take its memory.
GAP_BYTES = 256 * 1024
REACH_BYTES = 64 * 1024  # around a gap, in the base: what stands there may have moved a little


def match_anchored(source: Readable, target: Readable) -> list[Triple]:
    """Triples from `source` to `target`: equal runs at anchors, and what `_between` finds between two of them."""
    found: list[Block] = []
    end = Block(0, 0, 0)
    for run in (*_runs(source, target), Block(source.size, target.size, 0)):
        found += _between(source, target, end, run)
        found += [run] if run.size else []
        end = Block(run.old + run.size, run.new + run.size, 0)
    return triples_of(found, target.size)


def differences(
    source: Readable, target: Readable, triples: list[Triple]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(which of the copied bytes differ, counted over all triples, what has to be added to each, modulo 256)."""
    places, changes = [np.empty(0, np.int64)], [np.empty(0, np.uint8)]
    passed = 0
    for old, new, size in blocks_of(triples):
        for at in range(0, size, STEP_BYTES):
            step = min(STEP_BYTES, size - at)
            before, after = source.read_at(old + at, step), target.read_at(new + at, step)
            if before != after:
                changed = np.frombuffer(after, np.uint8) - np.frombuffer(before, np.uint8)
                differing = np.flatnonzero(changed)
                places.append(differing + passed)
                changes.append(changed[differing])
            passed += step
    return np.concatenate(places), np.concatenate(changes)


def _differing(before: bytes, after: bytes) -> NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))


def _runs(source: Readable, target: Readable) -> Iterator[Block]:
    """Equal runs in ascending order of the target, apart from each other there."""
    known, places = _distinct(source)
    end = 0
    for fingerprints, offsets in _samples(target):
        at = np.searchsorted(known, fingerprints)
        met = at < len(known)
        met[met] = known[at[met]] == fingerprints[met]
        for old, new in zip(places[at[met]].tolist(), offsets[met].tolist(), strict=True):
            if new < end:  # the run before has covered this sample
                continue
            back = _equal_before(source, target, old, new, min(old, new - end))
            size = back + _equal_from(source, target, old, new)
            if size >= WINDOW_BYTES:
                yield Block(old - back, new - back, size)
                end = new - back + size


def _distinct(source: Readable) -> Samples:
    """The samples that occur once, ordered by fingerprint."""
    parts = list(_samples(source))
    if not parts:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    fingerprints, offsets = map(np.concatenate, zip(*parts, strict=True))
    # Windows that repeat, such as padding, are no anchors. They would pair the wrong places, and each of m in the base
    # would have to be tried for each of n in the target.
    values, first, count = np.unique(fingerprints, return_index=True, return_counts=True)
    return values[count == 1], offsets[first[count == 1]]


def _samples(source: Readable) -> Iterator[Samples]:
    """(fingerprint, offset) of windows, by the block."""
    for start, block in blocks(source):
        fingerprints, offsets = sampled(block, WINDOW_BYTES, SAMPLE_SHARE)
        spread = np.diff(offsets, prepend=-APART_BYTES) >= APART_BYTES
        yield fingerprints[spread], offsets[spread] + start


def _equal_from(source: Readable, target: Readable, old: int, new: int) -> int:
    most, size = min(source.size - old, target.size - new), 0
    while size < most:
        step = min(STEP_BYTES, most - size)
        before, after = source.read_at(old + size, step), target.read_at(new + size, step)
        if before != after:
            return size + int(_differing(before, after)[0])
        size += step
    return size


def _equal_before(source: Readable, target: Readable, old: int, new: int, most: int) -> int:
    size = 0
    while size < most:
        step = min(STEP_BYTES, most - size)
        before, after = source.read_at(old - size - step, step), target.read_at(new - size - step, step)
        if before != after:
            return size + step - 1 - int(_differing(before, after)[-1])
        size += step
    return size


def _between(source: Readable, target: Readable, end: Block, run: Block) -> list[Block]:
    """What is copied between the end of one run and the next."""
    missing, skipped = run.new - end.new, run.old - end.old
    if not 0 < missing <= GAP_BYTES:
        return []
    # As many bytes on both sides: some of them were changed in place. One copy with changes costs less than several
    # around them, and `worth_copying` drops it later if it does not pay.
    if missing == skipped:
        return [Block(end.old, end.new, missing)]
    reach = skipped if 0 <= skipped <= GAP_BYTES else 0
    first, last = max(0, end.old - REACH_BYTES), min(source.size, end.old + reach + REACH_BYTES)
    made = make_difference(source.read_at(first, last - first), target.read_at(end.new, missing))
    return [Block(first + old, end.new + new, size) for old, new, size in blocks_of(made.triples)]
