"""Finding the deflate streams of an archive: the rules `zip` and `gzip` of spec/format.md, section 9 [F-46].

Both sides run these rules over a base's archives, so they are part of the format. They never fail, whatever the bytes
are: at worst they find nothing. A stream counts if it inflates to exactly the size that the archive declares and
ends where declared.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

MAX_RATIO = 1040  # deflate cannot expand beyond 1032 times
CHUNK_BYTES = 256 * 1024
ZIP64_COUNT = 0xFFFF  # says that the true count stands elsewhere

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_DEFLATED = 8
_ENCRYPTED = 1


@dataclass(frozen=True)
class DeflateStream:
    """A raw deflate stream within an archive: its range, plain size, a name (for matching only), and the
    CRC-32 of its plain bytes."""

    offset: int
    length: int
    size: int
    name: str
    crc: int = 0


def find_streams(data: bytes | memoryview) -> list[DeflateStream]:
    """The streams of an archive in the order of their offsets, none overlapping. Empty if it is no archive."""
    view = memoryview(data)
    if bytes(view[:2]) == b"\x1f\x8b":
        declared = list(_gzip_stream(view))
    elif bytes(view[:2]) == b"PK":
        declared = sorted(_zip_streams(view), key=lambda stream: stream.offset)
    else:
        return []
    found, end = [], 0
    for stream in declared:
        if stream.offset >= end:
            end = stream.offset + stream.length  # though it may not count: no byte is inflated twice
            crc = _inflated(view, stream)
            found += [] if crc is None else [replace(stream, crc=crc)]
    return found


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


def _inflated(view: memoryview, stream: DeflateStream) -> int | None:
    """The CRC-32 of a stream's plain bytes. None if it does not inflate to just what is declared."""
    inflater = zlib.decompressobj(-15)
    rest: bytes | memoryview = view[stream.offset : stream.offset + stream.length]
    produced = crc = 0
    try:
        while not inflater.eof:
            plain = inflater.decompress(rest, CHUNK_BYTES)
            produced += len(plain)
            crc = zlib.crc32(plain, crc)
            rest = inflater.unconsumed_tail
            if produced > stream.size or (not plain and not rest):
                return None
    except zlib.error:
        return None
    whole = produced == stream.size and not inflater.unused_data and not inflater.unconsumed_tail
    return crc if whole else None


def _zip_streams(view: memoryview) -> Iterator[DeflateStream]:
    """Deflated members by the central directory. The search ends at zip64 and at anything irregular."""
    tail = bytes(view[-65557:])
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return
    _, _, _, _, count, size, start, comment = _END.unpack_from(tail, at)
    end = len(view) - len(tail) + at
    if at + _END.size + comment != len(tail) or start + size > end or count == ZIP64_COUNT:
        return
    position = start
    for _ in range(count):
        if position + _CENTRAL.size > start + size:
            return
        (magic, _, _, flags, method, _, _, _, packed, plain, name, extra, note, _, _, _, local) = _CENTRAL.unpack_from(
            view, position
        )
        if magic != b"PK\x01\x02":
            return
        label = bytes(view[position + _CENTRAL.size : position + _CENTRAL.size + name]).decode("utf-8", "replace")
        position += _CENTRAL.size + name + extra + note
        if method == _DEFLATED and not flags & _ENCRYPTED and 0 < plain <= packed * MAX_RATIO:
            offset = _data_offset(view, local)
            if offset is not None and offset + packed <= start:
                yield DeflateStream(offset, packed, plain, label)


def _data_offset(view: memoryview, local: int) -> int | None:
    if local + _LOCAL.size > len(view):
        return None
    magic, *_, name, extra = _LOCAL.unpack_from(view, local)
    return local + _LOCAL.size + name + extra if magic == b"PK\x03\x04" else None


def _gzip_stream(view: memoryview) -> Iterator[DeflateStream]:
    """The one stream of a gzip file (RFC 1952) with a single member."""
    if len(view) < 18 or view[2] != _DEFLATED or view[3] & 0xE0:
        return
    flags, at = view[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(view[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = bytes(view[at:]).find(0)
            if end < 0:
                return
            at += end + 1
    at += 2 if flags & 2 else 0
    length = len(view) - 8 - at
    size = int.from_bytes(view[-4:], "little")
    if length > 0 and 0 < size <= length * MAX_RATIO:
        yield DeflateStream(at, length, size, "content")
