"""Opening archives while a bundle is built: what is in them, and which engine gives each member back.

Runs in worker processes. A base's archive is opened by the rule alone; a target's only where the result is proven to
be the same archive, bit for bit: members that no engine reproduces stay compressed in the skeleton. Plain bytes go to
disk, and of one file, with all archives in it, no more than one archive may hold by the rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from bundle.archives.engines import find_engine
from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import MAX_PLAIN_BYTES, DeflateStream, find_streams, inflate
from bundle.contents import Content, Slice, open_content
from bundle.objects import Readable, Window

MAX_DEPTH = 3
MAX_SKELETON_BYTES = 64 * 1024 * 1024  # held in memory; archives with more beside their streams stay closed
SIGNATURES = (b"PK", b"\x1f\x8b")
DEFAULT_ENGINE = 6


@dataclass(frozen=True)
class Member:
    """One member: its name for matching, its plain bytes and their hash, its engine (0 in a base), its own members."""

    name: str
    content: Content
    size: int
    hash: bytes
    engine: int
    opening: "Opening | None"


@dataclass(frozen=True)
class Opening:
    """An opened archive."""

    skeleton: bytes
    members: tuple[Member, ...]


def open_for_base(content: Content, spill: Path) -> Opening | None:
    """A base's archive as the reader will open it; None if it is none. Plain bytes go to the file `spill`."""
    return _open_into(content, spill, prove=False)


def open_for_target(content: Content, spill: Path) -> Opening | None:
    """A target's archive with the members that an engine reproduces; None if there is none."""
    return _open_into(content, spill, prove=True)


class _Spill:
    """A file for plain bytes; `room`: how many more it should take, in bytes."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.size = 0
        self.room = MAX_PLAIN_BYTES

    def keep(self, chunks: Iterator[bytes]) -> tuple[Slice, bytes]:
        """(where they are, their hash). `chunks` may read what was kept before."""
        start, digest = self.size, sha256()
        for chunk in chunks:
            digest.update(chunk)
            self._file.seek(self.size)
            self.size += self._file.write(chunk)
        return Slice(self._path, start, self.size - start), digest.digest()

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def _open_into(content: Content, path: Path, *, prove: bool) -> Opening | None:
    with path.open("w+b") as file, open_content(content) as archive:
        return _open(archive, _Spill(path, file), prove=prove, depth=1)


def _open(archive: Readable, spill: _Spill, *, prove: bool, depth: int) -> Opening | None:
    streams = find_streams(archive)
    spill.room -= sum(stream.size for stream in streams)
    if spill.room < 0 or archive.size - sum(stream.length for stream in streams) > MAX_SKELETON_BYTES:
        return None
    taken: list[DeflateStream] = []
    members: list[Member] = []
    engine = DEFAULT_ENGINE
    for stream in streams:
        content, digest = spill.keep(inflate(archive, stream))
        plain = Window(spill, content.offset, content.size)
        found = find_engine(plain, Window(archive, stream.offset, stream.length), engine) if prove else 0
        if found is None:
            continue
        engine = found
        taken.append(stream)
        inner = _open(plain, spill, prove=prove, depth=depth + 1) if depth < MAX_DEPTH and spill.room > 0 else None
        members.append(Member(stream.name, content, content.size, digest, found, inner))
    return Opening(b"".join(make_skeleton(archive, taken)), tuple(members)) if members else None
