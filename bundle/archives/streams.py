"""Finding the deflate streams of an archive: the rules `zip` and `gzip` of spec/format.md, section 9 [F-46].

Both sides run these rules over a base's archives, so they are part of the format: they never fail, whatever the
bytes; at worst they find nothing. A stream counts if it inflates to exactly the size that the archive declares and
ends where declared. Work is bounded: by the archive's size, and by what its members declare together.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from bundle.objects import CHUNK_BYTES, Readable, Window, read_all

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
MAX_PLAIN_BYTES = 1024 * 1024 * 1024  # of all streams of one archive
MAX_RATIO = 1040  # deflate cannot expand beyond 1032 times

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_BYTES = _END.size + 0xFFFF
_GZIP_HEADER_BYTES = 10 + 2 + 0xFFFF + 2 * 0x10000 + 2
_DEFLATED = 8
_ENCRYPTED = 1


@dataclass(frozen=True)
class DeflateStream:
    """A raw deflate stream within an archive: its range, plain size, and a name (for matching only)."""

    offset: int
    length: int
    size: int
    name: str


def find_streams(archive: Readable) -> list[DeflateStream]:
    """The streams of an archive in the order of their offsets, none overlapping; empty if it is no archive.

    Raises BaseMismatch if it cannot be read.
    """
    found: list[DeflateStream] = []
    end = declared = 0
    for stream in _declared(archive):
        declared += stream.size
        if declared > MAX_PLAIN_BYTES:
            break
        if stream.offset >= end and _inflates(archive, stream):
            found.append(stream)
            end = stream.offset + stream.length
    return found


def inflate(archive: Readable, stream: DeflateStream) -> Iterator[bytes]:
    """The plain bytes of a stream, in bounded chunks.

    Raises zlib.error unless it makes its size and ends where it should; one that `find_streams` found does.
    """
    inflater = zlib.decompressobj(-15)
    missing, unread = stream.size, stream.length
    for chunk in read_all(Window(archive, stream.offset, stream.length)):
        unread -= len(chunk)
        rest = chunk
        while plain := inflater.decompress(rest, min(CHUNK_BYTES, missing + 1)):
            rest = inflater.unconsumed_tail
            missing -= len(plain)
            if missing < 0:
                break
            yield plain
        if missing < 0 or inflater.eof:
            break
    if missing or unread or not inflater.eof or inflater.unused_data:
        raise zlib.error("not the declared stream")


def _inflates(archive: Readable, stream: DeflateStream) -> bool:
    try:
        for _ in inflate(archive, stream):
            pass
    except zlib.error:
        return False
    return True


def _declared(archive: Readable) -> list[DeflateStream]:
    """What an archive says of its streams, in the order of their offsets."""
    signature = archive.read_at(0, min(2, archive.size))
    if archive.size > MAX_ARCHIVE_BYTES:
        return []
    if signature == b"\x1f\x8b":
        return list(_gzip_stream(archive))
    return sorted(_zip_streams(archive), key=lambda stream: stream.offset) if signature == b"PK" else []


def _zip_streams(archive: Readable) -> Iterator[DeflateStream]:
    """Deflated members by the central directory; anything irregular in it ends the search."""
    directory, start = _zip_directory(archive)
    position = 0
    while position + _CENTRAL.size <= len(directory):
        magic, _, _, flags, method, _, _, _, packed, plain, name, extra, note, _, _, _, local = _CENTRAL.unpack_from(
            directory, position
        )
        if magic != b"PK\x01\x02":
            return
        position += _CENTRAL.size
        label = directory[position : position + name].decode("utf-8", "replace")
        position += name + extra + note
        if method == _DEFLATED and not flags & _ENCRYPTED and packed > 0 and plain <= packed * MAX_RATIO:
            offset = _data_offset(archive, local)
            if offset is not None and offset + packed <= start:
                yield DeflateStream(offset, packed, plain, label)


def _zip_directory(archive: Readable) -> tuple[bytes, int]:
    """(central directory, its offset); empty if there is none that can be used."""
    length = min(_END_BYTES, archive.size)
    tail = archive.read_at(archive.size - length, length)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return b"", 0
    *_, size, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail) or start + size > archive.size or size > MAX_DIRECTORY_BYTES:
        return b"", 0
    return archive.read_at(start, size), start


def _data_offset(archive: Readable, local: int) -> int | None:
    if local + _LOCAL.size > archive.size:
        return None
    magic, *_, name, extra = _LOCAL.unpack(archive.read_at(local, _LOCAL.size))
    return local + _LOCAL.size + name + extra if magic == b"PK\x03\x04" else None


def _gzip_stream(archive: Readable) -> Iterator[DeflateStream]:
    """The one stream of a gzip file (RFC 1952) with a single member."""
    head = archive.read_at(0, min(_GZIP_HEADER_BYTES, archive.size))
    if len(head) < 18 or head[2] != _DEFLATED or head[3] & 0xE0:
        return
    flags, at = head[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = head.find(0, at, at + 0x10000)
            if end < 0:
                return
            at = end + 1
    at += 2 if flags & 2 else 0
    length = archive.size - 8 - at
    size = int.from_bytes(archive.read_at(archive.size - 4, 4), "little")
    if length > 0 and size <= length * MAX_RATIO:
        yield DeflateStream(at, length, size, "content")
