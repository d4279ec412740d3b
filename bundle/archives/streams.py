"""Finding the packed streams of an archive: the search of spec/format.md, section 9 [F-46].

Both sides search a base's archives, so the search is part of the format. It asks for no container: a stream is told by
the head before it, and by the checksum of the plain bytes that its container keeps, or the stream itself. So it makes
no difference what lies around it: a program before a zip, a zip stored in another, a tar of packages, several gzip
members in a row.

The archive is read forward in bounded windows, whatever its size. The search is bounded [F-77], and it never fails,
whatever the bytes are: at worst it finds nothing.
"""

import re
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bundle.archives.codings import Coding, Undecodable
from bundle.archives.forward import Forward
from bundle.archives.stretches import IDAT, MAX_CUTS, Chunks, Cut, Cuts, Layout, Straight, joined
from bundle.archives.xz_streams import MAGIC, Structure, Unsound
from bundle.format.objects import Readable

MAX_RATIO: Final = 1040  # deflate cannot expand beyond 1032 times; other streams that do are left as they are
MAX_STREAMS: Final = 500_000  # of one archive
MAX_TEXT_BYTES: Final = 65_536  # of a name or comment of gzip, with its end
# Heads without a stream behind them cost time: so many steps in any case, and one for so many bytes of the archive.
STEP_BYTES: Final = 65_536
FREE_STEPS: Final = 1024
BYTES_A_STEP: Final = 16_384
_FIRST_BYTES: Final = 4096  # most streams are short

LOCAL: Final = b"PK\x03\x04"
DESCRIPTOR: Final = b"PK\x07\x08"
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_DEFLATED: Final = 8
_ENCRYPTED: Final = 1
FOLLOWED: Final = 8  # flag: the data is followed by its checksum and sizes, which are 0 in the local header
_GZIP_BYTES: Final = 10
_GZIP: Final = b"\x1f\x8b\x08"
_LEVELS: Final = b"\0\2\4"  # RFC 1952, XFL: how hard the encoder tried
_SYSTEMS: Final = bytes([*range(14), 255])  # RFC 1952, OS
_PDF: Final = b"%PDF"
_ZLIB_KINDS: Final = (_PDF, IDAT)
_BZIP2: Final = b"1AY&SY"  # the first block: the four bytes before it are BZh and the level
_BZIP2_LEVELS: Final = tuple(b"%d" % level for level in range(1, 10))
_BEHIND_BYTES: Final = 8
_PDF_STREAM: Final = re.compile(rb"stream\r?\nx[\x01\x5e\x9c\xda]")
_PNG_HEAD: Final = 10  # of a chunk: length, type, and the head of a zlib stream
_BEFORE: Final = {IDAT: 4, _BZIP2: 4}  # bytes of the head before what it is told by
LONGEST_HEAD: Final = 10  # bytes by which a head is told

_EVERYWHERE: Final = (LOCAL, _GZIP, IDAT, _BZIP2, MAGIC)  # a head of these may stand in any file
LONGEST_TOLD: Final = max(map(len, _EVERYWHERE))

Watcher = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class PackedStream:
    """A stream within an archive: its place, length and plain size, a name (for matching only), the CRC-32 of its plain
    bytes, where it is interrupted, and its coding."""

    offset: int
    length: int
    size: int
    name: str
    crc: int = 0
    cuts: Sequence[Cut] = ()
    coding: Coding = Coding.DEFLATE


class StreamTable:
    """The streams of an archive in the order of their offsets, in columns: an archive may have very many."""

    def __init__(self) -> None:
        self.offsets, self.lengths, self.sizes = array("Q"), array("Q"), array("Q")
        self.crcs = array("I")
        self.codings = array("B")
        self.cuts = Cuts()

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, stream: PackedStream) -> None:
        """Adds the next stream."""
        for length, gap in stream.cuts:
            self.cuts.add(len(self), length, gap)
        self.offsets.append(stream.offset)
        self.lengths.append(stream.length)
        self.sizes.append(stream.size)
        self.crcs.append(stream.crc)
        self.codings.append(stream.coding)

    def stream(self, archive: Readable, number: int) -> Readable:
        """A stream as it stands in the archive, without what stands between its stretches."""
        return joined(archive, self.offsets[number], self.lengths[number], self.cuts.of(number))

    def gaps(self) -> Iterator[int]:
        """How many bytes of the archive stand before each stream, counted from the end of the stream before."""
        end = cut = 0
        for number, (offset, length) in enumerate(zip(self.offsets, self.lengths, strict=True)):
            yield offset - end
            end = offset + length
            while cut < len(self.cuts) and self.cuts.streams[cut] == number:
                end += self.cuts.gaps[cut]
                cut += 1

    def layout(self) -> Layout:
        """Where the streams stand in the archive's rest."""
        return Layout(self.gaps(), self.cuts)


