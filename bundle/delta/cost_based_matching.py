"""Which copied bytes of a patch are worth their price. The others are sent as they are. spec/format.md, section 9.

bsdiff takes every match that it finds. But a copy costs control numbers, and a change for each byte that differs. The
same bytes sent as extra bytes cost what the packs' compressor makes of them. The prices are estimates, in bytes of a
packed section. Under these prices the choice is exact: dynamic programming over the runs of equal and differing bytes.

Measured (spec/decisions, 0008): Django 4.2 to 5.0 takes 350,021 bytes this way, 407,488 with every match, and 378,995
with every match of 24 equal bytes or more. Offering the untouched patch beside it made sections larger: what an object
costs alone says too little about what it costs in a solid pack.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from bundle.delta.bsdiff import Block, Triple, triples_of
from bundle.format.objects import Readable

# In bytes of whole sections, as measured for spec/decisions, 0008.
BLOCK_PRICE = 7.0  # three varints: bytes to add, extra bytes, seek
FIRST_CHANGE_PRICE = 1.3  # of a run: the byte and the skip before it
NEXT_CHANGE_PRICE = 0.7  # of the run: its skip is 0, which packs to little
NOISE_FACTOR = 1.1  # differences from noise are noise, and each has a skip beside it
SAMPLE_BYTES = 64 * 1024
SAMPLES = 16
SOLID_SHARE = 0.85  # the pack's compressor is stronger than zstd at level 9, and sees the neighbours of an object

_NEVER = float("inf")
_ROWS = 1 << 16

Numbers = NDArray[np.int64]


class Runs(NamedTuple):
    """Runs of a target, ascending, in columns: `size` bytes at `new`.

    They are all equal to those at `old`, or all different (`changed`), or there is nothing to copy (`old` is -1).
    `joins`: it goes on where the run before it ended, in both objects.
    """

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


def worth_copying(
    triples: Sequence[Triple], wrong: Numbers, price: float, block_price: float = BLOCK_PRICE
) -> list[Triple]:
    """The triples with the copies that pay. The same target comes of them.

    `wrong`: which of the copied bytes, counted over all triples, need a change, ascending. `price`: packed bytes that a
    literal byte costs.
    """
    if not triples:
        return []
    runs = _runs(np.array(triples, np.int64), wrong)
    chosen = np.flatnonzero(_choose(runs, price, block_price))
    old, new, size = (column[chosen] for column in runs[:3])
    parted = (np.diff(old) != size[:-1]) | (np.diff(new) != size[:-1])
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(old)), bool), parted]))
    sizes = np.add.reduceat(size, first) if len(first) else size
    blocks = map(Block, old[first].tolist(), new[first].tolist(), sizes.tolist())
    return triples_of(blocks, int(runs.size.sum()))


def _runs(triples: Numbers, wrong: Numbers) -> Runs:
    # In columns, for there may be millions of runs. Every edge between equal and differing bytes starts a new run. So
    # does every block: a run must not reach from one block into the next, which is copied from elsewhere.
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


def _choose(runs: Runs, price: float, block_price: float) -> NDArray[np.bool_]:
    """Whether each run is copied: the cheapest way through all of them."""
    next_change = max(NEXT_CHANGE_PRICE, price * NOISE_FACTOR)
    changing = np.where(runs.changed, FIRST_CHANGE_PRICE + next_change * (runs.size - 1), 0.0)
    changing[runs.old < 0] = _NEVER
    # Viterbi over two states. `literal` and `copy`: the least that the runs so far cost, if the last of them is sent as
    # it is, or copied. `before` keeps for each run which state led to it most cheaply, to walk back along at the end.
    literal, copy = 0.0, _NEVER
    # Was the run before copied, if this one is not (bit 0), if this one is (bit 1)? A byte a run: there are millions.
    before = bytearray()
    for as_literal, as_copy, joins in _rows(runs, price, changing):
        cheaper = copy < literal
        least = copy if cheaper else literal
        # Only a copy that continues the copied run before it needs no control numbers of its own.
        stays = joins and copy <= literal + block_price
        start = copy if stays else least + block_price
        before.append(cheaper | (stays or cheaper) << 1)
        literal, copy = least + as_literal, start + as_copy
    taken = copy < literal
    chosen = np.empty(len(before), bool)
    for at in range(len(before) - 1, -1, -1):
        chosen[at] = taken
        taken = bool(before[at] & (2 if taken else 1))
    return chosen


def _rows(runs: Runs, price: float, changing: NDArray[np.float64]) -> Iterator[tuple[float, float, bool]]:
    """(price as literal, price of changes, joins) of each run, some at a time."""
    for start in range(0, len(changing), _ROWS):
        part = slice(start, start + _ROWS)
        columns = (runs.size[part] * price).tolist(), changing[part].tolist(), runs.joins[part].tolist()
        yield from zip(*columns, strict=True)
