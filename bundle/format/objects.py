"""Objects that can be read in any order: in memory, in a file, or spooled between the two."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from bundle.errors import BaseMismatch, Malformed
from bundle.format.canonical import MAX_INTEGER
from bundle.host.temporary_files import full_temporary_disk

CHUNK_BYTES = 256 * 1024
SPOOL_BYTES = 8 * 1024 * 1024


class Readable(Protocol):
    """An object that can be read in any order. `size` in bytes."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly the bytes from `offset` on. The range lies within the object. Raises BaseMismatch."""


class MemoryObject:
    """An object that is in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class Nothing:
    """Zeros in the place of an object that is lost. As long as any object can be."""

    size = MAX_INTEGER

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(length)


class Window:
    """A stretch of another object."""

    def __init__(self, source: Readable, offset: int, size: int) -> None:
        """Raises Malformed if the stretch reaches beyond its source [F-38]."""
        if offset + size > source.size:
            raise Malformed("recipe: a copy reaches beyond its source")
        if isinstance(source, Window):  # copies of copies may be thousands deep
            offset += source._offset
            source = source._source
        self._source: Readable = source
        self._offset: int = offset
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        return self._source.read_at(self._offset + offset, length)


class Scratch:
    """Room for intermediate results: in memory while they are small together, in one temporary file beyond."""

    def __init__(self, directory: Path | None = None, in_memory_bytes: int | None = None) -> None:
        """`directory` takes the temporary file. None is the system's choice, whose full disk is NoRoom."""
        self._directory = directory
        self._in_memory_bytes = SPOOL_BYTES if in_memory_bytes is None else in_memory_bytes
        self._file: BinaryIO = io.BytesIO()
        self._is_in_memory = True
        self._end = 0

    def save(self, chunks: Iterator[bytes]) -> Readable:
        """Saves the joined chunks, to be read again. `chunks` may read what was saved before, but save nothing here."""
        start = self._end
        for chunk in chunks:
            with full_temporary_disk() if self._directory is None else nullcontext():
                if self._is_in_memory and self._end + len(chunk) > self._in_memory_bytes:
                    self._spill()
                self._file.seek(self._end)
                self._end += self._file.write(chunk)
        return Window(self, start, self._end - start)

    @property
    def size(self) -> int:
        """Bytes saved so far."""
        return self._end

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def close(self) -> None:
        """Gives the room back."""
        self._file.close()

    def _spill(self) -> None:
        """The library's own spooled file loses an interrupt that falls into its finalizer."""
        file = cast(BinaryIO, tempfile.TemporaryFile(dir=self._directory))  # noqa: SIM115
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)
        self._file, self._is_in_memory = file, False


class FileObject:
    """An open file as an object to read from. `size` in bytes, as the tree manifest says. `path` is for messages."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        """Raises BaseMismatch if the file has another size."""
        self._path = path
        self.size = size
        self._file = file
        actual = os.fstat(file.fileno()).st_size
        if actual != size:
            file.close()
            raise BaseMismatch(f"{path}: has {actual} bytes instead of {size}; it was changed")

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly the bytes of that range. Raises BaseMismatch if they are not there."""
        try:
            self._file.seek(offset)
            data = self._file.read(length)
        except OSError as error:
            raise BaseMismatch(f"{self._path}: cannot be read: {error.strerror}") from error
        if len(data) != length:
            raise BaseMismatch(f"{self._path}: ends before byte {offset + length}; it was changed")
        return data


def read_all(source: Readable) -> Iterator[bytes]:
    """The whole object, chunk by chunk."""
    for at in range(0, source.size, CHUNK_BYTES):
        yield source.read_at(at, min(CHUNK_BYTES, source.size - at))
