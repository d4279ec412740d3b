"""Packing and unpacking, and streams that lie: bundle.format.codecs."""

import lzma
import random
import struct
import tracemalloc
from collections.abc import Iterator

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.errors import Corrupt, Malformed
from bundle.format.codecs import (
    CHUNK_BYTES,
    CODE_LZMA2,
    LZMA2,
    STORED,
    X86_LZMA2,
    ZSTD,
    Packed,
    check_packed,
    compress,
    compressed_size,
    gains_nothing,
    large_codec,
    samples_of,
    unpack,
    window_bytes,
)
from bundle.machine_code.code_filter import filtered

TEXT = b"the quick brown fox jumps over the lazy dog\n" * 400
NOISE = random.Random(7).randbytes(20_000)


def lzma2(data: bytes, log: int = 16, *before: int) -> bytes:
    filters = [*({"id": number} for number in before), {"id": lzma.FILTER_LZMA2, "dict_size": 1 << log}]
    return lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


def x86(data: bytes) -> bytes:
    return lzma2(data, 16, lzma.FILTER_X86)


def code(data: bytes) -> bytes:
    return lzma2(filtered(data))


def zstd(data: bytes, **parameters: int) -> bytes:
    given = zstandard.ZstdCompressionParameters(
        format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, **parameters
    )
    return zstandard.ZstdCompressor(compression_params=given).compress(data)


def unpacked(codec: int, data: bytes, size: int, step: int = 1000) -> bytes:
    chunks = (data[at : at + step] for at in range(0, len(data), step))
    return b"".join(unpack(Packed(codec, len(data), size), chunks, "here"))


@pytest.mark.parametrize("data", [b"", b"x", TEXT, NOISE, bytes(300_000), TEXT + NOISE])
def test_what_was_packed_is_unpacked(data: bytes) -> None:
    """[F-25]"""
    packed, stored = compress(data)
    if data:
        check_packed(packed, "here")
    assert (packed.length, packed.size) == (len(stored), len(data))
    assert unpacked(packed.codec, stored, packed.size) == data
    assert packed.length <= len(data)


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=3000), step=st.integers(1, 3000))
def test_it_does_not_matter_how_the_bytes_come(data: bytes, step: int) -> None:
    forms = ((STORED, data), (ZSTD, zstd(data)), (LZMA2 + 16, lzma2(data)), (X86_LZMA2 + 16, x86(data)))
    for codec, stored in (*forms, (CODE_LZMA2 + 16, code(data))):
        assert unpacked(codec, stored, len(data), step) == data


