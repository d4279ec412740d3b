"""Codings of streams for the second reader, and the engines that it has: zlib, bzip2 and xz [F-45] [F-75]."""

import bz2
import functools
import hashlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from wire import malformed, need
from xz import NoStream, measure, pack_xz

DEFLATE, BZIP2, XZ = "deflate", "bzip2", "xz"
AS_IT_IS = {60: DEFLATE, 61: BZIP2, 62: XZ}
ENGINES = {
    "deflate-zlib": {*range(1, 10), *range(11, 20), *range(81, 90), *range(91, 100)},
    "deflate-miniz": {*range(21, 31)},
    "deflate-zlib-ng": {*range(31, 40), *range(41, 50), 66, 76},
    "deflate-isal": {51, 52, 53},
    "deflate-zopfli": {*range(131, 146)},
    "bzip2": {*range(101, 110)},
    "xz": {number for number in range(200, 328) if number % 8 < 7},
}
DIGESTS = {
    "deflate-zlib": "85b4562c1525035370642cb4e170d2f44c183816505d45fb1409cf5a8df3cbe5",
    "bzip2": "94b01f6e4398b61a2b386a23556f67e241c33870d57de4a7a13dad27dbe93230",
    "xz": "5747149152b77ad4e191c2f1028b14cd3ae7acae63d9f12f39369637a359e58a",
}
FAULTS = (zlib.error, OSError, lzma.LZMAError)


class Packed(bytes):
    """A stream of an opened archive. Its bytes do not tell the coding: a deflate stream may begin as any other."""

    coding = DEFLATE


def coding_of(stream: bytes) -> str:
    """The coding of a stream of an opened archive."""
    return stream.coding if isinstance(stream, Packed) else DEFLATE


def coding_by(engine: int) -> str:
    """The coding of what an engine gives, or of a member that stands as it is."""
    return next((name for name in (BZIP2, XZ) if engine in ENGINES[name]), AS_IT_IS.get(engine, DEFLATE))


def unpacker(coding: str) -> Any:
    """What unpacks one stream, as Python's libraries have it."""
    if coding == XZ:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ)
    return bz2.BZ2Decompressor() if coding == BZIP2 else zlib.decompressobj(-15)


def fed(whole: Any, data: bytes | memoryview) -> Iterator[bytes]:
    """What the next bytes of a stream unpack to, 1 MiB at a time: a bzip2 stream can give very much."""
    if isinstance(whole, bz2.BZ2Decompressor | lzma.LZMADecompressor):
        while not whole.eof:
            yield whole.decompress(data, 1 << 20)
            data = b""
            if whole.needs_input:
                return
    else:
        yield whole.decompress(data)


def unpacked(stream: bytes, coding: str, spend: Callable[[int], None]) -> bytes:
    """The plain bytes of what must be one stream of that coding [F-75]. `spend` is told of them, part by part."""
    whole, parts = unpacker(coding), []
    try:
        if coding == XZ:
            measure(stream, 0)
        for part in fed(whole, stream):
            spend(len(part))
            parts.append(part)
    except (*FAULTS, NoStream) as fault:
        raise malformed(f"a stream that is no {coding} stream") from fault
    need(whole.eof and not whole.unused_data, f"a {coding} stream that is cut short, or goes on behind its end")
    return b"".join(parts)


@functools.cache
def gives_known_bytes(feature: str) -> bool:
    """Whether Python's library gives the known bytes [F-45]."""
    noise, x = bytearray(), 1
    for _ in range(16384):
        x = (1_103_515_245 * x + 12_345) % 2**31
        noise.append(x // 65_536 % 256)
    words = b" ".join(bytes(noise[p : p + 2 + noise[p] % 9]).hex().encode() for p in range(0, 16384, 8))
    corpus = bytes(noise) + bytes(8192) + words[:40_960] + bytes(noise[:8192]) + words[1_000:25_576]
    streams = b"".join(
        pack_by(engine, corpus) for engine in sorted(ENGINES[feature]) if feature != XZ or 216 <= engine < 232
    )
    return hashlib.sha256(streams).hexdigest() == DIGESTS[feature]


def pack_by(engine: int, data: bytes) -> bytes:
    """[F-45], zlib, bzip2 and xz alone."""
    if engine >= 200:
        return pack_xz(engine, data)
    if engine > 100:
        return bz2.compress(data, engine - 100)
    memory, strategy = 9 if engine // 10 % 2 else 8, zlib.Z_FILTERED if engine > 80 else zlib.Z_DEFAULT_STRATEGY
    stream = zlib.compressobj(engine % 10, zlib.DEFLATED, -15, memory, strategy)
    return stream.compress(data) + stream.flush()