@dataclass(frozen=True)
class _Head:
    """What stands before a stream. `crc`: of the plain bytes, if the head says it; else it follows the stream.

    `chunk_bytes`: of an IDAT chunk, from the stream on.
    """

    kind: bytes
    data: int
    name: str = ""
    crc: int | None = None
    chunk_bytes: int = 0
    coding: Coding = Coding.DEFLATE


@dataclass(frozen=True)
class _Unpacked:
    """What came of a stream. `steps`: what it cost to find that out.

    `length`: of the stream, None if it is none. `behind`: up to 8 bytes that follow it.
    """

    length: int | None
    behind: bytes
    cuts: list[Cut]
    size: int
    crc: int
    adler: int
    steps: int


class Search:
    """One search through an archive. `watch` gives, for each head, what is to see the plain bytes behind it."""

    def __init__(self, archive: Readable, watch: Callable[[], Watcher] | None = None) -> None:
        self._archive = archive
        self._watch = watch
        self.ended_at: int | None = None  # where the search was given up

    def streams(self) -> Iterator[PackedStream]:
        """The streams in the order of their offsets, none overlapping. None if it is no archive."""
        heads = _Heads(self._archive)
        at = count = cuts = 0
        left = FREE_STEPS + self._archive.size // BYTES_A_STEP
        while hit := heads.next(at):
            kind, start = hit
            if left <= 0 or count == MAX_STREAMS:
                self.ended_at = start
                return
            at = start + 1
            head = heads.read(kind, start)
            if head is None:
                continue
            made = _unpack_all(self._archive, head, MAX_CUTS - cuts, self._watch() if self._watch else None)
            if made.length is None or not _is_proven(head, made):
                left -= made.steps
                continue
            at = head.data + made.length + sum(gap for _, gap in made.cuts)
            if made.size:
                count += 1
                cuts += len(made.cuts)
                name = head.name or f"stream {count - 1}"
                yield PackedStream(head.data, made.length, made.size, name, made.crc, made.cuts, head.coding)


def find_streams(archive: Readable) -> list[PackedStream]:
    """All streams of an archive."""
    return list(Search(archive).streams())


def has_heads(chunk: bytes) -> bool:
    """Whether the head of a stream may stand in these bytes. PDF files are told by their first bytes."""
    return any(kind in chunk for kind in _EVERYWHERE)


class _Heads:
    """The next head from a place on."""

    def __init__(self, archive: Readable) -> None:
        self._view = Forward(archive)
        self._size = archive.size
        self._kinds = _EVERYWHERE + ((_PDF,) if self._view.get(0, 4) == _PDF else ())
        self._next: dict[bytes, int] = {}  # kind -> its next head in this window
        self._window = -1

    def next(self, at: int) -> tuple[bytes, int] | None:
        """(kind, offset) of the first head that begins at `at` or behind it."""
        while at < self._size:
            start, data = self._view.window(at, LONGEST_HEAD)
            if start != self._window:
                self._window, self._next = start, {}
            found, kind = min((self._position(kind, data, at - start), kind) for kind in self._kinds)
            # A head that reaches beyond the window is found in the next one.
            limit = self._view.next_start(LONGEST_HEAD)
            if start + found < limit:
                return kind, start + found
            at = limit
        return None

    def _position(self, kind: bytes, data: bytes, at: int) -> int:
        if self._next.get(kind, -1) < at:
            if kind == _PDF:
                hit = _PDF_STREAM.search(data, at)
                found = hit.start() if hit else -1
            else:
                before = _BEFORE.get(kind, 0)
                found = data.find(kind, at + before) - before
            self._next[kind] = found if found >= 0 else len(data)
        return self._next[kind]

    def read(self, kind: bytes, start: int) -> _Head | None:
        """The head of that kind that begins there. None if it is none after all."""
        if kind == LOCAL:
            return self._local(start)
        if kind == _GZIP:
            return self._gzip(start)
        if kind == IDAT:
            return self._png(start)
        if kind == _BZIP2:
            return self._bzip2(start)
        if kind == MAGIC:
            return _Head(MAGIC, start, coding=Coding.XZ)
        return _Head(_PDF, start + (9 if self._view.get(start + 6, 1) == b"\n" else 10))

    def _bzip2(self, start: int) -> _Head | None:
        fixed = self._view.get(start, 4)
        return _Head(_BZIP2, start, coding=Coding.BZIP2) if fixed[:3] == b"BZh" and fixed[3:] in _BZIP2_LEVELS else None

    def _local(self, at: int) -> _Head | None:
        """The local header of a deflated member of a zip file."""
        fixed = self._view.get(at, _LOCAL.size)
        if len(fixed) < _LOCAL.size:
            return None
        _, _, flags, method, _, _, crc, _, _, name, extra = _LOCAL.unpack(fixed)
        if method != _DEFLATED or flags & _ENCRYPTED:
            return None
        label = self._view.get(at + _LOCAL.size, name).decode("utf-8", "replace")
        return _Head(LOCAL, at + _LOCAL.size + name + extra, label, None if flags & FOLLOWED else crc)

    def _gzip(self, start: int) -> _Head | None:
        """The head of a gzip member (RFC 1952)."""
        at = start + _GZIP_BYTES
        fixed = self._view.get(start, _GZIP_BYTES)
        if len(fixed) < _GZIP_BYTES or fixed[3] & 0xE0 or fixed[8] not in _LEVELS or fixed[9] not in _SYSTEMS:
            return None
        flags = fixed[3]
        if flags & 4:
            at += 2 + int.from_bytes(self._view.get(at, 2), "little")
        for flag in (8, 16):
            if flags & flag:
                end = self._view.get(at, MAX_TEXT_BYTES).find(0)
                if end < 0:
                    return None
                at += end + 1
        return _Head(_GZIP, at + (2 if flags & 2 else 0))

    def _png(self, at: int) -> _Head | None:
        """An IDAT chunk with the head of a zlib stream (RFC 1950)."""
        fixed = self._view.get(at, _PNG_HEAD)
        if len(fixed) < _PNG_HEAD:
            return None
        left = int.from_bytes(fixed[:4], "big") - 2
        is_zlib = fixed[8] & 0x8F == _DEFLATED and not fixed[9] & 0x20 and int.from_bytes(fixed[8:], "big") % 31 == 0
        data = at + _PNG_HEAD
        return _Head(IDAT, data, chunk_bytes=left) if is_zlib and 0 < left <= self._size - data else None


