"""Whose fault a damaged piece is: a link flips bits at random, a damaged file comes the same way every time [T-25].

And how far a source is trusted while there are others [T-91].
"""

from collections.abc import Collection
from hashlib import sha256

from transfer.errors import Incomplete, SourceCorrupt

# Points, and no vote of the sources: one wrong piece in fifty is what a bad link does to any of them. At 8 for a wrong
# piece and 1 back for a good one, a source that lies is given up after three pieces, and one behind such a link is not.
BAD_PIECE_POINTS = 8
DISTRUST_POINTS = 24


class CorruptionTracker:
    """The pieces that one source has sent, good and damaged."""

    def __init__(self, source: str, max_copies: int) -> None:
        self._source = source
        self._max_copies = max_copies
        self._copies: dict[int, set[bytes]] = {}  # hashes of damaged copies, by the offset of their piece
        self._points = 0
        self._good = 0

    @property
    def bad_offsets(self) -> Collection[int]:
        """Offsets of the pieces that it has sent damaged: those are better asked of another source [T-91]."""
        return self._copies.keys()

    @property
    def is_proven(self) -> bool:
        """Whether all that it sent was good so far, and that was something."""
        return self._good > 0 and not self._copies

    @property
    def is_distrusted(self) -> bool:
        """Whether so many of its pieces were damaged that another source is better asked."""
        return self._points >= DISTRUST_POINTS

    def add_good(self) -> None:
        """Counts a piece that matches its hash."""
        self._points = max(0, self._points - 1)
        self._good += 1

    def add_damaged(self, offset: int, data: bytes) -> None:
        """Counts a copy of the piece at `offset` of the file that did not match its hash.

        Raises SourceCorrupt for the same copy a second time, Incomplete for one different copy too many.
        """
        where = f"{self._source}: bytes {offset} to {offset + len(data) - 1}"
        self._points += BAD_PIECE_POINTS
        copies = self._copies.setdefault(offset, set())
        digest = sha256(data).digest()
        if digest in copies:
            raise SourceCorrupt(f"{where} are not the ones that were signed, the same twice; publish the bundle again")
        copies.add(digest)
        if len(copies) >= self._max_copies:
            raise Incomplete(
                f"{where} arrived damaged {len(copies)} times, differently each time; run the same command again "
                "when the link is better, or fetch from another source"
            )
