"""Deflate engines: which library gives which bytes. spec/format.md, section 9 [F-45].

Deflate has no canonical encoder: the same data gives other bytes in every library and version. An engine therefore
counts as present only if it gives the known output for a fixed corpus; a section names the engines it needs.

    number         engine    level   memLevel
     1 to  9       zlib      1 to 9  8
    11 to 19       zlib      1 to 9  9
    21 to 30       miniz     1 to 10
"""

import zlib
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

import cramjam

from bundle.errors import Malformed

ZLIB_FEATURE = "deflate-zlib"
MINIZ_FEATURE = "deflate-miniz"
MAX_MINIZ_BYTES = 64 * 1024 * 1024
# Most likely first: what zipfile writes, what maturin writes, then the rest.
CANDIDATES = (6, 26, 9, 1, 16, 29, 5, 4, 3, 2, 7, 8, 19, 21)
ENGINES = frozenset((*range(1, 10), *range(11, 20), *range(21, 31)))

_FINGERPRINTS = {
    ZLIB_FEATURE: "961a3970933cb2add938dda5fbd7f4af6f5dff7145472b6582e8ab5de4377329",
    MINIZ_FEATURE: "4751281910639364b59b8279d48a9f19f54cad4260eb5b5ecafb196d6d3e116c",
}


def feature_of(engine: int) -> str:
    """The feature that a section with this engine needs. Raises Malformed for an unknown number."""
    if engine not in ENGINES:
        raise Malformed(f"recipe: deflate engine {engine} is unknown")
    return MINIZ_FEATURE if engine > 20 else ZLIB_FEATURE


def deflate(engine: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The raw deflate stream (RFC 1951) of the joined chunks, as that engine writes it."""
    if feature_of(engine) == MINIZ_FEATURE:
        yield bytes(cramjam.deflate.compress(b"".join(chunks), level=engine - 20))
        return
    level, memory = engine % 10, 9 if engine > 10 else 8
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def find_engine(plain: bytes, stream: bytes, likely: int) -> int | None:
    """The engine that gives exactly `stream` for `plain`; `likely` is tried first. None if no engine does."""
    for engine in (likely, *(other for other in CANDIDATES if other != likely)):
        if engine > 20 and len(plain) > MAX_MINIZ_BYTES:
            continue
        if b"".join(deflate(engine, iter((plain,)))) == stream:
            return engine
    return None


@cache
def present_features() -> frozenset[str]:
    """The engines of this machine that give the known output: checked once, in some milliseconds."""
    return frozenset(feature for feature, known in _FINGERPRINTS.items() if fingerprint(feature) == known)


def fingerprint(feature: str) -> str:
    """SHA-256 in hex of what an engine makes of the fixed corpus, at every level that the format names."""
    digest = sha256()
    for engine in sorted(ENGINES):
        if feature_of(engine) == feature:
            digest.update(b"".join(deflate(engine, iter((_corpus(),)))))
    return digest.hexdigest()


def _corpus() -> bytes:
    """96 KiB that take every path of an encoder: noise, runs, text-like repeats at short and long distances."""
    state, noise = 1, bytearray()
    for _ in range(16 * 1024):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        noise.append(state >> 16 & 0xFF)
    words = b" ".join(noise[at : at + 2 + noise[at] % 9].hex().encode() for at in range(0, len(noise), 8))
    return bytes(noise) + bytes(8192) + words[:40960] + bytes(noise[:8192]) + words[1000:25576]
