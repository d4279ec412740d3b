"""Where the bytes of an object are while a bundle is built. Tasks for worker processes carry these, not bytes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from bundle.errors import Corrupt, InputError
from bundle.format.compressed_file import read_compressed
from bundle.format.objects import CHUNK_BYTES, MemoryObject, Readable, Scratch
from bundle.host.files import open_plain, read_plain
from bundle.host.storage import is_full


@dataclass(frozen=True)
class Slice:
    """A stretch of a file, `offset` and `size` in bytes."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Joined:
    """Several contents, one after the other, small enough together to be held in memory."""

    parts: "tuple[Content, ...]"


@dataclass(frozen=True)
class Unpacked:
    """The plain bytes of a packed stream, `size` of them, as `unpack` gives them. `name`: what messages call it."""

    stream: "Content"
    size: int
    name: str
    unpack: Callable[[Readable], Iterator[bytes]]


@dataclass(frozen=True)
class Compressed:
    """A stretch of an object in a file of its own that `compressed_file` wrote, small enough to be held in memory.

    `whole_size` in bytes and `hash` are those of the object, `offset` and `size` of the stretch.
    """

    path: Path
    whole_size: int
    hash: bytes
    offset: int
    size: int


Content = bytes | Path | Slice | Joined | Unpacked | Compressed

_CHANGED = "was changed while it was read; build again once nothing changes it"
IN_MEMORY_BYTES = 16 * 1024 * 1024  # of what is unpacked to be read; more goes to a temporary file


def read_content(content: Content) -> bytes:
    """The bytes themselves. Raises InputError if they cannot be read."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, Path):
        with _named(content):
            return read_plain(content)
    with opened(content) as source:
        return source.read_at(0, source.size)


def first_bytes(content: Content, count: int) -> bytes:
    """The first bytes, for telling what it is. Raises InputError if they cannot be read."""
    with opened(content) as source:
        return source.read_at(0, min(count, source.size))


def size_of(content: Content) -> int:
    """How many bytes it has. Raises InputError if it cannot be found."""
    if isinstance(content, Path):
        with _named(content):
            return content.stat().st_size
    if isinstance(content, Joined):
        return sum(map(size_of, content.parts))
    return len(content) if isinstance(content, bytes) else content.size


def part_of(content: Content, offset: int, size: int) -> Content:
    """A stretch of it, which must lie within."""
    if isinstance(content, bytes):
        return content[offset : offset + size]
    if isinstance(content, Path):
        return Slice(content, offset, size)
    if isinstance(content, Joined | Unpacked):
        with opened(content) as source:
            return source.read_at(offset, size)
    if isinstance(content, Compressed):
        return replace(content, offset=content.offset + offset, size=size)
    return Slice(content.path, content.offset + offset, size)


@contextmanager
def opened(content: Content) -> Iterator[Readable]:
    """The content to be read in any order, while it is open. Raises InputError if it cannot be read."""
    if isinstance(content, Joined):
        content = b"".join(chunks_of(content.parts))
    if isinstance(content, Compressed):
        content = _decompressed(content)
    if isinstance(content, bytes):
        yield MemoryObject(content)
        return
    if isinstance(content, Unpacked):
        with closing(Scratch(in_memory_bytes=IN_MEMORY_BYTES)) as scratch:
            yield scratch.save(_plain(content))
        return
    path, offset = (content, 0) if isinstance(content, Path) else (content.path, content.offset)
    size = size_of(content)
    with _named(path), open_plain(path, buffered=True) as file:
        yield _Stretch(path, file, offset, size)


def _plain(content: Unpacked) -> Iterator[bytes]:
    size = 0
    with opened(content.stream) as stream:
        for chunk in content.unpack(stream):
            size += len(chunk)
            yield chunk
    if size != content.size:
        raise InputError(f"{content.name}: {_CHANGED}")


def chunks_of(contents: Sequence[Content]) -> Iterator[bytes]:
    """All of them, one after the other, in bounded chunks. Raises InputError if one cannot be read."""
    for content in contents:
        with opened(content) as source:
            for at in range(0, source.size, CHUNK_BYTES):
                yield source.read_at(at, min(CHUNK_BYTES, source.size - at))


def _decompressed(content: Compressed) -> bytes:
    """The stretch. The whole object is unpacked and hashed each time, so that no damage passes into a bundle."""
    with _named(content.path), open_plain(content.path) as file:
        try:
            whole = b"".join(read_compressed(file, content.whole_size, content.hash))
        except Corrupt as error:
            raise InputError(f"{content.path}: is damaged: {error}; see 'unrep repo verify'") from error
    return whole[content.offset : content.offset + content.size]


class _Stretch:
    def __init__(self, path: Path, file: BinaryIO, offset: int, size: int) -> None:
        self._path, self._file, self._offset = path, file, offset
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(self._offset + offset)
        data = self._file.read(length)
        if len(data) != length:
            raise InputError(f"{self._path}: became shorter while it was read; build again once nothing changes it")
        return data


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """A full disk is no fault of the file: what is written meanwhile lies elsewhere [A-207]."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
