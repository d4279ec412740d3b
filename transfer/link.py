"""The seam to whatever carries bytes: a server, a stick, in tests a simulated satellite.

A link knows nothing of bundles and keeps no state that matters: every `open` stands alone, and may follow any failure.
It tries once; trying again is the business of `transfer.reception`. It may lie: callers verify what they get.
"""

from typing import Protocol


class Answer(Protocol):
    """The bytes of one range, as they arrive."""

    @property
    def total_bytes(self) -> int:
        """The length of the whole file at the source, as the source says."""

    def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most `max_bytes`, as soon as any are there; b"" when the range or the file is over.

        Never returns a byte from behind the range. Raises Dropped when the connection is lost: all bytes that
        arrived before were returned. Not to be called after that.
        """

    def close(self) -> None:
        """Stops; what was not read is not paid for, apart from what is under way. May be repeated."""


class Link(Protocol):
    """One source of the bytes of one file."""

    @property
    def name(self) -> str:
        """What messages call it: the URL or path."""

    @property
    def connections(self) -> int:
        """How many connections were made so far; 0 for a medium that needs none."""

    def open(self, offset: int, length: int, idle_s: float) -> Answer:
        """Asks for `length` bytes from `offset` on; `idle_s` bounds every single wait, here and in the answer's reads.

        The file may end within the range, then the answer is shorter. Raises Dropped, Silent, BadAnswer or PastEnd for
        what may pass, SourceRefused for what will not.
        """

    def close(self) -> None:
        """Lets go of every connection."""
