"""The differing bytes of a patch, sparse: how many equal ones stand before each, and what to add. [F-36]

Most of a difference is zeros. Counted, they cost next to nothing. And the compressor sees changes beside changes, where
zeros would stand between them.
"""

from array import array
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.varints import write_varints

CHUNK_BYTES = 256 * 1024  # of a copy, at once: memory does not grow with the object


def pack_changes(difference: NDArray[np.uint8]) -> dict[Stream, bytes]:
    """The two streams of a difference: its number of changes with the skips before each, and the changes."""
    places = np.flatnonzero(difference)
    return pack_sparse(places, difference[places])


def pack_sparse(places: NDArray[np.int64], changes: NDArray[np.uint8]) -> dict[Stream, bytes]:
    """The same from the places, ascending, of what changes and what is added there."""
    skips = np.diff(places, prepend=-1) - 1
    return {
        Stream.SKIP: write_varints([len(places), *skips.tolist()]),
        Stream.CHANGE: changes.tobytes(),
    }


class Changes:
    """The changes of one patch, drawn from the two streams as it goes on."""

    def __init__(self, skips: Iterator[int], take: Callable[[Stream, int], Iterator[bytes]]) -> None:
        """Raises Malformed if the SKIP pack is at its end."""
        self._skips = skips
        self._take = take
        self._left = self._next()
        self._gap = self._next() if self._left else 0

    def places(self, length: int) -> NDArray[np.int64]:
        """Where the next `length` bytes change, ascending. Raises Malformed if the SKIP pack ends before."""
        found, at = array("q"), self._gap
        while self._left and at < length:
            found.append(at)
            self._left -= 1
            at += 1 + (self._next() if self._left else 0)
        self._gap = at - length
        return np.frombuffer(found, np.int64)

    def values(self, count: int) -> NDArray[np.uint8]:
        """What to add at the next so many places."""
        return np.frombuffer(b"".join(self._take(Stream.CHANGE, count)), np.uint8)

    def added_to(self, old: bytes) -> bytes:
        """The next bytes of a source as the target has them, modulo 256."""
        places = self.places(len(old))
        if not len(places):
            return old
        new = np.frombuffer(old, np.uint8).copy()
        new[places] += self.values(len(places))
        return new.tobytes()

    def finish(self) -> None:
        """Raises Malformed if there are more changes than the patch copies bytes."""
        if self._left:
            raise Malformed("recipe: a change beyond what a patch copies")

    def _next(self) -> int:
        try:
            return next(self._skips)
        except (StopIteration, RuntimeError) as error:
            raise Malformed("recipe: the SKIP pack is too short") from error
