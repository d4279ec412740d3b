"""Where the bytes of an object are while a bundle is built; tasks for worker processes carry these, not bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundle.errors import InputError


@dataclass(frozen=True)
class Slice:
    """A stretch of a file, `offset` and `size` in bytes."""

    path: Path
    offset: int
    size: int


Content = bytes | Path | Slice


def read_content(content: Content) -> bytes:
    """The bytes themselves. Raises InputError if they cannot be read."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, Path):
        with _named(content):
            return content.read_bytes()
    with _named(content.path), content.path.open("rb") as file:
        file.seek(content.offset)
        return file.read(content.size)


def first_bytes(content: Content, count: int) -> bytes:
    """The first bytes, for telling what it is. Raises InputError if they cannot be read."""
    if isinstance(content, bytes):
        return content[:count]
    path, offset = (content, 0) if isinstance(content, Path) else (content.path, content.offset)
    with _named(path), path.open("rb") as file:
        file.seek(offset)
        return file.read(count)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
