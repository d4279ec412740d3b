"""Sketches of content: they find the object of the base that is most like one without a counterpart by name.

A sketch holds the smallest hashes of all windows of 32 bytes: bottom-k sampling (A. Broder, "On the resemblance and
containment of documents", 1997). Two objects that share much content share much of their sketches, wherever in them
that content stands.
"""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.format.contents import Content, opened
from bundle.format.objects import Readable

SKETCH_HASHES = 64  # the share of equal ones estimates the shared content to about 1/8, one over the root of 64
WINDOW_BYTES = 32
MIN_BYTES = 96  # a smaller object costs no more as a literal than its hash costs in the manifest
BLOCK_BYTES = 1 << 20
MIN_SHARED = 4  # of the hashes: below that a patch hardly ever wins
# So many objects are counted for a hash, the first ones. More have it where it is a licence, a header or a template. To
# count them all would take a time that grows with the square of their number.
MAX_OWNERS = 128

_PRIME = 0x01000193  # of FNV-1
_MIX = 0x9E3779B1  # a prime near 2^32 over the golden ratio


def sketch(content: Content) -> frozenset[int]:
    """The sketch of an object. Empty if it is too small to have one. Raises InputError if it cannot be read."""
    smallest = np.empty(0, np.uint32)
    with opened(content) as source:
        if source.size >= MIN_BYTES:
            for _, block in blocks(source):
                smallest = np.unique(np.concatenate([smallest, _smallest(window_hashes(block))]))[:SKETCH_HASHES]
    return frozenset(smallest.tolist())


class SketchIndex:
    """Many sketches, to be asked which of them share hashes with another. 8 bytes of memory for each hash."""

    def __init__(self, sketches: Iterable[tuple[int, frozenset[int]]]) -> None:
        """`sketches`: (number of the object, its sketch)."""
        hashes, owners = array("I"), array("I")
        for owner, values in sketches:
            hashes.extend(values)
            owners.extend([owner] * len(values))
        unordered = np.frombuffer(hashes, np.uint32)
        order = np.lexsort((np.frombuffer(owners, np.uint32), unordered))
        self._hashes, self._owners = unordered[order], np.frombuffer(owners, np.uint32)[order]

    def shared_with(self, values: frozenset[int]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """(numbers of the objects that share hashes with this sketch, how many each)."""
        wanted = np.fromiter(values, np.uint32, len(values))
        first, end = (np.searchsorted(self._hashes, wanted, side) for side in ("left", "right"))
        spans = zip(first.tolist(), np.minimum(end, first + MAX_OWNERS).tolist(), strict=True)
        found = [self._owners[start:stop] for start, stop in spans if start < stop]
        return np.unique(np.concatenate(found or [np.empty(0, np.uint32)]), return_counts=True)


def blocks(source: Readable) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(offset, bytes) of blocks that overlap so that every window lies whole in one of them."""
    for start in range(0, source.size - WINDOW_BYTES + 1, BLOCK_BYTES):
        size = min(BLOCK_BYTES + WINDOW_BYTES - 1, source.size - start)
        yield start, np.frombuffer(source.read_at(start, size), np.uint8)


def window_hashes(data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A polynomial hash of every window, by doubling its width five times. Arithmetic is modulo 2^32."""
    # hash(2w at i) = hash(w at i) * prime^w + hash(w at i + w): five passes over the array instead of 32.
    hashes, factor, width = data.astype(np.uint32), _PRIME, 1
    while width < WINDOW_BYTES:
        hashes = hashes[:-width] * np.uint32(factor) + hashes[width:]
        factor, width = factor * factor & 0xFFFFFFFF, width * 2
    # The last byte of a window has changed the lowest 8 bits alone so far. The smallest hashes are kept, so every byte
    # has to reach the highest bits.
    hashes *= np.uint32(_MIX)
    return hashes ^ (hashes >> np.uint32(15))


def _smallest(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The smallest of them, enough for a sketch, each once."""
    # To sort a million hashes for the least 64 would be waste. If they are uniform, four times as many as are needed
    # lie below this limit. Where repetition leaves too few distinct ones, all are sorted after all.
    few = hashes[hashes <= min(0xFFFFFFFF, (SKETCH_HASHES << 34) // len(hashes))]
    ordered = np.sort(few)
    distinct = ordered[np.concatenate([[True], np.diff(ordered) > 0])] if len(ordered) else ordered
    return distinct[:SKETCH_HASHES] if len(distinct) >= SKETCH_HASHES else np.unique(hashes)[:SKETCH_HASHES]
