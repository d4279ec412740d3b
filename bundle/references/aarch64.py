"""References in machine code of AArch64. spec/references.md [F-51], [F-57]; encodings: Arm ARM, C4.1, C6.2."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bundle.references.image import Image, Stretch
from bundle.references.pages import Pages
from bundle.references.words import NONE, Numbers

BLOCK_BYTES = 1 << 20
# An address takes two instructions: ADRP loads its page, and an ADD, LDR or STR adds the low 12 bits. Compilers put
# them close together. Over a longer way another instruction may have changed the register, which is not looked at.
PAIR_INSTRUCTIONS = 8


class Code(NamedTuple):
    """Offsets of branches, of the instructions that load a page, and of those that add the rest, ascending.

    `beyond_pages`: how far behind the start of its page each page's address lies. `low_pages`: the page, counted in
    pages, that each low part is added to.
    """

    branches: Numbers = NONE
    pages: Numbers = NONE
    beyond_pages: Numbers = NONE
    lows: Numbers = NONE
    low_pages: Numbers = NONE


def find_code(data: Pages, image: Image) -> Iterator[Code]:
    """The references in executable stretches, at multiples of 4 bytes from each one's start, block by block."""
    for stretch in image.stretches:
        if stretch.executable:
            for start in range(0, stretch.size & ~3, BLOCK_BYTES):
                yield _in_block(data, image, stretch, start)


def _in_block(data: Pages, image: Image, stretch: Stretch, start: int) -> Code:
    """What stands in the block at `start` of the stretch. A page and its low part may stand in two blocks."""
    end = min(start + BLOCK_BYTES, stretch.size & ~3)
    # Around the block, its lows' pages and its pages' lows. The pages of those lows may be farther still.
    first = max(0, start - 4 * PAIR_INSTRUCTIONS)
    behind = min(end + 4 * PAIR_INSTRUCTIONS, stretch.size & ~3)
    at = stretch.offset + np.arange(first, behind, 4, dtype=np.int64)
    word = data.span(stretch.offset + first, stretch.offset + behind).view("<u4").astype(np.int64)
    inside = slice((start - first) // 4, (end - first) // 4)
    branches = at[inside][(word[inside] & 0x7C000000) == 0x14000000]
    aims = image.addresses(branches) + branch_distance(word[(branches - at[0]) // 4])
    branches = branches[(aims >= stretch.address) & (aims < stretch.address + stretch.room)]
    page = np.flatnonzero((word & 0x9F000000) == 0x90000000)
    base = np.full(len(at), -1, np.int64)
    base[page] = (image.addresses(at[page]) & ~0xFFF) + page_distance(word[page])
    low = np.flatnonzero(((word & 0xFFC00000) == 0x91000000) | ((word & 0x3B000000) == 0x39000000))
    low = low[low >= inside.start]
    of = np.full(len(low), -1, np.int64)
    # From the farthest to the nearest, so that the nearest page with the same register is what stays.
    for steps in range(PAIR_INSTRUCTIONS, 0, -1):
        before = np.maximum(low - steps, 0)
        fits = (base[before] >= 0) & (word[before] & 31 == word[low] >> 5 & 31) & (low >= steps)
        of[fits] = before[fits]
    low, of = low[of >= 0], of[of >= 0]
    targets = base[of] + low_part(word[low])
    known = (targets >= image.lowest) & (targets < image.end)
    low, of, targets = low[known], of[known], targets[known]
    # One ADRP may serve several low parts. It can point to one address only: that of the first of them.
    pages, served = np.unique(of, return_index=True)
    mine = (pages >= inside.start) & (pages < inside.stop)
    pages, served, lows = pages[mine], served[mine], low < inside.stop
    return Code(branches, at[pages], targets[served] - base[pages], at[low[lows]], base[of[lows]] >> 12)


def branch_distance(word: Numbers) -> Numbers:
    """How far B and BL lead, in bytes."""
    return (((word & 0x3FFFFFF) ^ 0x2000000) - 0x2000000) << 2


def with_branch_distance(word: Numbers, distance: Numbers) -> Numbers:
    """The instruction with another distance."""
    return (word & ~0x3FFFFFF) | (distance >> 2 & 0x3FFFFFF)


def page_distance(word: Numbers) -> Numbers:
    """How far ADRP leads from its own page, in bytes."""
    pages = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
    return ((pages ^ 0x100000) - 0x100000) << 12


def with_page_distance(word: Numbers, distance: Numbers) -> Numbers:
    """The instruction with another distance. Less than a page is dropped."""
    pages = distance >> 12
    return (word & ~0x60FFFFE0) | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5


def low_part(word: Numbers) -> Numbers:
    """What ADD, LDR or STR with an unsigned offset adds to a register, in bytes."""
    return (word >> 10 & 0xFFF) << _scale(word)


def with_low_part(word: Numbers, address: Numbers) -> Numbers:
    """The instruction with the low 12 bits of another address."""
    return (word & ~0x3FFC00) | ((address & 0xFFF) >> _scale(word)) << 10


def _scale(word: Numbers) -> Numbers:
    """The power of two that the offset of LDR and STR counts in. 0 for ADD."""
    wide = (word & 0x04800000) == 0x04800000  # 128 bits, of the registers for vectors
    scale = np.where(wide & (word >> 30 == 0), 4, word >> 30)
    return np.where((word & 0x3B000000) == 0x39000000, scale, 0)
