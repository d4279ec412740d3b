"""Sketches of content: which object of the base is most like one that has no counterpart by name.

A sketch holds the smallest of the hashes of all windows of 32 bytes (bottom-k sampling, Broder 1997): two objects that
share much content share much of their sketches, wherever in them that content stands.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.format.contents import Content, opened
from bundle.format.objects import Readable

SKETCH_HASHES = 64
WINDOW_BYTES = 32
MIN_BYTES = 1024
BLOCK_BYTES = 1 << 20
MIN_SHARED = 4  # of the hashes: below that a patch hardly ever wins

_PRIME = 0x01000193
_MIX = 0x9E3779B1


def sketch(content: Content) -> frozenset[int]:
    """The sketch of an object; empty if it is too small to have one. Raises InputError if it cannot be read."""
    smallest = np.empty(0, np.uint32)
    with opened(content) as source:
        if source.size >= MIN_BYTES:
            for _, block in blocks(source):
                smallest = np.unique(np.concatenate([smallest, _smallest(window_hashes(block))]))[:SKETCH_HASHES]
    return frozenset(smallest.tolist())


def blocks(source: Readable) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(offset, bytes) of blocks that overlap so that every window lies whole in one of them."""
    for start in range(0, source.size - WINDOW_BYTES + 1, BLOCK_BYTES):
        size = min(BLOCK_BYTES + WINDOW_BYTES - 1, source.size - start)
        yield start, np.frombuffer(source.read_at(start, size), np.uint8)


def window_hashes(data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A polynomial hash of every window, by doubling its width five times; arithmetic modulo 2^32."""
    hashes, factor, width = data.astype(np.uint32), _PRIME, 1
    while width < WINDOW_BYTES:
        hashes = hashes[:-width] * np.uint32(factor) + hashes[width:]
        factor, width = factor * factor & 0xFFFFFFFF, width * 2
    hashes *= np.uint32(_MIX)
    return hashes ^ (hashes >> np.uint32(15))


def _smallest(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The smallest of them, enough for a sketch, each once."""
    few = hashes[hashes <= min(0xFFFFFFFF, (SKETCH_HASHES << 34) // len(hashes))]  # four times as many, as a rule
    ordered = np.sort(few)
    distinct = ordered[np.concatenate([[True], np.diff(ordered) > 0])] if len(ordered) else ordered
    return distinct[:SKETCH_HASHES] if len(distinct) >= SKETCH_HASHES else np.unique(hashes)[:SKETCH_HASHES]
