"""Whose fault a damaged piece is: a link flips bits at random, a damaged file comes the same way every time [T-25]."""

from hashlib import sha256

from transfer.errors import Incomplete, SourceCorrupt


class Suspects:
    """The damaged copies that one source has sent."""

    def __init__(self, source: str, max_copies: int) -> None:
        self._source = source
        self._max_copies = max_copies
        self._copies: dict[int, set[bytes]] = {}

    def add(self, offset: int, data: bytes) -> None:
        """Counts a copy of the piece at `offset` of the file that did not match its hash.

        Raises SourceCorrupt for the same copy a second time, Incomplete for one different copy too many.
        """
        where = f"{self._source}: bytes {offset} to {offset + len(data) - 1}"
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
