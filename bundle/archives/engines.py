"""Engines: which library gives which bytes. spec/format.md, section 9 [F-45].

No coding has a canonical encoder: the same data gives other bytes in every library and version. An engine therefore
counts as present only if it gives the known output for a fixed corpus. A section names the engines that it needs.

    number         engine    level   memLevel  is given the member
     1 to  9       zlib      1 to 9  8         in any way: the output is the same
    11 to 19       zlib      1 to 9  9         in any way
    81 to 89       zlib      1 to 9  8         in any way, with the strategy Z_FILTERED, as libpng does
    91 to 99       zlib      1 to 9  9         the same
    21 to 30       miniz     1 to 10           at once
    31 to 39       zlib-ng   1 to 9  8         at once
    41 to 49       zlib-ng   1 to 9  9         at once
    51 to 53       ISA-L     0 to 2            at once
    66             zlib-ng   6       8         8 KiB at a time, as ZipFile.write does
    76             zlib-ng   6       8         16 KiB at a time, as hatchling does
   101 to 109      bzip2     1 to 9            in any way
   131 to 145      zopfli    1 to 15           at once; the level is the number of iterations
   200 to 327      xz        0 to 6            in any way; the number also says how, see `XzEngine`

Four numbers name no engine. 0: the stream is restored from its shape [F-73]. 60 to 62: the member is the stream, of
deflate, of bzip2 or of xz [F-75].
"""

import bz2
import lzma
import zlib
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Protocol

import cramjam

from bundle.archives.codings import Coding
from bundle.archives.xz_streams import CHECKS, DICTIONARIES, Structure, Unsound, of_one_thread, of_threads
from bundle.errors import Malformed
from bundle.format.index import SHAPED
from bundle.format.objects import Readable, read_all

ZLIB_FEATURE = "deflate-zlib"
MINIZ_FEATURE = "deflate-miniz"
ZLIB_NG_FEATURE = "deflate-zlib-ng"
ISAL_FEATURE = "deflate-isal"
BZIP2_FEATURE = "bzip2"
XZ_FEATURE = "xz"
ZOPFLI_FEATURE = "deflate-zopfli"
# Their packages are there for every platform, and on every processor they write the same.
COMMON_FEATURES = frozenset({ZLIB_FEATURE, MINIZ_FEATURE, ZLIB_NG_FEATURE, BZIP2_FEATURE})
LARGE_FEATURES = frozenset({XZ_FEATURE, ZOPFLI_FEATURE})  # their encoders take some 100 MiB of memory
_IN_ANY_WAY = frozenset({ZLIB_FEATURE, BZIP2_FEATURE, XZ_FEATURE})  # given their members part by part
MAX_JOINED_BYTES = 64 * 1024 * 1024  # of a member that an engine is given whole: it is in memory then
MAX_ZOPFLI_BYTES = 16 * 1024 * 1024  # the same for zopfli, which takes a second and more for each MiB
ZOPFLI_WORK = 64  # times as much work as to unpack a member, or to pack it with any other engine, about
ZOPFLI_BLOCK_BYTES = 1_000_000  # what zopfli looks at together: what stands behind does not matter
ZOPFLI_LAST_BYTES = 16  # a block of one byte, and what shares a byte with it
USUAL_ZOPFLI = (145, 135, 140, 133, 131)  # the default, what its manual advises for large files, others in use
ZOPFLI_GAIN = 100  # zopfli writes fewer bytes than zlib does at level 9, by one in so many at least (measured: 3 to 5)
PROBE_BYTES = 256 * 1024  # no engine had a first block of more stream: spec/decisions, 0007
AT_ONCE = 1 << 62
# Most likely first: what zipfile writes, with zlib and with zlib-ng, what maturin writes, then the rest.
CANDIDATES = (
    *(6, 36, 26, 9, 39, 1, 31, 66, 76, 16, 29, 53),
    *(89, 86, 99, 96, 5, 4, 3, 2, 7, 8, 19, 21, 35, 34, 33, 32, 37, 38, 46, 49, 51, 52),
)


@dataclass(frozen=True)
class Engine:
    """A library, called in one way. `feed` is how many bytes it is given at a time."""

    feature: str
    level: int
    memory: int = 8
    feed: int = AT_ONCE
    strategy: int = zlib.Z_DEFAULT_STRATEGY


