"""Opening archives while a bundle is built: what is in them, and which engine gives each member back.

Runs in worker processes, in two steps. A *survey* finds the streams of an archive and what they are, in one pass, and
makes its skeleton. Then those members are *taken* that the other release does not have: their plain bytes go to a file,
and for a target an engine is looked for. What both releases have stays where it stands.
"""

from collections.abc import Collection, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bundle.archives.codings import Coding
from bundle.archives.engines import find_engine
from bundle.archives.skeleton import make_skeleton, skeleton_size
from bundle.archives.streams import LONGEST_TOLD, Search, StreamTable, has_heads
from bundle.format.contents import Content, Slice, opened, part_of
from bundle.format.objects import MemoryObject, Readable, Window, read_all
from bundle.host.files import create_buffered

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

READ_BYTES = 1024 * 1024
OVERLAP_BYTES = LONGEST_TOLD - 1  # what a head is told by may lie across two reads
PDF, EXECUTABLES = b"%PDF", (b"MZ", b"\x7fELF")
DEFAULT_ENGINE = 6
IN_MEMORY_BYTES = 1024 * 1024  # skeletons and members up to here are handed over as they are


@dataclass(frozen=True, slots=True)
class FoundStream:
    """A stream of an archive. `hash`: of its plain bytes. `stored_hash`: of the stream itself.

    `may_hold_more`: whether the plain bytes may be an archive. `joined`: the stream, if it stands in stretches.
    """

    name: str
    offset: int
    length: int
    size: int
    hash: bytes
    stored_hash: bytes
    may_hold_more: bool
    coding: Coding
    joined: Content | None = None


@dataclass(frozen=True)
class Survey:
    """What an archive holds. `ended_at`: where the search was given up, if it was. `is_program`: it can be run."""

    skeleton: Content
    skeleton_size: int
    skeleton_hash: bytes
    streams: tuple[FoundStream, ...]
    ended_at: int | None
    is_program: bool


@dataclass(frozen=True)
class Taken:
    """A member's plain bytes, and the engine that gives its stream, if there is one and it was looked for."""

    content: Content
    engine: int | None


def may_hold_streams(content: Content) -> bool:
    """Whether the head of a stream stands in it anywhere. Raises InputError if it cannot be read."""
    with opened(content) as source:
        if source.read_at(0, min(4, source.size)) == PDF:
            return True
        return any(
            has_heads(source.read_at(at, min(READ_BYTES + OVERLAP_BYTES, source.size - at)))
            for at in range(0, source.size, READ_BYTES)
        )


def survey(content: Content, spill: Path) -> Survey | None:
    """What an archive holds; None if it is none. Raises InputError.

    Streams that stand in stretches, and a long skeleton, go to the file `spill`.
    """
    with opened(content) as archive, closing(_Spill(spill)) as spilled:
        watched: list[_Watch] = []

        def watch() -> _Watch:
            watched[:] = [_Watch()]
            return watched[0]

        search, table = Search(archive, watch), StreamTable()
        streams = []
        for stream in search.streams():
            table.add(stream)
            stored = sha256()
            parts = _hashed(read_all(table.stream(archive, len(table) - 1)), stored)
            joined = spilled.save(parts) if stream.cuts else None
            for _ in parts:
                pass
            hashes = watched[0].hash.digest(), stored.digest()
            place = stream.name, stream.offset, stream.length, stream.size
            streams.append(FoundStream(*place, *hashes, watched[0].may_hold_more, stream.coding, joined))
        if not streams:
            return None
        skeleton, digest = _skeleton(archive, table, spilled)
        is_program = archive.read_at(0, min(4, archive.size)).startswith(EXECUTABLES)
        size = skeleton_size(archive, table)
        return Survey(skeleton, size, digest, tuple(streams), search.ended_at, is_program)


def take(content: Content, streams: list[FoundStream], features: Collection[str] | None, spill: Path) -> list[Taken]:
    """Takes members of an archive. `features`: those of the engines that may be used. None: none is looked for.

    Raises InputError if the archive cannot be read.
    """
    taken = []
    engine = DEFAULT_ENGINE
    with opened(content) as archive, create_buffered(spill) as file:
        for stream in streams:
            start = file.tell()
            held = bytearray()
            found = None
            with opened(stream.joined) if stream.joined else nullcontext(_window(archive, stream)) as stored:
                for chunk in stream.coding.unpack(stored):
                    file.write(chunk)
                    if stream.size <= IN_MEMORY_BYTES:
                        held += chunk
                if features is not None:
                    file.flush()
                    spilled = Slice(spill, start, stream.size)
                    with nullcontext(MemoryObject(bytes(held))) if held else opened(spilled) as plain:
                        found = find_engine(plain, stored, engine, features, stream.coding)
                    engine = found if found and stream.coding == Coding.DEFLATE else engine
            taken.append(Taken(Slice(spill, start, stream.size), found))
    return taken


def stored_content(content: Content, stream: FoundStream) -> Content:
    """The stream itself, where it stands in its archive, or joined."""
    return stream.joined or part_of(content, stream.offset, stream.length)


class _Spill:
    """A file that is made once something is saved in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def save(self, chunks: Iterator[bytes]) -> Slice:
        """Saves the joined chunks behind what was saved before."""
        self._file = self._file or create_buffered(self._path)
        start = self._file.tell()
        self._file.writelines(chunks)
        return Slice(self._path, start, self._file.tell() - start)

    def close(self) -> None:
        """Completes the file."""
        if self._file:
            self._file.close()


class _Watch:
    """Sees the plain bytes of a stream while it is searched for."""

    def __init__(self) -> None:
        self.hash = sha256()
        self.may_hold_more = False
        self._tail = b""

    def __call__(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        if not self.may_hold_more:
            start = self._tail + chunk[:OVERLAP_BYTES]
            self.may_hold_more = has_heads(chunk) or has_heads(start) or chunk.startswith(PDF)
            self._tail = (self._tail + chunk)[-OVERLAP_BYTES:] if len(chunk) < OVERLAP_BYTES else chunk[-OVERLAP_BYTES:]


def _window(archive: Readable, stream: FoundStream) -> Readable:
    return Window(archive, stream.offset, stream.length)


def _hashed(chunks: Iterator[bytes], digest: "Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _skeleton(archive: Readable, table: StreamTable, spill: _Spill) -> tuple[Content, bytes]:
    if skeleton_size(archive, table) <= IN_MEMORY_BYTES:
        data = b"".join(make_skeleton(archive, table))
        return data, sha256(data).digest()
    digest = sha256()
    return spill.save(_hashed(make_skeleton(archive, table), digest)), digest.digest()
