"""Shapes of streams that no engine gives back: each beside the shape of its counterpart in the base. Runs in workers.

spec/format.md, section 9 [F-73].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from bundle.deflate.blocks import NoShape
from bundle.deflate.shape import shape_of, shape_work
from bundle.format.contents import Content, Slice, opened, read_content, size_of
from bundle.format.objects import MemoryObject
from bundle.host.files import create_buffered

MAX_SHAPE_RATIO = 4  # a stream of the base to the one whose shape is a patch of its shape: to read it takes time
SHORT_BYTES = 64 * 1024  # a stream that is read in no time
# Of a shape, what the base's shape has of it: below the one no patch pays, and from the other on it always does.
LEAST_LIKENESS, SURE_LIKENESS = 1 / 16, 1 / 2
MAX_SHAPED_BYTES = 64 * 1024 * 1024  # of a member whose shape is looked for
# Of a shape, what the base's shape has of it: below the one no patch pays, and from the other on it always does.
LEAST_LIKENESS, SURE_LIKENESS = 1 / 16, 1 / 2


@dataclass(frozen=True)
class BaseStream:
    """A deflate stream of the base: object number and name of its member, its plain bytes, and its own."""

    number: int
    name: str
    plain: Content
    stream: Content


@dataclass(frozen=True)
class Shapes:
    """What stands in for an engine: the member of the base, the shape of the stream, and that of the base's stream.

    `size` and `base_size` in bytes of the shapes, `read_bytes`: what counts for reading the base's [F-72]. `is_sure`:
    they are so alike that nothing else can be smaller.
    """

    number: int
    content: Content
    size: int
    base: Content
    base_size: int
    read_bytes: int
    is_sure: bool


class Counterparts(Protocol):
    """Streams of the base that those of one archive may be like."""

    def find(self, name: str, plain: bytes, stream: bytes) -> BaseStream | None:
        """The stream that is equal, or else of the member that is most like this one."""

    def likeness(self, new: Content, old: Content) -> float | None:
        """The share of content that one has of the other, from 0 to 1. None if it is too short to tell."""


def find_shapes(plain: Content, stream: Content, name: str, streams: Counterparts, spill: Path) -> Shapes | None:
    """The shapes, which go to the file `spill`.

    None if the base has no such stream, if one of the two has no shape, or if the shapes have little in common.
    """
    bare, packed = read_content(plain), read_content(stream)
    like = streams.find(name, bare, packed)
    if like is None or max(size_of(like.plain), len(bare)) > MAX_SHAPED_BYTES:
        return None
    old = read_content(like.stream)
    read = shape_work(len(old), size_of(like.plain))
    if max(read, shape_work(len(packed), len(bare))) > MAX_SHAPE_RATIO * len(packed) + SHORT_BYTES:
        return None
    try:
        with create_buffered(spill) as file, opened(like.plain) as old_plain:
            new = _save(shape_of(MemoryObject(packed), MemoryObject(bare)), file, spill)
            base = _save(shape_of(MemoryObject(old), old_plain), file, spill)
    except NoShape:
        return None
    likeness = streams.likeness(new, base)
    if likeness is not None and likeness < LEAST_LIKENESS:
        return None
    is_sure = likeness is not None and likeness >= SURE_LIKENESS
    return Shapes(like.number, new, new.size, base, base.size, read, is_sure)


def _save(chunks: Iterator[bytes], file: BinaryIO, spill: Path) -> Slice:
    start = file.tell()
    for chunk in chunks:
        file.write(chunk)
    return Slice(spill, start, file.tell() - start)
