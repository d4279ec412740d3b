"""The objects that a section starts from, by their numbers: manifest, entries, and what opened archives hold.

spec/format.md, section 8 [F-32], [F-46]. An archive is opened when one of its objects is first used, and closed after
the last use. So few archives take disk at one time, and never more than the section declares [F-64].
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from bundle.archives.codings import Coding
from bundle.archives.opened import Given, open_archive
from bundle.archives.skeleton import StoredStream
from bundle.errors import Malformed
from bundle.format.contents import Content
from bundle.format.manifest import TreeManifest
from bundle.format.nesting import Nesting
from bundle.format.objects import MemoryObject, Readable


class Base(Protocol):
    """The release that a delta section starts from."""

    @property
    def manifest(self) -> TreeManifest: ...

    def open(self, place: int) -> Readable:
        """The object at a place of the manifest, counted from 1. Raises BaseMismatch if it is not there."""


class BuildBase(Base, Protocol):
    """A base as the builder takes it, a directory or what a repository holds: worker processes can read its objects."""

    @property
    def name(self) -> str:
        """What messages call it, such as its directory."""

    def content(self, place: int) -> Content:
        """Where the bytes of the object at a place of the manifest are, counted from 1; that of no symbolic link.

        Raises InputError.
        """


class BaseObjects:
    """Readable objects by number. `count`: how many there are, 0 without a base. `nesting`: which lies in which."""

    def __init__(self, base: Base | None, opened: list[int], directory: Path | None, room: int) -> None:
        """`opened` as the index has it. `directory` takes temporary files, `room` bytes at most. Raises Malformed."""
        self._base = base
        self._directory = directory
        self._room = room
        self.nesting = Nesting(len(base.manifest.entries) + 1 if base else 0, opened)
        self.count = self.nesting.count
        self._open: dict[int, Given] = {}
        self._taken = 0  # of the room, by all that are open
        self._used = bytearray(self.count)

    def expect(self, used: bytearray) -> None:
        """Says which objects will be asked for: 1 for each of those, by number. No other may be."""
        self._used = used

    def open(self, number: int) -> Readable:
        """The object with that number. Raises BaseMismatch if the base is not what its manifest says.

        Raises Malformed if archives take more than the room.
        """
        assert self._base is not None  # noqa: S101 - without a base there is no number below count
        archive = self.nesting.archive_of(number)
        if archive is not None:
            return self._given(archive).object(self.nesting.within(number, archive))
        return self._base.open(number) if number else MemoryObject(self._base.manifest.encoded)

    def digest(self, number: int) -> tuple[bytes, int] | None:
        """Hash and size of an object that the base's manifest names. None for any other."""
        if self._base is None or not 0 < number < self.nesting.entries:
            return None
        entry = self._base.manifest.entry(number)
        return entry.hash, entry.size

    def stream_of(self, number: int) -> Readable:
        """The deflate stream that a member of an opened archive was inflated from. Raises as `open`.

        Raises Malformed for an object that is no such member, or that was packed otherwise [F-72].
        """
        archive = self.nesting.archive_of(number) if number < self.count else None
        if archive is None or not self.nesting.within(number, archive) or self.nesting.is_stream(number):
            raise Malformed("recipe: the stream of an object that is no member of an opened archive")
        stream = self.open(number + self.nesting.given[archive] // 2)
        if isinstance(stream, StoredStream) and stream.facts.coding != Coding.DEFLATE:
            raise Malformed("recipe: the shape of a stream that is not of deflate")
        return stream

    def close(self, archives: Iterable[int]) -> None:
        """Closes these archives, whose objects must not be read after. They are opened anew if they are asked for."""
        for archive in archives:
            if given := self._open.pop(archive, None):
                self._taken -= given.size
                given.close()

    def close_all(self) -> None:
        """Closes whatever is open, as `close` does."""
        self.close(list(self._open))

    def _given(self, archive: int) -> Given:
        if archive not in self._open:
            source = self.open(self.nesting.numbers[archive])
            first = self.nesting.first(archive)
            wanted = self._used[first : first + self.nesting.given[archive]]
            given = open_archive(source, self._directory, self._room - self._taken, wanted)
            self._open[archive] = given
            self._taken += given.size
            if given.count != self.nesting.given[archive]:
                raise Malformed("index: an archive of the base gives another number of objects than it lists")
        return self._open[archive]
