"""Two sections as one: a delta where the base or this machine lacks something, and the full section. [F-62]"""

from collections.abc import Iterator

from bundle.errors import Unsupported
from bundle.format.manifest import TreeManifest
from bundle.read.evaluate import Evaluation


class MixedEvaluation:
    """A delta makes what it can, the full section what that cannot, from those frames alone that hold it.

    `manifest` and `objects` are as those of Evaluation, for the base without what is lost; `taken` is what comes from
    the full section.
    """

    def __init__(self, delta: Evaluation, full: Evaluation, left: TreeManifest) -> None:
        """`left`: the manifest of what the base still has. Raises Unsupported if the full section cannot help."""
        self._delta, self._full = delta, full
        self.manifest = delta.manifest
        self.taken = frozenset(self.manifest.needed(left)) - delta.made
        for place in sorted(self.taken - full.made):
            raise Unsupported(f"{self.manifest.entry(place).path}: needs a deflate engine that is missing here")

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that is not left."""
        yield from self._delta.chosen(self._delta.made)
        yield from self._full.chosen(self.taken)

    @property
    def room_bytes(self) -> int:
        """Bytes on disk that running them takes at one time, one after the other."""
        return max(self._delta.room_bytes, self._full.room_bytes)

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used."""
        return self._delta.base_places()
