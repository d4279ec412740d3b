"""Opening archives while a bundle is built: what is in them, and which engine gives each member back.

Runs in worker processes. A base's archive is opened by the rule alone. A target's archive is opened only as far as it
can be made again bit for bit: members that no engine reproduces stay compressed in the skeleton.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

from bundle.archives.deflate_blocks import NoShape
from bundle.archives.deflate_shape import shape_of, shape_work
from bundle.archives.engines import COMMON_FEATURES, ENGINE_FEATURES, find_engine
from bundle.archives.opened import MAX_ARCHIVE_BYTES
from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import MAX_RATIO, DeflateStream, find_streams, has_heads, inflate
from bundle.format.contents import Content, Slice, opened, part_of, read_content, size_of
from bundle.format.index import SHAPED, UNCHANGED
from bundle.format.objects import MemoryObject
from bundle.host.files import create_buffered

MAX_DEPTH = 3
READ_BYTES = 1024 * 1024
OVERLAP_BYTES = 3  # a head may lie across two reads
PDF, EXECUTABLES = b"%PDF", (b"MZ", b"\x7fELF")
# Of a target's bytes, what streams that can be made again must be at least. Opened, a program is no image any more, and
# its references are not rebased.
LEAST_SHARE, LEAST_SHARE_OF_PROGRAM = 1 / 16, 1 / 2
DEFAULT_ENGINE = 6
MAX_NESTED_RATIO = (
    MAX_RATIO // 2 - 4
)  # of all plain bytes to the outermost archive, so that [F-65] holds with skeletons
MAX_SHAPE_RATIO = 4  # a stream of the base to the one whose shape is a patch of its shape: to read it takes time
SHORT_BYTES = 64 * 1024  # a stream that is read in no time
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
    """What stands in for an engine [F-73]: the stream of the base, and the two shapes, None if the streams are equal.

    `size` and `base_size` in bytes of the shapes, `read_bytes`: what counts for reading the base's [F-72]. `is_sure`:
    they are so alike that nothing else can be smaller.
    """

    number: int
    content: Content | None = None
    size: int = 0
    base: Content = b""
    base_size: int = 0
    read_bytes: int = 0
    is_sure: bool = True


@dataclass(frozen=True)
class Member:
    """One member: its name for matching, its plain bytes and their hash, its engine (0 in a base), its own members.

    `stream`: in a base, the deflate stream itself. `shapes`: in a target, if no engine gives it back.
    """

    name: str
    content: Content
    size: int
    hash: bytes
    engine: int
    opening: "Opening | None"
    stream: Content = b""
    shapes: Shapes | None = None


@dataclass(frozen=True)
class Opening:
    """An opened archive. If some members need shapes, `without` is the same with these left in the skeleton.

    It is None there if nothing else is in it. Which way is smaller turns out once both are encoded.
    """

    skeleton: bytes
    members: tuple[Member, ...]
    without: "Opening | None" = None

    @property
    def has_shapes(self) -> bool:
        """Whether members need shapes. Those of archives within this one are not meant."""
        return any(member.shapes for member in self.members)

    @property
    def is_sure(self) -> bool:
        """Whether no other way can be smaller."""
        return all(member.shapes.is_sure for member in self.members if member.shapes)


class Counterparts(Protocol):
    """Streams of the base that those of one archive may be like."""

    def find(self, name: str, plain: bytes, stream: bytes) -> BaseStream | None:
        """The stream that is equal, or else of the member that is most like this one."""

    def likeness(self, new: Content, old: Content) -> float | None:
        """The share of content that one has of the other, from 0 to 1. None if it is too short to tell."""


def may_hold_streams(content: Content) -> bool:
    """Whether the head of a stream stands in it anywhere. Raises InputError if it cannot be read."""
    with opened(content) as source:
        if source.size > MAX_ARCHIVE_BYTES:
            return False
        if source.read_at(0, min(4, source.size)) == PDF:
            return True
        return any(
            has_heads(source.read_at(at, min(READ_BYTES + OVERLAP_BYTES, source.size - at)))
            for at in range(0, source.size, READ_BYTES)
        )


def open_for_base(content: Content, spill: Path) -> Opening | None:
    """A base's archive as the reader will open it; None if it is no archive. Plain bytes go to the file `spill`."""
    return _open_into(content, spill, None, None)


def open_for_target(content: Content, spill: Path, counterparts: Counterparts | None = None) -> Opening | None:
    """A target's archive with the members that an engine reproduces, or a shape. None if there is none."""
    return _open_into(content, spill, ENGINE_FEATURES, counterparts)


