"""The compressors of packs and indexes, by their numbers in the format: spec/format.md, section 7.

    0         stored
    1         one Zstandard frame without its magic number, window at most 2^27 bytes
    32 + n    raw LZMA2 with a dictionary of 2^n bytes, n from 12 to 26
    96 + n    the same behind the x86 filter of xz, which makes the targets of calls absolute
    160 + n   the same behind our own filter for x86-64, which knows loads as well [F-143]

A pack is compressed by every codec that may win and kept in the smallest form; ties go to the lower number.
Readers decompress step by step and stop at the signed length, so a lying stream costs neither memory nor time.
"""

import lzma
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import zstandard

from bundle.errors import Corrupt, Malformed
from bundle.format.canonical import MAX_INTEGER

if TYPE_CHECKING:  # it needs numpy, which whoever reads no more than a root need not wait for
    from bundle.machine_code.code_filter import CodeFilter

STORED = 0
ZSTD = 1
LZMA2 = 32
X86_LZMA2 = 96
CODE_LZMA2 = 160
MIN_LZMA2_LOG = 12
MAX_LZMA2_LOG = 26
ZSTD_WINDOW_LOG = 27
CHUNK_BYTES = 64 * 1024
FEW_BYTES = 4 * 1024 * 1024  # up to here every candidate is tried; beyond, only the one that wins there
SAMPLE_BYTES = 512 * 1024
SAMPLES = 8  # of a large stream: code and text stand in it one after the other
PROBED_BYTES = 64 * 1024  # from here on a cheap probe may spare what cannot be compressed the costly attempts
MAX_FILTERED_BYTES = 1 << 30
LEAST_GAIN = 512  # a compressor that gains less than one byte in so many is not worth its time
ZSTD_STEP_BYTES = 256  # a block of 4 bytes can unpack to 128 KiB: this bounds one step to 8 MiB

# lc, lp, pb: text and code; 4-byte records; bytes without alignment; numbers.
_LZMA2_TUNINGS = ((3, 0, 0), (3, 0, 2), (0, 2, 2), (0, 0, 0), (1, 0, 0))


