"""Shapes of deflate streams: exact for every encoder, total and bounded for hostile bytes."""

import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.deflate.blocks import NoShape
from bundle.deflate.shape import RECORD_BYTES, most_blocks, restore, shape_of
from bundle.delta.bsdiff import make_difference
from bundle.errors import Malformed
from bundle.format.codecs import compress
from bundle.format.objects import MemoryObject
from bundle.format.varints import write_varints
from tests.support.contents.encoders import encoders
from tests.support.contents.second_reader import second

SECOND, WIRE = second("shapes"), second("wire")
NONE = (0, 128)
PLAIN = b"abcabcabcd"


def sample(seed: int, size: int) -> bytes:
    """Text with repeats near and far, a run of zeros, and noise."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randrange(2, 12)).hex().encode() for _ in range(800)]
    text = b" ".join(rng.choices(words, k=size // 16))
    return text[: size // 2] + bytes(size // 8) + rng.randbytes(size // 8) + text[: size // 4]


def inflated(stream: bytes) -> bytes:
    """The plain bytes of a stream, or of as much of it as there is."""
    inflater, made = zlib.decompressobj(-15), b""
    try:
        for at in range(len(stream)):
            made += inflater.decompress(stream[at : at + 1])
    except zlib.error:
        pass
    return made


def whole_shape(stream: bytes, plain: bytes | None = None) -> bytes:
    plain = inflated(stream) if plain is None else plain
    return b"".join(shape_of(MemoryObject(stream), MemoryObject(plain)))


def restored(plain: bytes, shape: bytes, most_bytes: int = 1 << 20) -> bytes:
    """What comes back; and that no more than was allowed was made."""
    out = bytearray()
    try:
        for chunk in restore(MemoryObject(plain), MemoryObject(shape), most_bytes):
            out += chunk
    finally:
        assert len(out) <= most_bytes
    return bytes(out)


def raw(plain: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return packer.compress(plain) + packer.flush()


@pytest.mark.parametrize("name", encoders())
def test_the_stream_of_any_encoder_comes_back(name: str, tmp_path: Path) -> None:
    for number, size in enumerate((0, 8, 100, 400_000)):
        directory = tmp_path / str(number)
        directory.mkdir()
        plain = sample(number, size)
        try:
            stream = encoders()[name](plain, directory)
        except pytest.skip.Exception:
            if size < 1000:  # small files are stored
                continue
            raise
        assert zlib.decompress(stream, -15) == plain
        assert restored(plain, whole_shape(stream), len(stream)) == stream


@settings(deadline=None, max_examples=200)
@given(
    parts=st.lists(
        st.tuples(
            st.one_of(
                st.binary(max_size=40),
                st.tuples(st.binary(max_size=3), st.integers(0, 700)).map(lambda pair: pair[0] * pair[1]),
                st.integers(0, 2000).map(lambda size: random.Random(size).randbytes(size)),
            ),
            st.sampled_from((zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK)),
        ),
        max_size=12,
    ),
    level=st.integers(0, 9),
    memory=st.integers(1, 9),
    strategy=st.integers(0, 4),
)
def test_streams_of_zlib_come_back(parts: list[tuple[bytes, int]], level: int, memory: int, strategy: int) -> None:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    stream = b"".join(packer.compress(part) + packer.flush(flush) for part, flush in parts) + packer.flush()
    plain = b"".join(part for part, _ in parts)
    try:
        shape = whole_shape(stream)
    except NoShape as error:
        assert "too many blocks" in str(error)
        return
    assert restored(plain, shape, len(stream)) == stream


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 1 << 32))
def test_a_damaged_stream_has_no_shape_or_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    stream = bytearray(raw(sample(seed % 7, 3000), rng.randrange(10), rng.randrange(5)))
    for _ in range(rng.randrange(1, 4)):
        stream[rng.randrange(min(len(stream), rng.choice((8, 100, 5000))))] = rng.randrange(256)
    shape = outcome(whole_shape, bytes(stream))
    assert shape == SECOND.shape_of(bytes(stream), inflated(bytes(stream)))
    inflater = zlib.decompressobj(-15)
    try:
        plain = inflater.decompress(bytes(stream))
    except zlib.error:
        return
    if shape is None:
        return
    assert inflater.eof
    assert not inflater.unused_data
    assert restored(plain, shape, len(stream)) == stream


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 1 << 32), data=st.data())
def test_a_damaged_shape_is_malformed_or_makes_a_bounded_stream(seed: int, data: st.DataObject) -> None:
    plain = sample(seed % 5, 3000)
    stream = raw(plain, seed % 10, seed % 4)
    shape = bytearray(whole_shape(stream))
    blocks = int.from_bytes(shape[-4:], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        first = data.draw(st.sampled_from((0, len(shape) - 4 - blocks, len(shape) - 4)))
        at = data.draw(st.integers(min(first, len(shape) - 1), len(shape) - 1))
        shape[at] = data.draw(st.integers(0, 255))
    assert outcome(restored, plain, bytes(shape), len(stream) + 100) == outcome(
        SECOND.restore, plain, bytes(shape), len(stream) + 100
    )


def outcome(function: Callable[..., bytes], *arguments: object) -> bytes | None:
    """What the code gives, or the code from the text. None if it refuses, which is never by a stray error."""
    try:
        return function(*arguments)
    except (Malformed, NoShape, WIRE.Refused):
        return None


def test_bytes_that_are_no_stream_have_no_shape() -> None:
    stream = raw(sample(1, 900))
    for cut in range(len(stream)):
        with pytest.raises(NoShape):
            whole_shape(stream[:cut])
    for wrong in (b"\x06\0", stream + b"\0", b"\x01\5\0\0\0xxxxx"):
        with pytest.raises(NoShape):
            whole_shape(wrong)


def crafted(of_lengths: dict[int, int], codes: str, tokens: str = "") -> bytes:
    """A stream of one dynamic block: lengths of the code for code lengths by symbol, the bits of both after it."""
    bits = "1" + SECOND.low(2, 2) + SECOND.low(0, 5) + SECOND.low(0, 5) + SECOND.low(15, 4)
    bits += "".join(SECOND.low(of_lengths.get(place, 0), 3) for place in SECOND.ORDER) + codes + tokens
    bits += "0" * (-len(bits) % 8)
    return int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")


# With these lengths 18 has the code 0, the lengths 0 and 1 have 10 and 11. The zeros are 256 lengths.
CODES = {18: 1, 0: 2, 1: 2}
ZEROS = "0" + SECOND.low(127, 7) + "0" + SECOND.low(107, 7)


def test_a_crafted_stream_has_a_shape() -> None:
    stream = crafted(CODES, ZEROS + "11" + "10", "0")
    assert zlib.decompress(stream, -15) == b""
    assert whole_shape(stream) == shape(b"", crafted_blocks(CODES, 155, 135, 1, 0))
    assert restored(b"", whole_shape(stream)) == stream


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (crafted({18: 1, 1: 2}, "11" + ZEROS + "10" + "10", "0"), "not given"),
        (crafted({18: 1, 16: 2, 1: 2}, "11" + "00" + ZEROS + "10" + "10", "0"), "not given"),
        (crafted({18: 1, 0: 1, 1: 1}, ZEROS + "11" + "10", "0"), "overlap"),
        (crafted(CODES, ZEROS + "11" + "0" + SECOND.low(0, 7), "0"), "too many code lengths"),
        (crafted({1: 1, 0: 1}, "1" * 257 + "0", "0"), "overlap"),
        (crafted(CODES, ZEROS + "11" + "10", "1"), "stands for nothing"),
    ],
)
def test_codes_that_are_not_allowed_have_no_shape(stream: bytes, why: str) -> None:
    with pytest.raises(NoShape, match=why):
        whole_shape(stream)


def crafted_blocks(of_lengths: dict[int, int], *form: int) -> bytes:
    """The byte form of one dynamic block without tokens."""
    return bytes((1, 2, 0, 0, 0, 15, *(of_lengths.get(place, 0) for place in SECOND.ORDER), *form, 0))


@pytest.mark.parametrize(
    ("blocks", "why"),
    [
        (crafted_blocks({**CODES, 16: 3, 0: 3}, 16, 155, 135, 1, 0), "before the first"),
        (crafted_blocks(CODES, 155, 135, 1, 28), "too many code lengths"),
        (crafted_blocks({18: 1, 1: 2}, 155, 135, 1, 0), "has no code"),
        (crafted_blocks({18: 1, 0: 1, 1: 1}, 155, 135, 1, 0), "overlap"),
        (crafted_blocks(CODES, 155, 135, 0, 1), "end of a block"),
    ],
)
def test_codes_that_are_not_allowed_are_malformed(blocks: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        restored(b"", shape(b"", blocks))


def test_an_unknown_kind_of_block_has_no_shape() -> None:
    stream = raw(sample(1, 20_000))
    with pytest.raises(NoShape, match="unknown kind"):
        whole_shape(bytes((stream[0] | 2, *stream[1:])))


def test_a_stream_of_too_many_blocks_has_no_shape() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = b"".join(packer.compress(b"x") + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(100)) + packer.flush()
    with pytest.raises(NoShape, match="too many blocks"):
        whole_shape(stream)


def test_the_length_258_written_the_long_way_has_no_shape() -> None:
    # A fixed block: the literal x, the length symbol 284 with its extra bits 31, distance 1, the end of the block.
    bits = "1" + "10" + f"{0x30 + ord('x'):08b}" + f"{0xC0 + 4:08b}" + "11111" + "00000" + "0000000"
    stream = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
    assert zlib.decompress(stream, -15) == b"x" * 259
    with pytest.raises(NoShape, match="258"):
        whole_shape(stream)


def record(literals: int, length: int, number: tuple[int, int]) -> bytes:
    return bytes((literals, length, *number))


# "abc", a match of 6 at the distance 3, "d"; one fixed block; no padding bits set.
RECORDS = record(3, 3, (0, 0)) + record(1, 0, NONE)
BLOCKS = b"\1\1\5\0"


def shape(records: bytes = RECORDS, blocks: bytes = BLOCKS, size: int | None = None) -> bytes:
    return records + blocks + (len(blocks) if size is None else size).to_bytes(4, "little")


def test_a_shape_by_hand() -> None:
    """As the module's text says, with no encoder at work."""
    stream = restored(PLAIN, shape())
    assert zlib.decompress(stream, -15) == PLAIN
    assert whole_shape(stream) == shape()