@dataclass(frozen=True)
class XzEngine:
    """liblzma, by preset, with a kind of check, and as of one thread or of several [F-88]."""

    preset: int
    is_extreme: bool
    check: int
    is_threaded: bool
    feature: str = XZ_FEATURE

    @property
    def number(self) -> int:
        """Its number as an engine."""
        return 200 + 64 * self.is_threaded + 16 * CHECKS.index(self.check) + 8 * self.is_extreme + self.preset

    def pack(self, chunks: Iterator[bytes], directory: Path | None) -> Iterator[bytes]:
        """The stream of the joined chunks. `directory` takes a temporary file."""
        preset = self.preset | (lzma.PRESET_EXTREME if self.is_extreme else 0)
        return (
            of_threads(chunks, preset, self.check, directory)
            if self.is_threaded
            else of_one_thread(chunks, preset, self.check)
        )


PRESETS = range(len(DICTIONARIES))
_XZ_ENGINES = [
    XzEngine(preset, is_extreme, check, is_threaded)
    for is_threaded, check, is_extreme, preset in product((False, True), CHECKS, (False, True), PRESETS)
]
ENGINES: dict[int, Engine | XzEngine] = {
    **{engine.number: engine for engine in _XZ_ENGINES},
    **{level: Engine(ZLIB_FEATURE, level) for level in range(1, 10)},
    **{10 + level: Engine(ZLIB_FEATURE, level, 9) for level in range(1, 10)},
    **{80 + level: Engine(ZLIB_FEATURE, level, 8, strategy=zlib.Z_FILTERED) for level in range(1, 10)},
    **{90 + level: Engine(ZLIB_FEATURE, level, 9, strategy=zlib.Z_FILTERED) for level in range(1, 10)},
    **{20 + level: Engine(MINIZ_FEATURE, level) for level in range(1, 11)},
    **{30 + level: Engine(ZLIB_NG_FEATURE, level) for level in range(1, 10)},
    **{40 + level: Engine(ZLIB_NG_FEATURE, level, 9) for level in range(1, 10)},
    **{51 + level: Engine(ISAL_FEATURE, level) for level in range(3)},
    **{100 + level: Engine(BZIP2_FEATURE, level) for level in range(1, 10)},
    **{130 + level: Engine(ZOPFLI_FEATURE, level) for level in range(1, 16)},
    66: Engine(ZLIB_NG_FEATURE, 6, feed=8 * 1024),
    76: Engine(ZLIB_NG_FEATURE, 6, feed=16 * 1024),
}

_FINGERPRINTS = {
    ZLIB_FEATURE: "85b4562c1525035370642cb4e170d2f44c183816505d45fb1409cf5a8df3cbe5",
    MINIZ_FEATURE: "4751281910639364b59b8279d48a9f19f54cad4260eb5b5ecafb196d6d3e116c",
    ZLIB_NG_FEATURE: "1ea160cf7b7466c4bcba76d6a3c60c8f7dab0257da22fa8e2e1e1b6c250c70a7",
    XZ_FEATURE: "5747149152b77ad4e191c2f1028b14cd3ae7acae63d9f12f39369637a359e58a",
    BZIP2_FEATURE: "94b01f6e4398b61a2b386a23556f67e241c33870d57de4a7a13dad27dbe93230",
    ZOPFLI_FEATURE: "350eae1bf95980c303ebefaf10dd6f82ec025f5f998282928b634712d67e539a",
    ISAL_FEATURE: "b7ab76ae1518f02ec88d7a87df06912c0c5f594599073a917208094eb7e7d3c9",
}
ENGINE_FEATURES = frozenset(_FINGERPRINTS)
AS_IT_IS_IN = frozenset(Coding)
_CODINGS = {BZIP2_FEATURE: Coding.BZIP2, XZ_FEATURE: Coding.XZ}  # of all others: deflate
_ZOPFLI_NUMBERS = range(131, 146)
NO_ENGINES = AS_IT_IS_IN | {SHAPED}


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


# What a library's fingerprint is made with: all of its engines, but of those of xz only each preset once, and of those
# of zopfli the usual one.
_FINGERPRINTED = (
    {number for number in ENGINES if number < 131}
    | {145}
    | {engine.number for engine in _XZ_ENGINES if engine.check == lzma.CHECK_CRC32 and not engine.is_threaded}
)


