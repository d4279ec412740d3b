"""Codings of streams for the second reader, and the engines that it has: zlib and bzip2 [F-45] [F-75]."""

import bz2
import functools
import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from wire import malformed, need

DEFLATE, BZIP2 = "deflate", "bzip2"
AS_IT_IS = {60: DEFLATE, 61: BZIP2}
ENGINES = {
    "deflate-zlib": {*range(1, 10), *range(11, 20), *range(81, 90), *range(91, 100)},
    "deflate-miniz": {*range(21, 31)},
    "deflate-zlib-ng": {*range(31, 40), *range(41, 50), 66, 76},
    "deflate-isal": {51, 52, 53},
    "bzip2": {*range(101, 110)},
}
DIGESTS = {
    "deflate-zlib": "85b4562c1525035370642cb4e170d2f44c183816505d45fb1409cf5a8df3cbe5",
    "bzip2": "94b01f6e4398b61a2b386a23556f67e241c33870d57de4a7a13dad27dbe93230",
}


class Bzip2Stream(bytes):
    """A bzip2 stream of an opened archive. Its bytes do not tell: a deflate stream may begin so, too."""


def coding_of(stream: bytes) -> str:
    """The coding of a stream of an opened archive."""
    return BZIP2 if isinstance(stream, Bzip2Stream) else DEFLATE


def coding_by(engine: int) -> str:
    """The coding of what an engine gives, or of a member that stands as it is."""
    return BZIP2 if engine in ENGINES["bzip2"] else AS_IT_IS.get(engine, DEFLATE)


def unpacker(coding: str) -> Any:
    """What unpacks one stream, as Python's libraries have it."""
    return bz2.BZ2Decompressor() if coding == BZIP2 else zlib.decompressobj(-15)


def fed(whole: Any, data: bytes | memoryview) -> Iterator[bytes]:
    """What the next bytes of a stream unpack to, 1 MiB at a time: a bzip2 stream can give very much."""
    if isinstance(whole, bz2.BZ2Decompressor):
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
        for part in fed(whole, stream):
            spend(len(part))
            parts.append(part)
    except (zlib.error, OSError) as fault:
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
    streams = b"".join(pack_by(engine, corpus) for engine in sorted(ENGINES[feature]))
    return hashlib.sha256(streams).hexdigest() == DIGESTS[feature]


def pack_by(engine: int, data: bytes) -> bytes:
    """[F-45], zlib and bzip2 alone."""
    if engine > 100:
        return bz2.compress(data, engine - 100)
    memory, strategy = 9 if engine // 10 % 2 else 8, zlib.Z_FILTERED if engine > 80 else zlib.Z_DEFAULT_STRATEGY
    stream = zlib.compressobj(engine % 10, zlib.DEFLATED, -15, memory, strategy)
    return stream.compress(data) + stream.flush()
