"""Which copied bytes of a patch are worth their price: the others are sent as they are. spec/format.md, section 9.

bsdiff takes every match that it finds. A copy costs control numbers and a change for each byte that differs; the same
bytes among the extra ones cost what the packs' compressor makes of them. Over the runs of equal and of differing bytes
the cheapest choice is found exactly, by dynamic programming; the prices are estimates, in bytes of a packed section.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from bundle.delta.bsdiff import Block, Triple, triples_of
from bundle.format.objects import Readable

BLOCK_PRICE = 7.0
FIRST_CHANGE_PRICE = 1.3
NEXT_CHANGE_PRICE = 0.7
NOISE_FACTOR = 1.1  # differences from noise are noise, and have to be counted
SAMPLE_BYTES = 64 * 1024
SAMPLES = 16
SOLID_SHARE = 0.85  # of what zstd makes of samples, for lack of the pack's neighbours and of time

_NEVER = float("inf")

Numbers = NDArray[np.int64]


class Runs(NamedTuple):
    """Runs of a target, ascending, in columns: `size` bytes at `new`, all equal to those at `old`, or all different
    (`changed`), or had from nowhere (`old` -1). `joins`: goes on where the run before it ended, in both."""

    old: Numbers
    new: Numbers
    size: Numbers
    changed: NDArray[np.bool_]
    joins: NDArray[np.bool_]


def literal_price(target: Readable) -> float:
    """Packed bytes that one byte of an object costs among literals or extra bytes, by samples of it."""
    step = max(SAMPLE_BYTES, target.size // SAMPLES)
    places = range(0, target.size, step)
    sample = b"".join(target.read_at(at, min(SAMPLE_BYTES, target.size - at)) for at in places)
    packed = len(zstandard.ZstdCompressor(level=9).compress(sample))
    return SOLID_SHARE * packed / max(1, len(sample))


def worth_copying(triples: Sequence[Triple], wrong: Numbers, price: float) -> list[Triple]:
    """The triples with the copies that pay; the same target comes of them.

    `wrong`: which of the copied bytes, counted over all triples, a change has to mend, ascending. `price`: packed bytes
    that a literal byte costs.
    """
    if not triples:
        return []
    runs = _runs(np.array(triples, np.int64), wrong)
    chosen = np.flatnonzero(_choose(runs, price))
    old, new, size = (column[chosen] for column in runs[:3])
    parted = (np.diff(old) != size[:-1]) | (np.diff(new) != size[:-1])
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(old)), bool), parted]))
    sizes = np.add.reduceat(size, first) if len(first) else size
    blocks = map(Block, old[first].tolist(), new[first].tolist(), sizes.tolist())
    return triples_of(blocks, int(runs.size.sum()))


def _runs(triples: Numbers, wrong: Numbers) -> Runs:
    add, extra, seek = triples.T
    start = np.cumsum(add) - add  # of each block, among the copied bytes
    block_old, block_new = np.cumsum(add + seek) - add - seek, np.cumsum(add + extra) - add - extra
    leads = np.concatenate([[True], np.diff(wrong) > 1])[: len(wrong)] | np.isin(wrong, start)
    ends = wrong[np.concatenate([leads[1:], [True]])[: len(wrong)]] + 1
    edges = np.unique(np.concatenate([start[add > 0], wrong[leads], ends, [add.sum()]]))
    at, size = edges[:-1], np.diff(edges)
    block = np.searchsorted(start + add, at, "right")  # the first that ends behind it
    shift = at - start[block]
    gap = np.flatnonzero(extra)
    new = np.concatenate([block_new[block] + shift, (block_new + add)[gap]])
    order = np.argsort(new, kind="stable")
    nothing = np.zeros(len(gap), bool)
    return Runs(
        np.concatenate([block_old[block] + shift, np.full(len(gap), -1)])[order],
        new[order],
        np.concatenate([size, extra[gap]])[order],
        np.concatenate([np.isin(at, wrong[leads]), nothing])[order],
        np.concatenate([shift > 0, nothing])[order],
    )


def _choose(runs: Runs, price: float) -> list[bool]:
    """Whether each run is copied: the cheapest way through all of them."""
    next_change = max(NEXT_CHANGE_PRICE, price * NOISE_FACTOR)
    mending = np.where(runs.changed, FIRST_CHANGE_PRICE + next_change * (runs.size - 1), 0.0)
    mending[runs.old < 0] = _NEVER
    literal, copy = 0.0, _NEVER
    before: list[tuple[bool, bool]] = []  # was the run before copied, if this one is not, if this one is
    for bare, mended, joins in zip((runs.size * price).tolist(), mending.tolist(), runs.joins.tolist(), strict=True):
        cheaper = copy < literal
        least = copy if cheaper else literal
        stays = joins and copy <= literal + BLOCK_PRICE
        start = copy if stays else least + BLOCK_PRICE
        before.append((cheaper, stays or cheaper))
        literal, copy = least + bare, start + mended
    taken = copy < literal
    chosen = []
    for choices in reversed(before):
        chosen.append(taken)
        taken = choices[taken]
    return chosen[::-1]
