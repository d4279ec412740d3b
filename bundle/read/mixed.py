"""Two sections as one: a delta that cannot make everything here, and the full section for the rest. [F-62]"""

from collections.abc import Iterator

from bundle.errors import Unsupported
from bundle.format.manifest import TreeManifest
from bundle.read.evaluate import Evaluation


class MixedEvaluation:
    """A delta makes what it can. The full section makes the rest, from those of its frames alone that hold it.

    `draft` and `objects` are as those of `Evaluation`, for a base without the lost files. `taken`: the places that
    come from the full section.
    """

    def __init__(self, delta: Evaluation, full: Evaluation, left: TreeManifest) -> None:
        """`left`: the manifest of what the base still has. Raises Unsupported if the full section cannot help."""
        self._delta, self._full = delta, full
        self.draft = delta.draft
        self.taken = self.draft.needed(left) - delta.made
        if missing := self.taken - full.made:
            raise Unsupported(f"{self.draft.entry(min(missing)).path}: needs a deflate engine that is missing here")

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of every object that the base does not have any more, as `Evaluation.objects`."""
        yield from self._delta.chosen(self._delta.made)
        yield from self._full.chosen(self.taken)

    def digest(self, place: int) -> bytes:
        """As that of `Evaluation`."""
        return self._delta.digest(place)

    def finished(self) -> TreeManifest:
        """As that of `Evaluation`."""
        return self._delta.finished()

    @property
    def room_bytes(self) -> int:
        """Bytes on disk that running them takes at one time, one after the other."""
        return max(self._delta.room_bytes, self._full.room_bytes)

    def base_places(self) -> set[int]:
        """The places of the base whose objects are used."""
        return self._delta.base_places()