class Packed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How a compressed stretch of bytes stands in a section: codec number, bytes as stored, bytes when unpacked."""

    codec: int
    length: int
    size: int


def check_packed(packed: Packed, where: str) -> None:
    """Raises Malformed for an unknown codec or lengths out of bounds [F-24]."""
    if packed.codec not in (STORED, ZSTD) and _lzma2_form(packed.codec) is None:
        raise Malformed(f"{where}: codec {packed.codec} is unknown")
    if packed.codec >= CODE_LZMA2 and packed.size > MAX_FILTERED_BYTES:
        raise Malformed(f"{where}: more than {MAX_FILTERED_BYTES} bytes behind the filter of code")
    if not 1 <= packed.length <= MAX_INTEGER or not 1 <= packed.size <= MAX_INTEGER:
        raise Malformed(f"{where}: a length is not within 1 to 2^53 - 1")
    if packed.codec == STORED and packed.length != packed.size:
        raise Malformed(f"{where}: stored, but {packed.length} bytes do not make {packed.size}")


def window_bytes(packed: Packed) -> int:
    """The memory in bytes that unpacking takes for its window, at most."""
    if packed.codec == STORED:
        return 0
    form = _lzma2_form(packed.codec)
    return min(1 << form[1] if form else 1 << ZSTD_WINDOW_LOG, max(packed.size, 1 << 12))


def compress(data: bytes, max_log: int = MAX_LZMA2_LOG) -> tuple[Packed, bytes]:
    """The smallest form of at most FEW_BYTES that this module knows, deterministically: (descriptor, bytes as stored).

    `max_log` caps the dictionary at 2^max_log bytes: memory that the reader will need.
    """
    from bundle.machine_code.code_filter import filtered, is_code

    if gains_nothing([data], samples_of(data), len(data)):
        return Packed(STORED, len(data), len(data)), data
    log = _log_for(len(data), max_log)
    candidates = [(STORED, data)]
    candidates += [(LZMA2 + log, _lzma2(data, log, *tuning)) for tuning in _LZMA2_TUNINGS]
    candidates += [(X86_LZMA2 + log, _lzma2(data, log, *_LZMA2_TUNINGS[0], x86=True)), (ZSTD, _zstd(data))]
    if is_code(data):
        candidates.append((CODE_LZMA2 + log, _lzma2(filtered(data), log, *_LZMA2_TUNINGS[0])))
    codec, packed = min(candidates, key=lambda candidate: (len(candidate[1]), candidate[0]))
    return Packed(codec, len(packed), len(data)), packed


def samples_of(data: bytes) -> list[bytes]:
    """What `gains_nothing` wants to see of it: its start, its middle and its end."""
    places = (0, len(data) // 2, max(0, len(data) - PROBED_BYTES))
    return [data[at : at + PROBED_BYTES] for at in places]


def gains_nothing(chunks: Iterable[bytes], samples: Iterable[bytes], size: int) -> bool:
    """Whether `size` bytes are noise to every compressor, as media and encrypted files are. Costs little time.

    `chunks`: all of the bytes, which are read as far as they are needed. `samples`: stretches of them.
    """
    if size < PROBED_BYTES:
        return False
    # Zstandard finds repeats however far apart, but it codes each byte without the one before. LZMA sees more in
    # audio or in tables of numbers, where every byte is as frequent as any other.
    for sample in samples:
        if any(_gain(sample, _lzma2(sample, 20, *tuning, preset=0)) for tuning in _LZMA2_TUNINGS[:2]):
            return False
    return not _has_repeats(chunks, size)


def _gain(data: bytes, packed: bytes) -> bool:
    return (len(data) - len(packed)) * LEAST_GAIN > len(data)


def _has_repeats(chunks: Iterable[bytes], size: int) -> bool:
    """Whether the quickest Zstandard gains on the whole. It stops once it does."""
    log = max(10, min(ZSTD_WINDOW_LOG, (size - 1).bit_length()))
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=log, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    gained = 0
    for chunk in chunks:
        packed = len(compressor.compress(chunk)) + len(compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        gained += len(chunk) - packed
        if gained * LEAST_GAIN > size:
            return True
    return False


def large_codec(samples: list[bytes], size: int, max_log: int) -> int:
    """The codec for more than that: LZMA2, behind the filter that gains most on the samples."""
    from bundle.machine_code.code_filter import filtered

    def tried(parts: Iterable[bytes], x86: bool = False) -> int:
        return sum(len(_lzma2(part, 20, 3, 0, 0, preset=1, x86=x86)) for part in parts)

    sizes = {LZMA2: tried(samples), X86_LZMA2: tried(samples, x86=True)}
    if size <= MAX_FILTERED_BYTES:
        sizes[CODE_LZMA2] = tried(filtered(sample, size) for sample in samples)
    # A filter that gains less than that on samples of text does so by chance.
    best = min(sizes, key=lambda first: (sizes[first], first))
    gained = (sizes[LZMA2] - sizes[best]) * LEAST_GAIN > sizes[LZMA2]
    return (best if gained else LZMA2) + _log_for(size, max_log)


class LargeCompressor:
    """Writes a codec that `large_codec` gave, for `size` bytes."""

    def __init__(self, codec: int, size: int) -> None:
        first, log = _lzma2_form(codec) or (LZMA2, MIN_LZMA2_LOG)
        filters = _filters(log, *_LZMA2_TUNINGS[0], x86=first == X86_LZMA2)
        self._lzma = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
        self._filter = _code_filter(size, back=False) if first == CODE_LZMA2 else None

    def compress(self, chunk: bytes) -> bytes:
        """Packed bytes, of this chunk or of those before."""
        return self._lzma.compress(self._filter.feed(chunk) if self._filter else chunk)

    def flush(self) -> bytes:
        """The last packed bytes."""
        rest = self._lzma.compress(self._filter.flush()) if self._filter else b""
        return rest + self._lzma.flush()


def _log_for(size: int, max_log: int) -> int:
    return max(MIN_LZMA2_LOG, min(max_log, (size - 1).bit_length()))


def _lzma2_form(codec: int) -> tuple[int, int] | None:
    """(LZMA2 or one with a filter, log of the dictionary) of an LZMA2 codec. None for other numbers."""
    for first in (LZMA2, X86_LZMA2, CODE_LZMA2):
        if MIN_LZMA2_LOG <= codec - first <= MAX_LZMA2_LOG:
            return first, codec - first
    return None


def compressed_size(data: bytes) -> int:
    """A quick estimate in bytes of what `data` adds to a pack, good enough to choose among recipes."""
    if gains_nothing([data], samples_of(data), len(data)):
        return len(data)
    # The encoder's tables are made anew each time and grow with the dictionary: small for the small.
    log = min(24, max(MIN_LZMA2_LOG, (len(data) - 1).bit_length()))
    return len(_lzma2(data, log, 3, 0, 0, preset=6)) if data else 0


def unpack(packed: Packed, chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Yields the unpacked bytes in chunks of at most 64 KiB, exactly `packed.size` of them in all.

    Raises Corrupt if the stream is broken, too long, too short, or followed by anything [F-25].
    """
    decoder = _decoder(packed)
    produced = 0
    try:
        for chunk in chunks:
            for out in decoder.feed(chunk):
                produced += len(out)
                if produced > packed.size:
                    raise Corrupt(f"{where}: unpacks to more than its {packed.size} bytes")
                yield out
    except (lzma.LZMAError, zstandard.ZstdError, EOFError) as error:
        raise Corrupt(f"{where}: {error}") from error
    if produced != packed.size or not decoder.finished():
        raise Corrupt(f"{where}: unpacks to {produced} bytes instead of {packed.size}")


