"""A quick, coarse match of two contents in memory. It says what moved where.

Windows that occur once in the source are looked up in the target. Those on one diagonal (the same distance between
both) join to a block. Between two blocks each is extended while more of its bytes are equal than not, as in bsdiff.

It needs no suffix sorting, which was four fifths of the time of a build. A patch made by it alone would be larger. So
it only prepares the last match, which is bsdiff's. spec/decisions, 0008, has the measurements.
"""

import numpy as np
from numpy.typing import NDArray

from bundle.delta.base_windows import sampled
from bundle.delta.bsdiff import Block

WIDTH_BYTES = 16
SHARE = 8  # one window in so many is looked up
MAX_SHARE = 64
MAX_SAMPLES = 1 << 23  # about so many windows of one content, at most
REACH_BYTES = 4096  # how far a block is extended: it bounds the work between two blocks
LEAST_BITS = 24  # of an offset; larger contents take more

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]


def match_coarsely(source: Bytes, target: Bytes) -> list[Block]:
    """Blocks, ascending in the target and apart from each other there."""
    old, new, size = _without_strays(*_joined(*_meetings(source, target)))
    first, *runs = map(Block, old.tolist(), new.tolist(), size.tolist())
    found = [first]
    for run in runs:
        last = found.pop()
        overlap = max(0, last.new + last.size - run.new)
        if overlap and overlap >= run.size:  # the earlier block makes all of it already
            found.append(last)
            continue
        rest = Block(run.old + overlap, run.new + overlap, run.size - overlap)
        forth, back = _extensions(source, target, last, rest)
        found.append(last._replace(size=last.size + forth))
        found.append(Block(rest.old - back, rest.new - back, rest.size + back))
    return [block for block in found if block.size]


def _meetings(source: Bytes, target: Bytes) -> tuple[Numbers, Numbers, Numbers]:
    """(offset in the source, in the target, size) of the windows that both have, between begin and end of both."""
    # A window that stands in the source twice cannot say from where it came. One that stands in the target twice may:
    # both copies came from there.
    longest = max(len(source), len(target))
    share = SHARE
    while longest > share * MAX_SAMPLES and share < MAX_SHARE:
        share *= 2
    # A fingerprint and its offset in one number: one sort orders both, and needs no second array to be carried along.
    # These are the bits of the offset. Those above hold what is left of the fingerprint.
    place = np.uint64((1 << max(LEAST_BITS, longest.bit_length())) - 1)
    known, wanted = _keys(source, share, place), _keys(target, share, place)
    prints = known & ~place
    repeats = np.diff(prints) == 0
    once = ~(np.append(repeats, False) | np.insert(repeats, 0, False))[: len(prints)]
    known, prints = known[once], prints[once]
    at = np.searchsorted(prints, wanted & ~place)
    met = at < len(prints)
    met[met] = prints[at[met]] == (wanted & ~place)[met]
    old, new = ((keys & place).astype(np.int64) for keys in (known[at[met]], wanted[met]))
    order = np.argsort(new)
    size = np.full(len(order), WIDTH_BYTES)
    return _ended(old[order], len(source)), _ended(new[order], len(target)), _ended(size, 0)


def _ended(numbers: Numbers, end: int) -> Numbers:
    return np.concatenate([[0], numbers, [end]])


def _keys(data: Bytes, share: int, place: np.uint64) -> NDArray[np.uint64]:
    """Fingerprint and offset of each sample in one number, ascending."""
    prints, places = sampled(data, WIDTH_BYTES, share)
    return np.sort(prints & ~place | places.astype(np.uint64))


def _joined(old: Numbers, new: Numbers, size: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Those that follow each other on one diagonal, as one run each."""
    first = np.flatnonzero(np.diff(old - new, prepend=np.iinfo(np.int64).min))
    last = np.append(first[1:], len(old))[: len(first)] - 1
    return old[first], new[first], new[last] + size[last] - new[first]


def _without_strays(old: Numbers, new: Numbers, size: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Without the short runs in the midst of another diagonal.

    Such a window was met by chance, or fits as well where the runs beside it lead. Left in, it would cut one block into
    three, and each block costs control numbers.
    """
    shift = old - new
    stray = np.zeros(len(shift), bool)
    stray[1:-1] = (shift[:-2] == shift[2:]) & (size[1:-1] < 2 * WIDTH_BYTES)
    return _joined(old[~stray], new[~stray], size[~stray])


def _extensions(source: Bytes, target: Bytes, last: Block, run: Block) -> tuple[int, int]:
    """How many bytes `last` gains at its end, and `run` before its begin. They do not overlap in the target."""
    old, new = last.old + last.size, last.new + last.size
    gap = run.new - new
    most = max(0, min(gap, len(source) - old, REACH_BYTES))
    forth = gain(source[old : old + most] == target[new : new + most])
    most = min(gap, run.old, REACH_BYTES)
    back = gain((source[run.old - most : run.old] == target[run.new - most : run.new])[::-1])
    # Both may claim bytes in the middle of the gap. The cut is where the sum of equal bytes is greatest, as in bsdiff.
    if (both := forth + back - gap) > 0:
        first, second = old + forth - both, run.old - back
        at = new + forth - both
        wanted = target[at : at + both]
        lead = (source[first : first + both] == wanted).astype(np.int64) - (source[second : second + both] == wanted)
        kept = int(np.argmax(np.cumsum(np.insert(lead, 0, 0))))
        forth, back = forth - both + kept, back - kept
    return forth, back


def gain(equal: NDArray[np.bool_]) -> int:
    """How many bytes, from the front, give the most equal ones beyond different ones."""
    if not equal.size:
        return 0
    lead = np.cumsum(np.where(equal, 1, -1))
    best = int(np.argmax(lead))
    return best + 1 if lead[best] > 0 else 0
