"""The table of base relocations of a new PE image, which follows from where its pointers went [F-108].

Each old relocation stands for a pointer. A patch copies the pointer, and so it moves. The new table is the places to
which pointers moved, sorted, and written page by page as linkers write it.
"""

import numpy as np

from bundle.references.image import Image
from bundle.references.kinds import pointer_of, width_of
from bundle.references.pe import MAX_LISTED, relocation_of
from bundle.references.prediction import ScannedImage
from bundle.references.words import Bytes, Numbers, joined

MAX_CARRIED = MAX_LISTED  # pointers of all blocks
MAX_TABLE_BYTES = 12 * MAX_CARRIED  # a page with one entry takes 12
_PAGE_LIMIT = 1 << 32  # a page is a word


def predicted_table(old: ScannedImage, new: Image, blocks: Numbers) -> Bytes:
    """The table that the new image has, if its pointers are those that blocks carry. Empty if there are too many.

    `blocks` are rows of offset in the old image, offset in the new one, and bytes. Only what lies in the old image
    counts.
    """
    blocks = blocks[blocks[:, 0] < old.data.size]
    if not len(old.pointers) or not len(blocks):
        return np.empty(0, np.uint8)
    start, target, size = blocks.T
    size = np.minimum(size, old.data.size - start)
    first = np.searchsorted(old.pointers, start)
    end = np.searchsorted(old.pointers, start + size - width_of(pointer_of(old.image)) + 1)
    count = np.maximum(end - first, 0)
    if count.sum() > MAX_CARRIED:
        return np.empty(0, np.uint8)
    chosen = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    places = old.pointers[chosen] + np.repeat(target - start, count)
    return _written(_loaded(new, places), relocation_of(old.image))


def _loaded(new: Image, places: Numbers) -> Numbers:
    """The addresses of those offsets that are loaded, ascending, each once."""
    loaded = np.zeros(len(places), bool)
    for stretch in new.stretches:
        loaded |= (places >= stretch.offset) & (places < stretch.offset + stretch.size)
    addresses = joined(new.addresses(places[loaded]))
    return addresses[addresses < _PAGE_LIMIT]


def _written(addresses: Numbers, kind: int) -> Bytes:
    """A block for each page: its address, its length, and its entries, made even in number by one of zeros."""
    pages, starts, counts = np.unique(addresses >> 12, return_index=True, return_counts=True)
    lengths = 8 + 2 * (counts + (counts & 1))
    at = np.cumsum(lengths) - lengths
    table = np.zeros(int(lengths.sum()) // 2, "<u2")
    for half in (0, 1):
        table[at // 2 + half] = (pages << 12) >> 16 * half & 0xFFFF
        table[at // 2 + 2 + half] = lengths >> 16 * half & 0xFFFF
    within = np.arange(len(addresses)) - np.repeat(starts, counts)
    table[np.repeat(at // 2 + 4, counts) + within] = kind << 12 | addresses & 0xFFF
    return table.view(np.uint8)