CALLS = b"".join(b"\xe8" + struct.pack("<i", 500_000 - at) + NOISE[at // 5 : at // 5 + 3] for at in range(0, 80_000, 8))


def test_the_smallest_form_wins() -> None:
    assert compress(NOISE)[0].codec == STORED
    assert compress(CALLS)[0].codec >= X86_LZMA2, "calls of one function from everywhere"
    assert compress(TEXT)[0].codec != STORED
    assert compress(TEXT) == compress(TEXT)


@pytest.mark.parametrize("log", [12, 20])
def test_the_dictionary_has_a_limit(log: int) -> None:
    data = NOISE * 2 + bytes(2_000_000)
    packed, stored = compress(data, log)
    assert packed.codec in (ZSTD, *range(LZMA2 + 12, LZMA2 + log + 1))
    assert unpacked(packed.codec, stored, len(data)) == data


@pytest.mark.parametrize("codec", [-1, 2, 31, 43, 59, 64, 96, 107, 123, 160, 171, 187, 255])
def test_other_codecs_are_refused_before_they_unpack(codec: int) -> None:
    """[F-24]: 43, 107 and 171 have a dictionary of 2^11 bytes, 59, 123 and 187 one of 2^27."""
    with pytest.raises(Malformed, match=f"^here: codec {codec} is unknown"):
        check_packed(Packed(codec, 1, 1), "here")


@pytest.mark.parametrize(
    "packed",
    [
        Packed(0, 5, 6),
        Packed(0, 0, 0),
        Packed(1, 0, 5),
        Packed(1, 5, 0),
        Packed(1, -1, 5),
        Packed(1, 5, -1),
        Packed(1, 2**53, 5),
        Packed(44, 5, 2**53),
        Packed(0, -1, -1),
        Packed(172, 5, 2**30 + 1),
    ],
)
def test_lengths_have_bounds(packed: Packed) -> None:
    """[F-24]"""
    with pytest.raises(Malformed, match=r"^here: "):
        check_packed(packed, "here")


@pytest.mark.parametrize(
    "codec", [STORED, ZSTD, LZMA2 + 12, LZMA2 + 26, X86_LZMA2 + 12, X86_LZMA2 + 26, CODE_LZMA2 + 12]
)
def test_the_codecs_of_the_format(codec: int) -> None:
    """[F-24]"""
    check_packed(Packed(codec, 5, 5), "here")


def test_loads_are_filtered_where_they_are_many() -> None:
    """[F-143]: both for few bytes and for many."""
    parts = [b"\x8b\x05" + struct.pack("<i", 500_000 - at) + NOISE[at // 5 : at // 5 + 3] for at in range(0, 81_000, 9)]
    packed, stored = compress(b"".join(parts))
    assert packed.codec >= CODE_LZMA2
    assert unpacked(packed.codec, stored, packed.size) == b"".join(parts)
    assert large_codec([b"".join(parts)], 1 << 20, 16) == CODE_LZMA2 + 16
    assert large_codec([b"".join(parts)], (1 << 30) + 1, 16) < CODE_LZMA2


def test_windows() -> None:
    assert window_bytes(Packed(STORED, 1 << 30, 1 << 30)) == 0
    assert window_bytes(Packed(ZSTD, 10, 1 << 40)) == 1 << 27
    assert window_bytes(Packed(LZMA2 + 20, 10, 1 << 40)) == 1 << 20
    assert window_bytes(Packed(X86_LZMA2 + 20, 10, 1 << 40)) == 1 << 20
    assert window_bytes(Packed(LZMA2 + 26, 10, 50_000)) == 50_000


@pytest.mark.parametrize("codec", [STORED, ZSTD, LZMA2 + 16, X86_LZMA2 + 16, CODE_LZMA2 + 16])
@pytest.mark.parametrize("step", [1, 100_000])
def test_streams_that_lie_are_refused(codec: int, step: int) -> None:
    """[F-25]: too much, too little, cut anywhere, or followed by anything."""
    forms = {STORED: TEXT, ZSTD: zstd(TEXT), LZMA2 + 16: lzma2(TEXT), X86_LZMA2 + 16: x86(TEXT)}
    stored = (forms | {CODE_LZMA2 + 16: code(TEXT)})[codec]
    lies = [(stored, len(TEXT) - 1), (stored, len(TEXT) + 1), (stored, 0), (stored + b"\0", len(TEXT))]
    lies += [(stored[:cut], len(TEXT)) for cut in (0, 1, len(stored) // 2, len(stored) - 1)]
    lies += [(stored + stored, len(TEXT)), (stored + stored, 2 * len(TEXT))] if codec else []
    for data, size in lies:
        with pytest.raises(Corrupt, match=r"^here: "):
            unpacked(codec, data, size, step)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10_000), change=st.integers(1, 255), codec=st.sampled_from([ZSTD, LZMA2 + 16]))
def test_damage_gives_other_bytes_or_a_refusal(at: int, change: int, codec: int) -> None:
    """[F-25]: whatever a decoder makes of it, never another error and never another length."""
    data = bytearray(zstd(TEXT + NOISE[:500]) if codec == ZSTD else lzma2(TEXT + NOISE[:500]))
    data[at % len(data)] ^= change
    try:
        assert len(unpacked(codec, bytes(data), len(TEXT) + 500)) == len(TEXT) + 500
    except Corrupt as error:
        assert str(error).startswith("here: ")


def test_a_frame_of_zstandard_stands_without_its_magic_number() -> None:
    with pytest.raises(Corrupt):
        unpacked(ZSTD, zstandard.compress(TEXT), len(TEXT))
    skippable = struct.pack("<II", 0x184D2A50, 3) + b"abc"
    for data in (skippable + zstd(TEXT), zstd(TEXT) + skippable):
        with pytest.raises(Corrupt):
            unpacked(ZSTD, data, len(TEXT))


def test_a_giant_window_is_refused_before_it_is_had() -> None:
    """[F-24]: a window of 2^28 bytes, in a frame of ten."""
    with pytest.raises(Corrupt):
        unpacked(ZSTD, bytes([0x00, (28 - 10) << 3]) + bytes([0x01, 0, 0]), 0)
    assert unpacked(ZSTD, bytes([0x00, (27 - 10) << 3]) + bytes([0x01, 0, 0]), 0) == b""


def run_length_blocks(count: int) -> bytes:
    """A frame of Zstandard: blocks of 4 bytes that make 128 KiB each."""
    block = (2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (0 << 3 | 1).to_bytes(3, "little")
    return bytes([0x00, (17 - 10) << 3]) + block * count + last


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (ZSTD, run_length_blocks(2000)),
        (LZMA2 + 16, lzma2(bytes(100_000_000))),
        (X86_LZMA2 + 16, x86(bytes(100_000_000))),
        (CODE_LZMA2 + 16, lzma2(bytes(100_000_000))),
    ],
    ids=["zstd", "lzma2", "x86", "code"],
)
@pytest.mark.parametrize("step", [1 << 18, 1000])
def test_a_bomb_costs_little_memory(codec: int, data: bytes, step: int) -> None:
    """[F-25]: it is stopped at the signed size, and each step is small even within it."""
    tracemalloc.start()
    try:
        with pytest.raises(Corrupt, match="more than its 1000 bytes"):
            unpacked(codec, data, 1000, step)
        chunks: Iterator[bytes] = iter([data])
        stream = unpack(Packed(codec, len(data), 100_000_000), chunks, "here")
        assert max(len(next(stream)) for _ in range(10)) <= 128 * CHUNK_BYTES
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def walk(steps: int) -> bytes:
    """Every byte is as frequent as any other, and near the one before."""
    chance, at, made = random.Random(3), 0, bytearray()
    for _ in range(steps):
        at = (at + chance.randrange(-9, 10)) % 256
        made.append(at)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "is_noise"),
    [
        (random.Random(7).randbytes(1 << 20), True),
        (random.Random(7).randbytes(1 << 20) + bytes(8 << 10), False),
        (random.Random(7).randbytes(1 << 20) * 2, False),
        (walk(100_000), False),
        (TEXT * 10, False),
        (NOISE, False),  # so few bytes are compressed in less time than they are probed
    ],
)
def test_only_noise_is_stored_unseen(data: bytes, is_noise: bool) -> None:
    assert gains_nothing([data], samples_of(data), len(data)) == is_noise
    described, _ = compress(data)
    assert (described.codec == STORED) == (is_noise or data is NOISE)


def test_a_probe_stops_once_it_has_seen_enough() -> None:
    chunks = iter([NOISE * 50, TEXT])
    assert not gains_nothing(chunks, [NOISE], 50 * len(NOISE) + len(TEXT))
    assert next(chunks) == TEXT


def test_estimates_grow_with_what_is_new() -> None:
    assert compressed_size(b"") == 0
    assert compressed_size(bytes(20_000)) < compressed_size(TEXT) < compressed_size(NOISE)
