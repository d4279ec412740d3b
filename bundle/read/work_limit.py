"""The time that the recipes of a section may take beyond what the sizes of their results bound [F-68].

A reader refuses what takes more. A builder plans by the same numbers, so that no bundle is refused aboard.
"""

from bundle.errors import Malformed
from bundle.format.index import MAX_GROWTH, Archive, Derived, Rebased, Shape
from bundle.references.image import MAX_IMAGE_SHRINKING

MAX_SHAPED = 4  # times the release: bytes of streams whose shapes are made
MAX_DERIVED = 4  # and of the sources and patched forms of derived objects
FREE_BYTES = 1 << 24  # and so many in any case, of all three
_LIMITED = {Archive: "members of archives", Rebased: "images to rebase", Shape: "streams to read the shapes of"}
_LIMITED[Derived] = "sources and forms of derived objects"

Limited = type[Archive | Rebased | Shape | Derived]


class WorkLimit:
    """What is left for all recipes of a section, in bytes of their sources, for each kind that is limited."""

    def __init__(self, release_bytes: int) -> None:
        self._left: dict[Limited, int] = {
            Archive: MAX_GROWTH * release_bytes,
            Rebased: MAX_IMAGE_SHRINKING * release_bytes + FREE_BYTES,
            Shape: MAX_SHAPED * release_bytes + FREE_BYTES,
            Derived: MAX_DERIVED * release_bytes + FREE_BYTES,
        }
        self._release_bytes = release_bytes

    def has(self, kind: Limited, amount: int) -> bool:
        """Whether so many bytes are left."""
        return amount <= self._left[kind]

    def spend(self, kind: Limited, amount: int) -> bool:
        """Counts so many bytes if they are left. Says whether they are."""
        is_left = self.has(kind, amount)
        if is_left:
            self._left[kind] -= amount
        return is_left

    def take(self, kind: Limited, amount: int) -> None:
        """Counts so many bytes. Raises Malformed where they are too many."""
        if not self.spend(kind, amount):
            what = _LIMITED[kind]
            raise Malformed(f"recipe: too many {what} for a release of {self._release_bytes:,} bytes")
