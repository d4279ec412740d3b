"""The seam to where bundles are published: a directory, an object store.

A backend knows nothing of bundles. A reader never sees half of something under a name: a new file appears when it is
complete, and a channel file changes from its old bytes to its new ones.
"""

from collections.abc import Iterable
from typing import Protocol


class Backend(Protocol):
    """Files by name. Every method raises OutputRefused, DiskFull, or Incomplete where trying again can help."""

    @property
    def name(self) -> str:
        """What messages call it: the path or URL."""

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """The first bytes of a file, `max_bytes` at most, or None if there is none of that name."""

    def length_of(self, name: str) -> int | None:
        """The length of a file in bytes, or None if there is none of that name."""

    def names(self) -> list[str]:
        """The names of all files there, in order."""

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Adds a file that is not there, durably. If `chunks` raises, or anything stops it, there is none."""

    def replace(self, name: str, data: bytes) -> None:
        """Puts these bytes in the place of the file of that name, if there is one, durably and in one step.

        A name may have one `/` in it: the first part is a directory, which is made where there is none.
        """

    def remove(self, name: str) -> None:
        """Removes a file, or a directory with all that is in it; nothing if there is none of that name."""
