"""Where an object stands in a tree manifest: a search through its hashes, sorted. A dict would take 150 bytes an entry.

Places count from 1. The place of an object is that of the first entry with its hash; 0 stands for none.
"""

from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from itertools import compress, count
from typing import TYPE_CHECKING, Any, Final

from bundle.format.pieces import HASH_BYTES

if TYPE_CHECKING:  # at run time it is imported where a manifest is searched: `unrep status` needs none of it
    import numpy as np
    from numpy.typing import NDArray

# numpy ignores zeros at the end of such a string. All have the same length, so that makes no two of them equal.
_HASH: Final = f"S{HASH_BYTES}"


class PlaceSet(Set[int]):
    """A set of places, ascending, of one byte for each entry. A set of Python's own would take 60 for each place."""

    def __init__(self, places: Iterable[int] = (), *, mask: bytes | bytearray | None = None) -> None:
        """`mask`: in the place of `places`, a byte for each place from 0 on: 1 where it belongs to the set, else 0."""
        self._mask = bytearray() if mask is None else mask
        if isinstance(self._mask, bytearray):
            for place in places:
                if place >= len(self._mask):
                    self._mask.extend(bytes(max(place + 1, 2 * len(self._mask)) - len(self._mask)))
                self._mask[place] = 1

    def __contains__(self, place: object) -> bool:
        return isinstance(place, int) and 0 <= place < len(self._mask) and self._mask[place] == 1

    def __iter__(self) -> Iterator[int]:
        return compress(count(), self._mask)

    def __len__(self) -> int:
        return self._mask.count(1)


class Places:
    """The places of objects by their hash."""

    def __init__(self, hashes: bytes | memoryview) -> None:
        """`hashes`: those of all entries, one after the other."""
        self._hashes = hashes

    def __getitem__(self, digest: bytes) -> int:
        """The place of that object. Raises KeyError."""
        if place := self.get(digest):
            return place
        raise KeyError(digest)

    def __contains__(self, digest: bytes) -> bool:
        return self.get(digest) > 0

    def get(self, digest: bytes) -> int:
        """The place of that object, 0 if it is not there."""
        import numpy as np

        return int(self._find(np.array([digest], _HASH))[0])

    def of(self, other: "Places") -> "NDArray[np.int64]":
        """For each entry of another manifest the place of its object in this one, 0 if it is not there."""
        return self._find(other._column)

    def new_beside(self, base: "Places | None") -> "NDArray[np.bool_]":
        """For each entry whether it is the first with its object, and the base does not have that."""
        import numpy as np

        new: NDArray[np.bool_] = self.of(self) == np.arange(1, len(self._column) + 1)
        if base:
            new &= base.of(self) == 0
        return new

    @cached_property
    def _column(self) -> "NDArray[Any]":
        import numpy as np

        return np.frombuffer(self._hashes, _HASH)

    @cached_property
    def _order(self) -> "NDArray[np.uint32]":
        import numpy as np

        return np.argsort(self._column, kind="stable").astype(np.uint32)  # of equal ones the first stays the first

    def _find(self, wanted: "NDArray[Any]") -> "NDArray[np.int64]":
        import numpy as np

        if not len(self._column):
            return np.zeros(len(wanted), np.int64)
        at = np.searchsorted(self._column, wanted, sorter=self._order)
        found = self._order[np.minimum(at, len(self._order) - 1)].astype(np.int64)
        return np.where(self._column[found] == wanted, found + 1, 0)
