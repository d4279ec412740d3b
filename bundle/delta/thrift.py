"""Which copied bytes of a patch are worth their price: the others are sent as they are. spec/format.md, section 9.

bsdiff takes every match that it finds. A copy costs control numbers and a change for each byte that differs; the same
bytes among the extra ones cost what the packs' compressor makes of them. Over the runs of equal and of differing bytes
the cheapest choice is found exactly, by dynamic programming; the prices are estimates, in bytes of a packed section.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import zstandard

from bundle.delta.bsdiff import Block, Triple, triples_of
from bundle.objects import Readable

BLOCK_PRICE = 7.0
FIRST_CHANGE_PRICE = 1.3
NEXT_CHANGE_PRICE = 0.7
NOISE_FACTOR = 1.1  # differences from noise are noise, and have to be counted
SAMPLE_BYTES = 64 * 1024
SAMPLES = 16
SOLID_SHARE = 0.85  # of what zstd makes of samples, for lack of the pack's neighbours and of time

_NEVER = float("inf")


class Run(NamedTuple):
    """`size` bytes at `new`, all equal to those at `old` or all different (`changes`), or had from nowhere (`old` -1).

    `joins`: goes on where the run before it ended, in both.
    """

    old: int
    new: int
    size: int
    changes: int
    joins: bool


def literal_price(target: Readable) -> float:
    """Packed bytes that one byte of an object costs among literals or extra bytes, by samples of it."""
    step = max(SAMPLE_BYTES, target.size // SAMPLES)
    places = range(0, target.size, step)
    sample = b"".join(target.read_at(at, min(SAMPLE_BYTES, target.size - at)) for at in places)
    packed = len(zstandard.ZstdCompressor(level=9).compress(sample))
    return SOLID_SHARE * packed / max(1, len(sample))


def worth_copying(triples: Sequence[Triple], wrong: Sequence[int], price: float) -> list[Triple]:
    """The triples with the copies that pay; the same target comes of them.

    `wrong`: which of the copied bytes, counted over all triples, a change has to mend, ascending. `price`: packed bytes
    that a literal byte costs.
    """
    runs = list(_runs(triples, wrong))
    copied = [run for run, taken in zip(runs, _choose(runs, price), strict=True) if taken]
    return _triples(copied, sum(run.size for run in runs))


def _runs(triples: Sequence[Triple], wrong: Sequence[int]) -> Iterator[Run]:
    old = new = passed = number = 0
    total = len(wrong)
    for add, extra, seek in triples:
        at, joins = 0, False
        while at < add:
            next_wrong = wrong[number] - passed if number < total else add
            if next_wrong == at:
                first = number
                while number < total and wrong[number] - passed == at + number - first and at + number - first < add:
                    number += 1
                size = changes = number - first
            else:
                size, changes = min(next_wrong, add) - at, 0
            yield Run(old + at, new + at, size, changes, joins)
            at, joins = at + size, True
        if extra:
            yield Run(-1, new + add, extra, 0, joins=False)
        old, new, passed = old + add + seek, new + add + extra, passed + add


def _choose(runs: list[Run], price: float) -> list[bool]:
    """Whether each run is copied: the cheapest way through all of them."""
    next_change = max(NEXT_CHANGE_PRICE, price * NOISE_FACTOR)
    literal, copy = 0.0, _NEVER
    before: list[tuple[bool, bool]] = []  # was the run before copied, if this one is not, if this one is
    for old, _, size, changes, joins in runs:
        cheaper = copy < literal
        least = copy if cheaper else literal
        stays = joins and copy <= literal + BLOCK_PRICE
        start = copy if stays else least + BLOCK_PRICE
        before.append((cheaper, stays or cheaper))
        literal = least + size * price
        mending = FIRST_CHANGE_PRICE + next_change * (changes - 1) if changes else 0.0
        copy = start + mending if old >= 0 else _NEVER
    taken = copy < literal
    chosen = []
    for choices in reversed(before):
        chosen.append(taken)
        taken = choices[taken]
    return chosen[::-1]


def _triples(copied: list[Run], size: int) -> list[Triple]:
    return triples_of([Block(run.old, run.new, run.size) for run in copied], size)
