"""The table of base relocations of a new PE image, which follows from where its pointers went [F-108].

Each old relocation stands for a pointer. A patch copies the pointer, and so it moves. The new table is the places to
which pointers moved, sorted, and written page by page as linkers write it.
"""

import numpy as np

from bundle.references.image import Image
from bundle.references.kinds import pointer_of, width_of
from bundle.references.pages import Pages
from bundle.references.pe import relocated, relocation_of
from bundle.references.words import NONE, Bytes, Numbers, joined

MAX_ENTRIES = 1 << 20  # of an old table, and of all pointers that blocks carry
MAX_TABLE_BYTES = 12 * MAX_ENTRIES  # a page with one entry takes 12
_PAGE_LIMIT = 1 << 32  # a page is a word


def predicted_table(data: Pages, image: Image, new: Image, blocks: Numbers) -> Bytes:
    """The table that the new image has, if its pointers are those that blocks carry. Empty if there are too many.

    `blocks` are rows of offset in the old image, offset in the new one, and bytes. Only what lies in the old image
    counts.
    """
    old = _old_places(data, image)
    blocks = blocks[blocks[:, 0] < data.size]
    if not len(old) or not len(blocks):
        return np.empty(0, np.uint8)
    start, target, size = blocks.T
    size = np.minimum(size, data.size - start)
    first = np.searchsorted(old, start)
    count = np.maximum(np.searchsorted(old, start + size - width_of(pointer_of(image)) + 1) - first, 0)
    if count.sum() > MAX_ENTRIES:
        return np.empty(0, np.uint8)
    chosen = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    places = old[chosen] + np.repeat(target - start, count)
    return _written(_loaded(new, places), relocation_of(image))


def _old_places(data: Pages, image: Image) -> Numbers:
    """The offsets of the pointers that the old table lists, ascending, each once."""
    found, count = [NONE], 0
    for addresses in relocated(data, image):
        count += len(addresses)
        if count > MAX_ENTRIES:
            return NONE
        found.append(image.offsets(addresses))
    places = joined(*found)
    return places[places >= 0]


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