def features_of(engines: Collection[int]) -> frozenset[str]:
    """The features that a section with these engines needs. Raises Malformed for an unknown number."""
    return frozenset(feature_of(engine) for engine in set(engines) - NO_ENGINES)


def feature_of(engine: int) -> str:
    """The feature that a section with this engine needs. Raises Malformed for an unknown number."""
    if engine not in ENGINES:
        raise Malformed(f"recipe: engine {engine} is unknown")
    return ENGINES[engine].feature


def coding_of(engine: int) -> Coding:
    """The coding of the streams that an engine gives, or that are restored from their shapes. Raises Malformed."""
    return Coding.DEFLATE if engine == SHAPED else _CODINGS.get(feature_of(engine), Coding.DEFLATE)


def check_member(engine: int, size: int) -> None:
    """Raises Malformed for an engine that is given members whole, if this one is too large for that [F-45] [F-132]."""
    if engine in NO_ENGINES or feature_of(engine) in _IN_ANY_WAY:
        return
    most = MAX_ZOPFLI_BYTES if feature_of(engine) == ZOPFLI_FEATURE else MAX_JOINED_BYTES
    if size > most:
        raise Malformed(f"recipe: a member of {size} bytes for engine {engine}, which takes {most}")


def pack_work(engine: int, size: int) -> int:
    """What a member of so many bytes counts for, in bytes [F-133]."""
    return ZOPFLI_WORK * size if engine in _ZOPFLI_NUMBERS else size


def pack_stream(engine: int, chunks: Iterator[bytes], directory: Path | None = None) -> Iterator[bytes]:
    """The stream of the joined chunks, as that engine writes it, however the chunks fall.

    `directory` takes temporary files; None: the system's choice.

    Raises Malformed for an unknown number, ImportError if its library is not there.
    """
    feature, way = feature_of(engine), ENGINES[engine]
    if isinstance(way, XzEngine):
        return way.pack(chunks, directory)
    if feature == ZLIB_FEATURE:
        return _feed(zlib.compressobj(way.level, zlib.DEFLATED, -15, way.memory, way.strategy), chunks)
    if feature == BZIP2_FEATURE:
        return _feed(bz2.BZ2Compressor(way.level), chunks)
    data = b"".join(chunks)
    if feature == MINIZ_FEATURE:
        return iter((bytes(cramjam.deflate.compress(data, level=way.level)),))
    if feature == ISAL_FEATURE:
        from isal import isal_zlib

        return iter((isal_zlib.compress(data, way.level, -15),))
    if feature == ZOPFLI_FEATURE:
        from zopfli.zopfli import compress

        return iter((compress(data, numiterations=way.level, gzip_mode=1)[10:-8],))  # a gzip file: there is no other
    from zlib_ng import zlib_ng

    return _feed(zlib_ng.compressobj(way.level, zlib.DEFLATED, -15, way.memory), _slices(data, way.feed))


def find_engine(
    plain: Readable,
    stream: Readable,
    likely: int,
    features: Collection[str] | None = None,
    coding: Coding = Coding.DEFLATE,
) -> int | None:
    """The engine of this machine that gives exactly `stream` for `plain`, or None. `likely` is tried first of deflate.

    `features`: those that may be needed, all if None.
    """
    start = _start_of(stream) if coding == Coding.DEFLATE else b""
    usable = present_features()
    for engine in _candidates(coding, stream, likely):
        feature = feature_of(engine)
        if (features is not None and feature not in features) or feature not in usable:
            continue
        if feature not in _IN_ANY_WAY and (plain.size > MAX_JOINED_BYTES or not _begins(engine, start, stream)):
            continue
        if _gives(engine, plain, stream):
            return engine
    if coding == Coding.DEFLATE and (features is None or ZOPFLI_FEATURE in features):
        return _find_zopfli(plain, stream, likely)
    return None


def _find_zopfli(plain: Readable, stream: Readable, likely: int) -> int | None:
    """The engine of zopfli that gives exactly this stream.

    A MiB takes seconds, so zopfli is asked only where zlib cannot have written so few bytes, with the numbers of
    iterations that are usual. It goes by blocks, so the first block of a long member tells the others.
    """
    if not 0 < plain.size <= MAX_ZOPFLI_BYTES or not _is_smaller_than_zlib(plain, stream):
        return None
    if ZOPFLI_FEATURE not in present_features():
        return None
    is_long = plain.size > ZOPFLI_BLOCK_BYTES
    start = plain.read_at(0, ZOPFLI_BLOCK_BYTES + 1 if is_long else plain.size)
    for number in dict.fromkeys([likely, *USUAL_ZOPFLI] if likely in _ZOPFLI_NUMBERS else USUAL_ZOPFLI):
        made = b"".join(pack_stream(number, iter((start,))))
        compared = len(made) - ZOPFLI_LAST_BYTES if is_long else stream.size
        if made[:compared] == stream.read_at(0, min(compared, stream.size)):
            return number if not is_long or _gives(number, plain, stream) else None
    return None


