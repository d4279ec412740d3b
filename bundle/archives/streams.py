"""Finding the deflate streams of an archive: the search of spec/format.md, section 9 [F-46].

Both sides search a base's archives, so the search is part of the format. It asks for no container: a stream is told by
the head before it, and by the checksum that its container keeps of the plain bytes. So it makes no difference what lies
around it: a program before a zip, a zip stored in another, a tar of packages, several gzip members in a row.

The search never fails, whatever the bytes are: at worst it finds nothing.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_RATIO: Final = 1040  # deflate cannot expand beyond 1032 times
MAX_FAILURES: Final = 64  # heads without a stream behind them; each may cost inflating all that is left
CHUNK_BYTES: Final = 256 * 1024
MAX_TEXT_BYTES: Final = 65_536  # of a name or comment of gzip, with its end

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
_PDF_STREAM: Final = re.compile(rb"stream\r?\nx[\x01\x5e\x9c\xda]")


@dataclass(frozen=True)
class DeflateStream:
    """A raw deflate stream within an archive: its range, plain size, a name (for matching only), and the
    CRC-32 of its plain bytes."""

    offset: int
    length: int
    size: int
    name: str
    crc: int = 0


@dataclass(frozen=True)
class _Head:
    """What stands before a stream. `crc`: of the plain bytes, if the head says it; else it follows the stream."""

    kind: bytes
    data: int
    name: str = ""
    crc: int | None = None


@dataclass(frozen=True)
class _Inflated:
    """What a stream gave: where it ends, how many bytes, and their checksums."""

    end: int
    size: int
    crc: int
    adler: int


def find_streams(data: bytes) -> list[DeflateStream]:
    """The streams of an archive in the order of their offsets, none overlapping. Empty if it is no archive."""
    view, at, failures = memoryview(data), 0, 0
    found: list[DeflateStream] = []
    heads = _Heads(data)
    while failures < MAX_FAILURES and (hit := heads.next(at)):
        kind, start = hit
        at = start + 1
        head = _read_head(data, kind, start)
        if head is None:
            continue
        made = _inflate_all(view, head.data)
        if made is None or not _is_proven(view, head, made):
            failures += 1
            continue
        if made.size:
            name = head.name or f"stream {len(found)}"
            found.append(DeflateStream(head.data, made.end - head.data, made.size, name, made.crc))
        at = made.end
    return found


def has_heads(chunk: bytes) -> bool:
    """Whether the head of a stream may stand in these bytes. PDF files are told by their first bytes."""
    return LOCAL in chunk or _GZIP in chunk


class _Heads:
    """The next head from a place on; each kind is looked for once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next: dict[bytes, int] = {LOCAL: -1, _GZIP: -1} | ({_PDF: -1} if data.startswith(_PDF) else {})

    def next(self, at: int) -> tuple[bytes, int] | None:
        """(kind, offset) of the first head that begins at `at` or behind it."""
        for kind, found in self._next.items():
            if found < at:
                self._next[kind] = self._find(kind, at)
        kind, start = min(self._next.items(), key=lambda item: item[1])
        return (kind, start) if start < len(self._data) else None

    def _find(self, kind: bytes, at: int) -> int:
        if kind == _PDF:
            hit = _PDF_STREAM.search(self._data, at)
            return hit.start() if hit else len(self._data)
        start = self._data.find(kind, at)
        return start if start >= 0 else len(self._data)


def inflate(view: memoryview, stream: DeflateStream) -> Iterator[bytes]:
    """The plain bytes of a stream that `find_streams` found, in bounded chunks."""
    inflater = zlib.decompressobj(-15)
    rest: bytes | memoryview = view[stream.offset : stream.offset + stream.length]
    while not inflater.eof:
        plain = inflater.decompress(rest, CHUNK_BYTES)
        rest = inflater.unconsumed_tail
        if not plain and not rest:
            break
        yield plain


def _read_head(data: bytes, kind: bytes, start: int) -> _Head | None:
    if kind == LOCAL:
        return _read_local(data, start)
    if kind == _GZIP:
        return _read_gzip(data, start)
    return _Head(_PDF, data.index(b"\nx", start) + 3)


def _read_local(data: bytes, at: int) -> _Head | None:
    """The local header of a deflated member of a zip file."""
    if at + _LOCAL.size > len(data):
        return None
    _, _, flags, method, _, _, crc, _, _, name, extra = _LOCAL.unpack_from(data, at)
    if method != _DEFLATED or flags & _ENCRYPTED:
        return None
    label = data[at + _LOCAL.size : at + _LOCAL.size + name].decode("utf-8", "replace")
    return _Head(LOCAL, at + _LOCAL.size + name + extra, label, None if flags & FOLLOWED else crc)


def _read_gzip(data: bytes, start: int) -> _Head | None:
    """The head of a gzip member (RFC 1952)."""
    at = start + _GZIP_BYTES
    if at > len(data) or data[start + 3] & 0xE0 or data[start + 8] not in _LEVELS or data[start + 9] not in _SYSTEMS:
        return None
    flags = data[start + 3]
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = data.find(0, at, at + MAX_TEXT_BYTES)
            if end < 0:
                return None
            at = end + 1
    return _Head(_GZIP, at + (2 if flags & 2 else 0))


def _inflate_all(view: memoryview, at: int) -> _Inflated | None:
    """The stream that begins there, up to its end; None if it has none."""
    inflater = zlib.decompressobj(-15)
    size, crc, adler, fed = 0, 0, 1, at
    rest: bytes | memoryview = b""
    try:
        while not inflater.eof:
            if not rest:
                rest = view[fed : fed + CHUNK_BYTES]
                fed += len(rest)
                if not rest:
                    return None
            plain = inflater.decompress(rest, CHUNK_BYTES)
            rest = inflater.unconsumed_tail
            size += len(plain)
            crc, adler = zlib.crc32(plain, crc), zlib.adler32(plain, adler)
    except zlib.error:
        return None
    end = fed - len(inflater.unused_data)
    return _Inflated(end, size, crc, adler) if size <= (end - at) * MAX_RATIO else None


def _is_proven(view: memoryview, head: _Head, made: _Inflated) -> bool:
    """Whether the container has the checksum of what was inflated."""
    behind = bytes(view[made.end : made.end + 8])
    if head.kind == _GZIP:
        return behind == struct.pack("<2L", made.crc, made.size & 0xFFFFFFFF)
    if head.kind == _PDF:
        return behind[:4] == struct.pack(">L", made.adler)
    if head.crc is not None:
        return head.crc == made.crc
    return behind.removeprefix(DESCRIPTOR)[:4] == struct.pack("<L", made.crc)
