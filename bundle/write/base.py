"""The release that a delta section starts from, as the builder sees it: a directory, or what a repository holds."""

from typing import Protocol

from bundle.format.contents import Content
from bundle.read.base_objects import Base


class BuildBase(Base, Protocol):
    """A base whose objects worker processes can read, too."""

    @property
    def name(self) -> str:
        """What messages call it, such as its directory."""

    def content(self, place: int) -> Content:
        """Where the bytes of the object at a place of the manifest are, counted from 1; that of no symbolic link.

        Raises InputError.
        """
