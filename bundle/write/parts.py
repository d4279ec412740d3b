"""Where the content of an object lies in the whole base: several objects joined into one, or one split into several.

The counterpart by name or by likeness is one object. What the target shares with others is found through one index of
samples of all of the base. It is made only if some object has content that its counterpart does not have.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.delta.base_windows import Samples, sampled
from bundle.delta.sketch import MIN_BYTES, WINDOW_BYTES, blocks
from bundle.format.contents import Content, Joined, first_bytes, opened, part_of
from bundle.write.catalog import Candidate, Wanted
from bundle.write.tournament import WHOLE_BYTES, ObjectTask

SAMPLE_SHARE = 16  # one window in so many is a sample, in a small base
MAX_SAMPLES = 1 << 23  # of the whole base: 20 bytes each
MIN_SAMPLES = 2  # of a part
MIN_SHARED_BYTES = 256  # of a part beside others, by estimate: less hardly pays for its number and its seeks
WORTHWHILE_SHARE = 8  # beside a counterpart, the others must have one in so many bytes of the target (measured)
MAX_OWNERS = 8  # objects that are considered for a sample
MAX_PARTS = 4096  # of one object
# What is joined is an intermediate result, which takes room aboard [F-64]: not more than so much for one object,
JOINED_FACTOR = 4  # times its size,
JOINED_BYTES = 64 * 1024  # and so many bytes,
ALL_JOINED_SHARE = 4  # and for all of them one in so many bytes of the base,
ALL_JOINED_BYTES = 16 * 1024 * 1024  # and so many.
NEAR_BYTES = 4096  # around a stretch of a base object

_IMAGES = (b"MZ", b"\x7fE")

InWorkers = Callable[..., Iterable[Samples]]


@dataclass(frozen=True)
class _Part:
    """An object of the base, how many samples of the target it has, the first of them, and where it has them."""

    candidate: Candidate
    samples: int
    first: int
    places: NDArray[np.int64]


def choose_tasks(
    wanted: Sequence[Wanted], likes: Sequence[Candidate | None], base: Sequence[Candidate], in_workers: InWorkers
) -> list[ObjectTask]:
    """A task for each object: against its counterpart, or against what the whole base has of it.

    `base`: every object that a recipe can start from, by number. Raises InputError if a file cannot be read.
    """
    total = sum(candidate.size for candidate in base)
    share = SAMPLE_SHARE
    while total > share * MAX_SAMPLES:
        share *= 2
    tasks = [_task(one, like) for one, like in zip(wanted, likes, strict=True)]
    asked = [at for at, like in enumerate(likes) if base and _may_have_parts(wanted[at], like)]
    targets, beside = [wanted[at].content for at in asked], [like.content if like else None for like in likes]
    found = in_workers(samples_beside, targets, [beside[at] for at in asked], [share] * len(asked))
    rests = [(at, rest) for at, rest in zip(asked, found, strict=True) if len(rest[0]) >= MIN_SAMPLES]
    if not rests:
        return tasks
    index = _Index(base, share, in_workers)
    left = ALL_JOINED_BYTES + total // ALL_JOINED_SHARE
    for at, rest in rests:
        task, joined = _choose(wanted[at], likes[at], index.parts(rest), share, left)
        tasks[at] = task or tasks[at]
        left -= joined
    return tasks


def samples_beside(target: Content, base: Content | None, share: int) -> Samples:
    """The samples (fingerprint, offset) of the target that the base does not have."""
    fingerprints, offsets = _samples(target, share)
    if base is not None:
        new = ~np.isin(fingerprints, _samples(base, share)[0])
        fingerprints, offsets = fingerprints[new], offsets[new]
    return fingerprints, offsets


def _samples(content: Content, share: int) -> Samples:
    found = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    with opened(content) as source:
        for start, block in blocks(source):
            fingerprints, offsets = sampled(block, WINDOW_BYTES, share)
            found.append((fingerprints, offsets + start))
    fingerprints, offsets = map(np.concatenate, zip(*found, strict=True))
    return fingerprints, offsets


def _may_have_parts(wanted: Wanted, like: Candidate | None) -> bool:
    if wanted.size < MIN_BYTES or wanted.label.endswith("!!") or not wanted.label:
        return False
    # A large object with a counterpart is read often enough without this. An image has its references rebased, which
    # takes one base object.
    return not like or (wanted.size <= WHOLE_BYTES and first_bytes(wanted.content, 2) not in _IMAGES)


def _task(wanted: Wanted, like: Candidate | None) -> ObjectTask:
    return ObjectTask(wanted.content, like.content, (like.number,)) if like else ObjectTask(wanted.content, None)


class _Index:
    """The samples of the whole base, by fingerprint."""

    def __init__(self, base: Sequence[Candidate], share: int, in_workers: InWorkers) -> None:
        self._base = base
        count = len(base)
        found = in_workers(samples_beside, [one.content for one in base], [None] * count, [share] * count)
        parts = [(prints, np.full(len(prints), at, np.uint32), places) for at, (prints, places) in enumerate(found)]
        prints, owners, places = map(np.concatenate, zip(*parts, strict=True))
        order = np.argsort(prints, kind="stable")
        self._prints, self._owners, self._places = prints[order], owners[order], places[order]

    def parts(self, samples: Samples) -> list[_Part]:
        """The objects that have these samples of a target, each sample counted for one of them."""
        wanted, offsets = samples
        first, end = (np.searchsorted(self._prints, wanted, side) for side in ("left", "right"))
        counts = np.minimum(end - first, MAX_OWNERS)
        sample = np.repeat(np.arange(len(wanted)), counts)
        row = np.repeat(first, counts) + np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)
        owner = self._owners[row]
        # What several objects have is counted for the one that has the most of the target.
        _, inverse, votes = np.unique(owner, return_inverse=True, return_counts=True)
        order = np.lexsort((owner, -votes[inverse], sample))
        chosen = order[np.concatenate([[True], np.diff(sample[order]) > 0])[: len(order)]]
        found = []
        for number in np.unique(owner[chosen]).tolist():
            mine = chosen[owner[chosen] == number]
            found.append(
                _Part(self._base[number], len(mine), int(offsets[sample[mine]].min()), np.sort(self._places[row[mine]]))
            )
        return found


def _choose(
    wanted: Wanted, like: Candidate | None, found: list[_Part], share: int, left: int
) -> tuple[ObjectTask | None, int]:
    """(a task with other sources than the counterpart alone, bytes that have to be joined for it)."""
    if not like:
        found = [part for part in found if part.samples >= MIN_SAMPLES]
    else:
        found = [part for part in found if part.samples * share >= MIN_SHARED_BYTES and part.candidate != like]
    shared = sum(part.samples for part in found) * share
    if not found or (like and shared * WORTHWHILE_SHARE < wanted.size):
        return None, 0
    found.sort(key=lambda part: (-part.samples, part.candidate.number))
    most = min(JOINED_FACTOR * wanted.size + JOINED_BYTES, WHOLE_BYTES, left)
    chosen = [(0, like)] if like else []
    size = like.size if like else 0
    for part in found[:MAX_PARTS]:
        if size + part.candidate.size <= most and (not chosen or part.samples * share >= MIN_SHARED_BYTES):
            chosen.append((part.first, part.candidate))
            size += part.candidate.size
    if len(chosen) > 1:
        parts = [candidate for _, candidate in sorted(chosen, key=lambda one: (one[0], one[1].number))]
        joined = Joined(tuple(part.content for part in parts))
        return ObjectTask(wanted.content, joined, tuple(part.number for part in parts)), size
    return (None if like else _stretch(wanted, found[0])), 0


def _stretch(wanted: Wanted, part: _Part) -> ObjectTask:
    """A task against the stretch of one object that has most of the target."""
    source, places = part.candidate, part.places
    width = 2 * wanted.size
    inside = np.searchsorted(places, places + width) - np.arange(len(places))
    start = max(0, int(places[np.argmax(inside)]) - wanted.size - NEAR_BYTES)
    size = min(source.size - start, 2 * (width + NEAR_BYTES))
    return ObjectTask(wanted.content, part_of(source.content, start, size), (source.number,), start)