def open_for_everyone(content: Content, spill: Path, _: Counterparts | None = None) -> Opening | None:
    """The same, with engines only that every ship may be expected to have."""
    return _open_into(content, spill, COMMON_FEATURES, None)


def _open_into(
    content: Content, spill: Path, features: frozenset[str] | None, counterparts: Counterparts | None
) -> Opening | None:
    """`features`: those of the engines that may be used. With None, no engine is looked for."""
    data = read_content(content)
    with create_buffered(spill) as file:
        return _Opener(spill, file, features, counterparts, MAX_NESTED_RATIO * len(data)).open(data, content)


class _Opener:
    """Opens one archive and those within it, and saves what they give."""

    def __init__(
        self,
        spill: Path,
        file: BinaryIO,
        features: frozenset[str] | None,
        counterparts: Counterparts | None,
        most_bytes: int,
    ) -> None:
        """`most_bytes`: what shapes and archives within the first one may add, with the plain bytes of that one."""
        self._spill, self._file = spill, file
        self._features = features
        self._counterparts = counterparts
        self._left = most_bytes

    def open(self, data: bytes, source: Content, path: str = "", depth: int = 1) -> Opening | None:
        """`path`: the names of the members that the archive is within. `source` has the bytes of `data`."""
        if len(data) > MAX_ARCHIVE_BYTES:
            return None
        view = memoryview(data)
        taken: list[tuple[DeflateStream, Member]] = []
        engine = DEFAULT_ENGINE
        streams = find_streams(data)
        plain_bytes = sum(stream.size for stream in streams)
        if depth > 1 and plain_bytes > self._left:
            return None
        self._left -= plain_bytes
        for stream in streams:
            plain = b"".join(inflate(view, stream))
            packed = data[stream.offset : stream.offset + stream.length]
            found = 0 if self._features is None else find_engine(plain, packed, engine, self._features)
            name = f"{path}{stream.name}"
            shapes = self._shapes(name, plain, packed) if found is None else None
            if found is None and not shapes:
                continue
            if found is None:
                found = UNCHANGED if shapes and shapes.content is None else SHAPED
            else:
                engine = found
            content = self._save(iter([plain]))
            inner = self.open(plain, content, f"{name}!", depth + 1) if depth < MAX_DEPTH else None
            own = part_of(source, stream.offset, stream.length) if self._features is None else b""
            digest = sha256(plain).digest()
            taken.append((stream, Member(stream.name, content, len(plain), digest, found, inner, own, shapes)))
        return self._opening(view, taken)

    def _opening(self, view: memoryview, taken: list[tuple[DeflateStream, Member]]) -> Opening | None:
        """None if too little of it can be taken out."""
        share = LEAST_SHARE_OF_PROGRAM if bytes(view[:4]).startswith(EXECUTABLES) else LEAST_SHARE
        if not taken or (self._features is not None and sum(stream.length for stream, _ in taken) < share * len(view)):
            return None
        without = [(stream, member) for stream, member in taken if not member.shapes]
        return Opening(
            make_skeleton(view, [stream for stream, _ in taken]),
            tuple(member for _, member in taken),
            self._opening(view, without) if len(without) < len(taken) else None,
        )

    def _shapes(self, name: str, plain: bytes, packed: bytes) -> Shapes | None:
        """What stands in for an engine. None if the base has no such stream, or one of the two has no shape."""
        like = self._counterparts.find(name, plain, packed) if self._counterparts else None
        if like is None:
            return None
        old = read_content(like.stream)
        if old == packed:
            return Shapes(like.number)
        read = shape_work(len(old), size_of(like.plain))
        if max(read, shape_work(len(packed), len(plain))) > MAX_SHAPE_RATIO * len(packed) + SHORT_BYTES:
            return None
        try:
            new = self._save(shape_of(MemoryObject(packed), MemoryObject(plain)))
            with opened(like.plain) as old_plain:
                base = self._save(shape_of(MemoryObject(old), old_plain))
        except NoShape:
            return None
        self._file.flush()  # for the comparison, which opens the file anew
        likeness = self._counterparts.likeness(new, base) if self._counterparts else None
        if new.size + base.size > self._left or (likeness is not None and likeness < LEAST_LIKENESS):
            return None
        self._left -= new.size + base.size
        is_sure = likeness is not None and likeness >= SURE_LIKENESS
        return Shapes(like.number, new, new.size, base, base.size, read, is_sure)

    def _save(self, chunks: Iterator[bytes]) -> Slice:
        start = self._file.seek(0, 2)
        for chunk in chunks:
            self._file.write(chunk)
        return Slice(self._spill, start, self._file.tell() - start)