def _is_smaller_than_zlib(plain: Readable, stream: Readable) -> bool:
    packed = sum(map(len, pack_stream(9, read_all(plain))))
    return stream.size * ZOPFLI_GAIN < packed * (ZOPFLI_GAIN - 1)


def _candidates(coding: Coding, stream: Readable, likely: int) -> Iterable[int]:
    if coding == Coding.XZ:
        return _xz_candidates(stream)
    if coding == Coding.BZIP2:
        return (100 + int(stream.read_at(3, 1)),)  # the head has the level
    usual = CANDIDATES if likely in _ZOPFLI_NUMBERS else (likely, *CANDIDATES)
    return dict.fromkeys(usual)


def _xz_candidates(stream: Readable) -> Iterator[int]:
    """Those that may have written the head of a stream, and of its first block. The usual presets first."""
    try:
        found = Structure(stream, 0)
    except Unsound:  # the file was changed while it was read
        return
    for preset, is_extreme in product(reversed(PRESETS), (False, True)):
        if found.dictionary == DICTIONARIES[preset]:
            yield XzEngine(preset, is_extreme, found.check, found.has_sizes).number


def _start_of(stream: Readable) -> bytes:
    """The plain bytes of the stream's start. Nothing for a short stream: to try all of it costs as little."""
    if stream.size <= 2 * PROBE_BYTES:
        return b""
    return zlib.decompressobj(-15).decompress(stream.read_at(0, PROBE_BYTES), MAX_JOINED_BYTES)


def _begins(engine: int, start: bytes, stream: Readable) -> bool:
    """Whether the stream's first block may be this engine's. No engine has a block that is longer than the start."""
    return not start or b"".join(pack_stream(engine, iter((start,))))[:256] == stream.read_at(0, 256)


def _gives(engine: int, plain: Readable, stream: Readable) -> bool:
    """Whether the engine gives exactly this stream: stops at the first part that differs."""
    at = 0
    for part in pack_stream(engine, read_all(plain)):
        if at + len(part) > stream.size or stream.read_at(at, len(part)) != part:
            return False
        at += len(part)
    return at == stream.size


class _Present(Set[str]):
    """The features of ENGINE_FEATURES that are present. Asking for one checks that one alone, once in a process."""

    def __contains__(self, feature: object) -> bool:
        return feature in ENGINE_FEATURES and _has(str(feature))

    def __iter__(self) -> Iterator[str]:
        return filter(self.__contains__, sorted(ENGINE_FEATURES))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def present_features() -> Set[str]:
    """The engines of this machine that give the known output. To check one takes 0.1 s, so ask for few, by `in`."""
    return _Present()


@cache
def _has(feature: str) -> bool:
    try:
        return fingerprint(feature) == _FINGERPRINTS[feature]
    except ImportError:  # no package for this platform
        return False


def fingerprint(feature: str) -> str:
    """SHA-256 in hex of what an engine makes of the fixed corpus, by the numbers that the format names.

    Raises ImportError if its library is not there.
    """
    digest = sha256()
    for engine in sorted(_FINGERPRINTED):
        if feature_of(engine) == feature:
            digest.update(b"".join(pack_stream(engine, iter((_corpus(),)))))
    return digest.hexdigest()


@cache
def _corpus() -> bytes:
    """96 KiB that take every path of an encoder: noise, runs, text-like repeats at short and long distances."""
    state, noise = 1, bytearray()
    for _ in range(16 * 1024):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        noise.append(state >> 16 & 0xFF)
    words = b" ".join(noise[at : at + 2 + noise[at] % 9].hex().encode() for at in range(0, len(noise), 8))
    return bytes(noise) + bytes(8192) + words[:40960] + bytes(noise[:8192]) + words[1000:25576]


def _feed(compressor: _Compressor, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))
