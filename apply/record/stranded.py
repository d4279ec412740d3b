"""That nothing leads from what a site holds to the release that it is to run: what shore has to send [A-131]."""

import msgspec


class Stranded(msgspec.Struct, frozen=True, kw_only=True):
    """The release that cannot be reached; `tree` in hex.

    since: when that was found, in seconds since 1970. reason: a sentence that says what shore has to send.
    """

    version: str
    seq: int
    epoch: int
    tree: str
    since: int
    reason: str

    @property
    def mark(self) -> tuple[int, int]:
        """Its place in the order of releases."""
        return self.epoch, self.seq
