"""Rows of symbol tables paired by their names, ashore: what stays in a patch knows nothing of it. [F-55]

A linker may put the symbols of a new image in another order. To bytes alone, one row of 24 looks like any other.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from bundle.delta.bsdiff import Block
from bundle.references import elf
from bundle.references.image import Image
from bundle.references.pages import Pages
from bundle.references.words import NONE

LEAST_ROWS = 200  # of a table that is worth while to look at
MAX_NAME_BYTES = 1 << 12


def paired_rows(old: tuple[Pages, Image], new: tuple[Pages, Image]) -> Iterator[tuple[int, int, list[Block]]]:
    """(start, end, blocks that make rows of it) of each symbol table of the new image, in the order of the file."""
    before, after = elf.symbols(*old), elf.symbols(*new)
    if len(before) != len(after):
        return
    for one, other in sorted(zip(before, after, strict=True), key=lambda tables: tables[1].start):
        if other.length >= LEAST_ROWS:
            pairs = _pairs(_names(*old, one), _names(*new, other))
            yield other.start, other.start + 24 * other.length, _blocks(pairs, one.start, other.start)


def _names(data: Pages, image: Image, table: elf.Table) -> list[bytes]:
    """The name of each row, of a very long one its first 4,096 bytes."""
    numbers = data.unsigned(np.concatenate([NONE, *table.places()])).tolist()
    first = int(image.offsets(np.array([table.anchor], np.int64))[0])
    return _texts(
        data, table.anchor if first < 0 else first, numbers
    )  # an offset that is not loaded is its own address


def _texts(data: Pages, first: int, numbers: list[int]) -> list[bytes]:
    text = data.span(first, first + max(numbers, default=0) + MAX_NAME_BYTES).tobytes()
    ends = (text.find(b"\0", at, at + MAX_NAME_BYTES) for at in numbers)
    return [text[at : at + MAX_NAME_BYTES if end < 0 else end] for at, end in zip(numbers, ends, strict=True)]


def _pairs(old: list[bytes], new: list[bytes]) -> Iterator[tuple[int, int]]:
    """(old row, new row) with one name. Of several old ones that behind the last pair, or else the next."""
    where: dict[bytes, list[int]] = defaultdict(list)
    for at, name in enumerate(old):
        where[name].append(at)
    last = -1
    for at, name in enumerate(new):
        rows = where.get(name)
        if rows:
            last = rows[min(bisect_right(rows, last), len(rows) - 1)]
            yield last, at


def _blocks(pairs: Iterator[tuple[int, int]], old: int, new: int) -> list[Block]:
    """Rows that follow each other in both, as one block."""
    found: list[Block] = []
    for before, after in pairs:
        block = Block(old + 24 * before, new + 24 * after, 24)
        if found and found[-1].old + found[-1].size == block.old and found[-1].new + found[-1].size == block.new:
            found[-1] = found[-1]._replace(size=found[-1].size + 24)
        else:
            found.append(block)
    return found