def dynamic(form: list[int], tokens: int = 5) -> bytes:
    return b"\1\2" + write_varints([tokens]) + bytes(form) + b"\0"


@pytest.mark.parametrize(
    ("records", "blocks"),
    [
        pytest.param(RECORDS, b"", id="no blocks"),
        pytest.param(RECORDS, b"\0\0", id="zero blocks"),
        pytest.param(RECORDS, b"\1\1\5", id="no padding"),
        pytest.param(RECORDS, b"\1\1\5\xff", id="padding beyond the byte"),
        pytest.param(RECORDS, b"\1\1\5\0\0", id="more behind the padding"),
        pytest.param(RECORDS, b"\1\x09\5\0", id="unknown kind"),
        pytest.param(RECORDS, b"\1\1\4\0", id="a token left over"),
        pytest.param(RECORDS, b"\1\1\6\0", id="a token too many"),
        pytest.param(RECORDS, b"\1\1\xff\xff\xff\xff\xff\xff\xff\x0f\0", id="tokens without end"),
        pytest.param(RECORDS, b"\1\1\x85\0\0", id="a padded varint"),
        pytest.param(RECORDS, b"\2\1\5\0", id="a block is missing"),
        pytest.param(RECORDS, write_varints([most_blocks(1 << 20) + 1]) + b"\1\5\0", id="too many blocks"),
        pytest.param(RECORDS[:-1], BLOCKS, id="a record cut short"),
        pytest.param(RECORDS[:4], BLOCKS, id="a record is missing"),
        pytest.param(RECORDS[:4] + record(1, 1, NONE), BLOCKS, id="a length without a match"),
        pytest.param(RECORDS[:4] + record(1, 0, (1, 128)), BLOCKS, id="a number over 32,768"),
        pytest.param(RECORDS[:4] + record(0, 0, NONE) + RECORDS[4:], BLOCKS, id="a record of nothing"),
        pytest.param(record(3, 2, (0, 0)) + RECORDS[4:], BLOCKS, id="plain bytes left over"),
        pytest.param(record(3, 255, (0, 0)) + RECORDS[4:], BLOCKS, id="beyond the plain bytes"),
        pytest.param(b"", b"\1\0\0\x0b\0\0", id="stored bytes beyond the plain ones"),
        pytest.param(b"", b"\1\0\x20\x0a\0\0", id="padding of a stored block"),
        pytest.param(RECORDS, b"\1\2\5\x20\0\0", id="HLIT out of bounds"),
        pytest.param(RECORDS, b"\1\2\5\0\x20\0", id="HDIST out of bounds"),
        pytest.param(RECORDS, b"\1\2\5\0\0\x10", id="HCLEN out of bounds"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 8, 0, 0, 0]), id="a code length of 8 bits"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 1, 0, 1, 1, 16]), id="repeats before the first length"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 1, 0, 1, 1, 156]), id="an unknown repeat"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 1, 0, 1, 1, 155, 155]), id="too many lengths"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 1, 1, 1, 1, 155, 147]), id="codes of lengths overlap"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 1, 0, 0, 1, 155, 147]), id="a length without a code"),
        pytest.param(RECORDS, dynamic([0, 0, 0, 0, 0, 1, 0, 155, 147]), id="no end of the block"),
        pytest.param(RECORDS, dynamic([0, 0, 14, *[0] * 17, 1, 0, *[1] * 258]), id="codes overlap"),
        pytest.param(
            RECORDS, dynamic([0, 0, 14, 0, 0, 1, 1, *[0] * 13, 1, 0, 155, 145, 1, 0], 0), id="tokens without codes"
        ),
    ],
)
def test_a_hostile_shape_is_malformed(records: bytes, blocks: bytes) -> None:
    with pytest.raises(Malformed):
        restored(PLAIN, shape(records, blocks))
    with pytest.raises(WIRE.Refused):
        SECOND.restore(PLAIN, shape(records, blocks), 1 << 20)