def _unpack_all(archive: Readable, head: _Head, most_cuts: int, watcher: Watcher | None) -> _Unpacked:
    """The stream behind a head, up to its end."""
    if head.coding != Coding.XZ:
        return _unpack(archive, head, most_cuts, watcher)
    try:
        structure = Structure(archive, head.data)
    except Unsound as error:
        return _nothing(error.at)
    if structure.size > MAX_RATIO * structure.length:
        return _nothing(structure.length)
    made = _unpack(archive, head, most_cuts, watcher)
    return made if made.length == structure.length else _nothing(structure.length)


def _nothing(seen_bytes: int) -> _Unpacked:
    return _Unpacked(None, b"", [], 0, 0, 1, max(1, -(-seen_bytes // STEP_BYTES)))


def _unpack(archive: Readable, head: _Head, most_cuts: int, watcher: Watcher | None) -> _Unpacked:
    unpacker = head.coding.unpacker()
    is_png = head.kind == IDAT
    source = Chunks(archive, head.data, head.chunk_bytes, most_cuts) if is_png else Straight(archive, head.data)
    size, crc, adler = 0, 0, 1
    behind, length = b"", None
    step, portions = _FIRST_BYTES, 0
    with suppress(Undecodable):
        while not unpacker.is_over and (packed := source.read(step)):
            portions = -(-(unpacker.fed + len(packed)) // STEP_BYTES)
            step = portions * STEP_BYTES - unpacker.fed - len(packed) or STEP_BYTES
            for plain in unpacker.feed(packed):
                size += len(plain)
                if head.coding == Coding.BZIP2 and size > MAX_RATIO * STEP_BYTES * portions:
                    raise Undecodable("it unpacks to too much")
                crc = zlib.crc32(plain, crc)
                if head.kind in _ZLIB_KINDS:
                    adler = zlib.adler32(plain, adler)
                if watcher:
                    watcher(plain)
        if unpacker.is_over and size <= (unpacker.fed - len(unpacker.behind)) * MAX_RATIO:
            length = unpacker.fed - len(unpacker.behind)
            behind = unpacker.behind[:_BEHIND_BYTES]
            behind += source.read(_BEHIND_BYTES - len(behind))
    cuts = source.cuts_before(length or 0)
    return _Unpacked(length, behind, cuts, size, crc, adler, max(1, portions))


def _is_proven(head: _Head, made: _Unpacked) -> bool:
    """Whether the container has the checksum of what was unpacked. A stream of bzip2 or xz verified its own."""
    if head.coding != Coding.DEFLATE:
        return True
    if head.kind == _GZIP:
        return made.behind == struct.pack("<2L", made.crc, made.size & 0xFFFFFFFF)
    if head.kind in _ZLIB_KINDS:
        return made.behind[:4] == struct.pack(">L", made.adler)
    if head.crc is not None:
        return head.crc == made.crc
    return made.behind.removeprefix(DESCRIPTOR)[:4] == struct.pack("<L", made.crc)
