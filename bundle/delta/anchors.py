"""Matching large objects in bounded memory: anchors first, bsdiff only in the gaps between them.

A sample of the windows of the base is looked up in the target. What is found is extended both ways while most bytes are
equal. Windows that occur once in the base go first, for they cannot pair the wrong places. What repeats is matched in
the gaps that are left, beside what stands before it. Both files are read in blocks. Memory grows with the number of
samples alone: 16 bytes for each KiB of the base. bsdiff would take 16 bytes for each byte.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bundle.delta.base_windows import Samples, sampled
from bundle.delta.bsdiff import Block, Triple, blocks_of, make_difference, triples_of
from bundle.delta.coarse import gain
from bundle.delta.sketch import WINDOW_BYTES, blocks
from bundle.format.objects import Readable, Window

SAMPLE_SHARE = 1024  # one window in so many is a sample
APART_BYTES = 64  # samples that stand closer would find the same run again
STEP_BYTES = 64 * 1024  # what is read and compared at once
PATCH_BYTES = 4096  # a run ends before a stretch of so many bytes of which most differ
# A gap between two anchors that is longer is taken as new, without a look. If it were in the base unchanged, it would
# have no sample with a chance of (1 - 1/1024)^262144, about e^-256. And bsdiff over it would take its memory.
GAP_BYTES = 256 * 1024
REACH_BYTES = 64 * 1024  # around a gap, in the base: what stands there may have moved a little
REACH_FACTOR = 8  # and no further than so many times the gap: that bounds the time of very many short gaps
SHORT_BYTES = 16  # a shorter stretch costs no more as it is than a copy and two seeks


def match_anchored(source: Readable, target: Readable) -> list[Triple]:
    """Triples from `source` to `target`: mostly equal runs, and what `_between` finds between two of them."""
    anchors = _anchors(source)
    found: list[Block] = []
    end = Block(0, 0, 0)
    for run in _filled(source, target, anchors):
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


class _Anchors(NamedTuple):
    """The samples of a base, ordered by fingerprint and then by offset."""

    fingerprints: NDArray[np.uint64]
    offsets: NDArray[np.int64]


def _anchors(source: Readable) -> _Anchors:
    parts = list(_samples(source))
    if not parts:
        return _Anchors(np.empty(0, np.uint64), np.empty(0, np.int64))
    fingerprints, offsets = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(fingerprints, kind="stable")
    return _Anchors(fingerprints[order], offsets[order])


def _filled(source: Readable, target: Readable, anchors: _Anchors) -> Iterator[Block]:
    """Runs in ascending order of the target, apart from each other there, the last one at the end of both."""
    run = Block(0, 0, _alike_from(source, target, Block(0, 0, 0)))
    yield run
    end = Block(run.size, run.size, 0)
    last = Block(source.size, target.size, 0)
    for met in (*_runs(source, target, anchors, end.new), last):
        back = _alike_before(source, target, met, met.new - end.new)
        run = Block(met.old - back, met.new - back, met.size + back)
        yield from _repeated(source, target, anchors, end, run.new)
        yield run
        end = Block(run.old + run.size, run.new + run.size, 0)


def _runs(source: Readable, target: Readable, anchors: _Anchors, end: int) -> Iterator[Block]:
    """Runs at windows that the base has once, from `end` in the target on."""
    for fingerprints, offsets in _samples(target):
        first, stop = (np.searchsorted(anchors.fingerprints, fingerprints, side) for side in ("left", "right"))
        once = (stop - first == 1) & (offsets >= end)
        for old, new in zip(anchors.offsets[first[once]].tolist(), offsets[once].tolist(), strict=True):
            if new >= end and (run := _run(source, target, old, new, end)):
                yield run
                end = run.new + run.size


def _repeated(source: Readable, target: Readable, anchors: _Anchors, end: Block, stop: int) -> Iterator[Block]:
    """Runs in a gap of the target at windows that the base has more than once.

    Of the places of such a window in the base, the one is taken that is nearest to where the run before it leads.
    """
    if stop - end.new < PATCH_BYTES:
        return
    gap, start = Window(target, end.new, stop - end.new), end.new
    # The gap is sampled again: to keep all samples of a target would take as much memory as those of the base.
    for fingerprints, offsets in _samples(gap):
        first, after = (np.searchsorted(anchors.fingerprints, fingerprints, side) for side in ("left", "right"))
        met = after - first > 1
        rows = zip(first[met].tolist(), after[met].tolist(), (offsets[met] + start).tolist(), strict=True)
        for low, high, new in rows:
            if new < end.new:
                continue
            old = _nearest(anchors.offsets[low:high], end.old + new - end.new)
            if run := _run(source, target, old, new, end.new, stop):
                yield run
                end = Block(run.old + run.size, run.new + run.size, 0)


def _nearest(offsets: NDArray[np.int64], wanted: int) -> int:
    at = int(np.searchsorted(offsets, wanted))
    near: list[int] = offsets[max(0, at - 1) : at + 1].tolist()
    return min(near, key=lambda offset: abs(offset - wanted))


def _run(source: Readable, target: Readable, old: int, new: int, end: int, stop: int | None = None) -> Block | None:
    """The run around a place that both have, from `end` to `stop` in the target at most. None if it is a chance."""
    back = _equal_before(source, target, old, new, min(old, new - end))
    size = back + _alike_from(source, target, Block(old, new, 0), stop)
    return Block(old - back, new - back, size) if size >= WINDOW_BYTES else None


def _samples(source: Readable) -> Iterator[Samples]:
    """(fingerprint, offset) of windows, by the block."""
    for start, block in blocks(source):
        fingerprints, offsets = sampled(block, WINDOW_BYTES, SAMPLE_SHARE)
        spread = np.diff(offsets, prepend=-APART_BYTES) >= APART_BYTES
        yield fingerprints[spread], offsets[spread] + start


def _equal_before(source: Readable, target: Readable, old: int, new: int, most: int) -> int:
    """How many bytes before both places are equal, at most so many."""
    size, step = 0, WINDOW_BYTES
    while size < most:
        step = min(2 * step, STEP_BYTES, most - size)
        before, after = source.read_at(old - size - step, step), target.read_at(new - size - step, step)
        if before != after:
            return size + step - 1 - int(np.flatnonzero(~_equal(before, after))[-1])
        size += step
    return size


def _alike_from(source: Readable, target: Readable, at: Block, stop: int | None = None) -> int:
    """How many bytes from both places on are mostly equal, up to `stop` in the target."""
    most = min(source.size - at.old, (target.size if stop is None else stop) - at.new)

    def read(offset: int, size: int) -> tuple[bytes, bytes]:
        return source.read_at(at.old + offset, size), target.read_at(at.new + offset, size)

    return _alike(read, most)


def _alike_before(source: Readable, target: Readable, at: Block, most: int) -> int:
    """How many bytes before both places are mostly equal, at most so many."""

    def read(offset: int, size: int) -> tuple[bytes, bytes]:
        before = source.read_at(at.old - offset - size, size)
        return before[::-1], target.read_at(at.new - offset - size, size)[::-1]

    return _alike(read, min(most, at.old))


def _alike(read: Callable[[int, int], tuple[bytes, bytes]], most: int) -> int:
    """How many bytes are mostly equal. `read` gives both sides from an offset on, so many bytes."""
    size, step = 0, WINDOW_BYTES
    while size < most:
        step = min(2 * step, STEP_BYTES, most - size)
        before, after = read(size, step)
        if before != after:
            equal = _equal(before, after)
            starts = np.arange(0, step, PATCH_BYTES)
            counts = np.add.reduceat(equal, starts, dtype=np.int64)
            differing = np.flatnonzero(2 * counts < np.diff(starts, append=step))
            if len(differing):
                # The run may have ended within the stretch before, most of which was equal all the same.
                first = max(0, size + int(differing[0]) * PATCH_BYTES - PATCH_BYTES)
                return first + gain(_equal(*read(first, min(2 * PATCH_BYTES, most - first))))
        size += step
    return size


def _equal(before: bytes, after: bytes) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = np.frombuffer(before, np.uint8) == np.frombuffer(after, np.uint8)
    return equal


def _between(source: Readable, target: Readable, end: Block, run: Block) -> list[Block]:
    """What is copied between the end of one run and the next."""
    missing, skipped = run.new - end.new, run.old - end.old
    if not 0 < missing <= GAP_BYTES:
        return []
    # As many bytes on both sides: some of them were changed in place. One copy with changes costs less than several
    # around them, and `worth_copying` drops it later if it does not pay.
    if missing == skipped:
        return [Block(end.old, end.new, missing)]
    if missing < SHORT_BYTES:
        return []
    most = REACH_FACTOR * missing
    skipped = skipped if 0 <= skipped <= min(GAP_BYTES, most) else 0
    reach = min(REACH_BYTES, most)
    first, last = max(0, end.old - reach), min(source.size, end.old + skipped + reach)
    made = make_difference(source.read_at(first, last - first), target.read_at(end.new, missing))
    return [Block(first + old, end.new + new, size) for old, new, size in blocks_of(made.triples)]