class _Decoder(Protocol):
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yields what `chunk` unpacks to, in bounded steps."""

    def finished(self) -> bool:
        """Whether the stream has come to its own end, with nothing after it."""


class _Stored:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finished(self) -> bool:
        return True


class _Lzma2:
    def __init__(self, first: int, log: int, size: int) -> None:
        filters = [*_x86_filter(first == X86_LZMA2), {"id": lzma.FILTER_LZMA2, "dict_size": 1 << log}]
        self._lzma = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        self._filter = _code_filter(size, back=True) if first == CODE_LZMA2 else None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        out = self._lzma.decompress(chunk, CHUNK_BYTES)
        while out:
            if made := self._filter.feed(out) if self._filter else out:
                yield made
            out = b"" if self._lzma.eof else self._lzma.decompress(b"", CHUNK_BYTES)
        if self._filter and self._lzma.eof and (made := self._filter.flush()):
            yield made

    def finished(self) -> bool:
        return self._lzma.eof and not self._lzma.unused_data


class _Zstd:
    def __init__(self) -> None:
        decompressor = zstandard.ZstdDecompressor(
            max_window_size=1 << ZSTD_WINDOW_LOG, format=zstandard.FORMAT_ZSTD1_MAGICLESS
        )
        self._zstd = decompressor.decompressobj(write_size=CHUNK_BYTES)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), ZSTD_STEP_BYTES):
            if out := self._zstd.decompress(chunk[start : start + ZSTD_STEP_BYTES]):
                yield out

    def finished(self) -> bool:
        return bool(self._zstd.eof) and not self._zstd.unused_data


def _decoder(packed: Packed) -> _Decoder:
    if packed.codec == STORED:
        return _Stored()
    form = _lzma2_form(packed.codec)
    return _Lzma2(*form, packed.size) if form else _Zstd()


def _x86_filter(x86: bool) -> list[dict[str, Any]]:
    return [{"id": lzma.FILTER_X86}] if x86 else []


def _filters(
    log: int, lc: int, lp: int, pb: int, preset: int = 9 | lzma.PRESET_EXTREME, x86: bool = False
) -> list[dict[str, Any]]:
    return [
        *_x86_filter(x86),
        {"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": 1 << log, "lc": lc, "lp": lp, "pb": pb},
    ]


def _lzma2(data: bytes, log: int, lc: int, lp: int, pb: int, **options: Any) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=_filters(log, lc, lp, pb, **options))


def _zstd(data: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        22,
        source_size=len(data),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=0,
        write_checksum=0,
        window_log=max(10, min(ZSTD_WINDOW_LOG, (len(data) - 1).bit_length())),
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _code_filter(size: int, *, back: bool) -> "CodeFilter":
    from bundle.machine_code.code_filter import CodeFilter

    return CodeFilter(size, back=back)
