"""An opened archive of a base: its skeleton, the plain bytes of its members, and their streams. spec/format.md [F-46].

Only what is asked for takes room: a member that recipes use as the stream that it is stays where it stands.
"""

from collections.abc import Sequence
from pathlib import Path

from bundle.archives.codings import Coding
from bundle.archives.skeleton import StoredStream, facts_of, make_skeleton, skeleton_size
from bundle.archives.streams import Search, StreamTable
from bundle.errors import Malformed
from bundle.format.objects import Readable, Scratch

IN_MEMORY_BYTES = 1024 * 1024  # of each archive: many may be open at one time


class Given:
    """What opening an archive gives: the skeleton is object 0, then all members, then all streams."""

    def __init__(self, archive: Readable, table: StreamTable, directory: Path | None) -> None:
        self._archive = archive
        self._table = table
        self._scratch = Scratch(directory, IN_MEMORY_BYTES)
        self._saved: dict[int, Readable] = {}
        self.count = 1 + 2 * len(table)
        self.size = 0  # bytes of room that it takes

    def size_of(self, within: int) -> int:
        """The room that an object takes."""
        if within == 0:
            return skeleton_size(self._archive, self._table)
        return self._table.sizes[within - 1] if within <= len(self._table) else 0

    def save(self, within: int) -> None:
        """Makes an object ready to be read."""
        if within == 0:
            made = make_skeleton(self._archive, self._table)
        elif within <= len(self._table):
            made = Coding(self._table.codings[within - 1]).unpack(self._table.stream(self._archive, within - 1))
        else:
            return
        self._saved[within] = self._scratch.save(made)
        self.size += self._saved[within].size

    def object(self, within: int) -> Readable:
        """An object that was saved, or a stream."""
        table, number = self._table, within - 1 - len(self._table)
        if number < 0:
            return self._saved[within]
        return StoredStream(table.stream(self._archive, number), facts_of(self._archive, table, number))

    def close(self) -> None:
        """Gives the room back. The objects cannot be read any more."""
        self._scratch.close()


def open_archive(archive: Readable, directory: Path | None, room: int, wanted: Sequence[int]) -> Given:
    """Opens an archive. `wanted` has a number other than 0 for each object that will be read, in their order.

    `directory` takes their bytes. Raises Malformed, before anything is written, if they are more than `room`, and
    BaseMismatch if the archive cannot be read.
    """
    table = StreamTable()
    for stream in Search(archive).streams():
        table.add(stream)
    given = Given(archive, table, directory)
    saved = [within for within in range(min(1 + len(table), len(wanted))) if wanted[within]]
    size = sum(map(given.size_of, saved))
    if size > room:
        raise Malformed(f"index: an archive that it opens gives {size:,} bytes, and {room:,} are left of its room")
    try:
        for within in saved:
            given.save(within)
    except BaseException:
        given.close()
        raise
    return given