def test_a_shape_whose_blocks_do_not_fit_is_malformed() -> None:
    for wrong in (b"", b"\0\0\0", shape(size=3), shape(size=1000), shape(size=0xFFFFFFFF)):
        with pytest.raises(Malformed):
            restored(PLAIN, wrong)


def test_no_more_is_made_than_is_allowed() -> None:
    """A shape within its bounds, but for a stream that is larger than what was signed."""
    plain = sample(3, 300_000)
    stream = raw(plain)
    for most in (len(stream) - 1, len(stream) // 2, 100):
        with pytest.raises(Malformed):
            restored(plain, whole_shape(stream), most)


@pytest.mark.parametrize(
    ("records", "plain"),
    [
        (record(3, 3, (1, 0)) + RECORDS[4:], PLAIN),
        (record(3, 3, (255, 127)) + RECORDS[4:], PLAIN),
        (record(3, 3, (0, 0)) + RECORDS[4:], b"abcxbcabcd"),
        (record(8, 0, (0, 0)), b"abcabcabca"),
    ],
    ids=["the second of one", "the last of one", "other bytes", "beyond the end"],
)
def test_a_number_without_a_place_is_malformed(records: bytes, plain: bytes) -> None:
    """[F-71]: what is looked up are plain bytes that were made before."""
    with pytest.raises(Malformed):
        restored(plain, shape(records, BLOCKS))


@pytest.mark.parametrize("first", [b"", b"yzyzy"], ids=["region of its own", "region of a match before"])
def test_a_place_beyond_the_window_is_malformed(first: bytes) -> None:
    """[F-71]: 32,768 bytes before is the last one that deflate can name."""
    for gap, is_near in ((32_765, True), (32_766, False)):
        plain = first + b"abc" + bytes(range(100, 105)) * (gap // 5) + b"x" * (gap % 5) + b"abc"
        literals = len(plain) - 3 - len(first)
        tokens = record(2, 0, (0, 0)) if first else b""
        tokens += record(255, 0, NONE) * (literals // 255) + record(literals % 255, 0, (0, 0))
        own = shape(tokens, b"\1\1" + write_varints([literals + (4 if first else 1)]) + b"\0")
        if is_near:
            stream = restored(plain, own)
            assert zlib.decompress(stream, -15) == plain
            assert whole_shape(stream) == own
        else:
            with pytest.raises(Malformed, match="window" if first else "did not stand before"):
                restored(plain, own)


def test_another_streams_plain_bytes_give_no_shape() -> None:
    """[F-69]"""
    plain = sample(1, 900)
    for wrong in (plain[:200], plain[:100] + b"x" + plain[100:], plain[::-1]):
        with pytest.raises(NoShape):
            whole_shape(raw(plain), wrong)
    before = int(("1" + "10" + f"{0x30 + ord('x'):08b}" + "0000001" + "00001" + "0000000")[::-1], 2).to_bytes(
        4, "little"
    )
    with pytest.raises(NoShape, match="first byte"):
        whole_shape(before, b"xxxx")


def test_numbers_do_not_depend_on_where_a_region_begins() -> None:
    """[F-69]: plain bytes far over a region, with places near and far."""
    plain = sample(9, 900_000)
    stream = raw(plain, 9)
    assert restored(plain, whole_shape(stream, plain), len(stream)) == stream


def test_a_change_of_the_plain_bytes_changes_little_of_the_shape() -> None:
    old = sample(5, 600_000)
    new = old[:100_000] + b"a line that is new" + old[100_000:]
    first, second = (whole_shape(raw(plain)) for plain in (old, new))
    difference = make_difference(first, second)
    cost = sum(compress(part)[0].length for part in (difference.diff, difference.extra))
    assert cost < len(compress(second)[1]) / 10


def test_records_of_long_runs() -> None:
    """255 literals and more before a match, across blocks and stored blocks."""
    noise = random.Random(1).randbytes(70_000)
    for run in (254, 255, 256, 510, 511):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_FIXED)
        plain = noise[:run] + noise[:300] + noise[1000:1020]
        stream = packer.compress(plain) + packer.flush()
        found = whole_shape(stream)
        assert found[: run // 255 * RECORD_BYTES] == bytes((255, 0, 0, 128)) * (run // 255)
        assert restored(plain, found, len(stream)) == stream


ONE_TOKEN = crafted_blocks(CODES, 155, 135, 1, 0).replace(b"\2\0", b"\2\1", 1)


@pytest.mark.parametrize(
    ("records", "plain", "blocks", "why"),
    [
        (
            record(1, 0, NONE),
            b"x",
            ONE_TOKEN,
            "literal that has",
        ),
        (
            record(0, 0, (0, 0)),
            b"xxxx",
            b"\2\0\0\1\0" + ONE_TOKEN[1:],  # behind a stored block of one byte
            "match that",
        ),
        (RECORDS, PLAIN, b"\1\x09\5\0", "out of bounds"),
        (b"", b"", crafted_blocks(CODES, 155, 135, 1, 0).replace(b"\0\0\x0f", b"\x20\0\x0f", 1), "out of bounds"),
    ],
)
def test_tokens_without_codes_and_bytes_out_of_bounds(records: bytes, plain: bytes, blocks: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        restored(plain, shape(records, blocks))
