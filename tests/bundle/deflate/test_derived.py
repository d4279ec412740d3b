"""Codes that follow from the counts of their symbols: as encoders derive them, and as the second reader does."""

import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.deflate.blocks import DERIVED, DYNAMIC, FIXED, Block, next_number, read_form
from bundle.deflate.derived import Tree
from bundle.deflate.shape import most_derived, restore, shape_of
from bundle.errors import Malformed
from bundle.format.objects import MemoryObject
from bundle.format.varints import write_varints
from tests.support.contents.containers import as_tar, made_up
from tests.support.contents.encoders import encoders
from tests.support.contents.second_reader import second

SECOND, WIRE = second("shapes"), second("wire")
# Encoders whose codes follow from their counts, and the way in which they do.
WAYS = {
    "gzip -6": 0,
    "zlib 6": 0,
    "zip -9": 0,
    "zlib-ng": 0,
    "miniz": 1,
    "7z gzip": 1,
    "libdeflate-gzip -6": 1,
    "go 6": 2,
}


def whole_shape(stream: bytes, plain: bytes) -> bytes:
    return b"".join(shape_of(MemoryObject(stream), MemoryObject(plain)))


def raw(plain: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return packer.compress(plain) + packer.flush()


def blocks_in(shape: bytes) -> bytes:
    return shape[-4 - int.from_bytes(shape[-4:], "little") : -4]


def kinds_in(shape: bytes) -> list[int]:
    data = iter(blocks_in(shape))
    return [read_form(data)[0].kind for _ in range(next_number(data))]


@pytest.mark.parametrize("name", WAYS)
def test_no_code_of_the_usual_encoders_is_sent(name: str, tmp_path: Path) -> None:
    """[F-130]"""
    plain = as_tar(made_up(1))
    stream = encoders()[name](plain, tmp_path)
    found = whole_shape(stream, plain)
    assert len(blocks_in(found)) < len(stream) // 1000 and 3 + 2 * WAYS[name] in blocks_in(found)
    assert b"".join(restore(MemoryObject(plain), MemoryObject(found), len(stream))) == stream


counts = st.lists(st.one_of(st.just(0), st.integers(1, 4), st.integers(1, 1 << 40)), min_size=3, max_size=286)


@settings(deadline=None, max_examples=100)
@given(used=counts, way=st.integers(0, 2), most=st.integers(0, 15))
def test_lengths_are_those_of_the_second_reader(used: list[int], way: int, most: int) -> None:
    """[F-130]: and they are a code, whatever the counts and the limit are."""
    expected = SECOND.derived_lengths(used, way, most)
    if expected is None:
        with pytest.raises(Malformed, match="no room"):
            Tree(used, way).lengths(most)
        return
    assert list(Tree(used, way).lengths(most)) == expected
    assert sum(2.0**-length for length in expected if length) <= 1 and max(expected) <= most


@pytest.mark.parametrize("seed", range(4))
def test_codes_that_had_to_be_shortened(seed: int) -> None:
    """[F-130]: counts of Fibonacci numbers make a deeper tree than deflate has bits."""
    numbers, plain, last = [1, 1], bytearray(), 21
    while len(numbers) < last:
        numbers.append(numbers[-1] + numbers[-2])
    for byte, count in enumerate(numbers):
        plain += bytes((byte * 7 % 251,)) * count
    random.Random(seed).shuffle(plain)
    stream = raw(bytes(plain), strategy=zlib.Z_HUFFMAN_ONLY)
    found = whole_shape(stream, bytes(plain))
    assert len(blocks_in(found)) < 20
    assert b"".join(restore(MemoryObject(bytes(plain)), MemoryObject(found), len(stream))) == stream
    assert found == SECOND.shape_of(stream, bytes(plain))
    assert SECOND.restore(bytes(plain), found, len(stream)) == stream


def many_blocks(count: int) -> tuple[bytes, bytes]:
    """(a stream of so many blocks with codes of their own, its plain bytes)."""
    packer, stream, plain = zlib.compressobj(6, zlib.DEFLATED, -15), b"", b""
    for number in range(count):
        part = random.Random(number).choices(b"abcdefghij" + bytes((65 + number % 20,)), k=400)
        plain += bytes(part)
        stream += packer.compress(bytes(part)) + packer.flush(zlib.Z_PARTIAL_FLUSH)
    return stream + packer.flush(), plain


def test_only_so_many_blocks_have_derived_codes() -> None:
    """[F-131]: the others say their codes, so that time stays in proportion to the stream."""
    stream, plain = many_blocks(40)
    found = whole_shape(stream, plain)
    kinds = kinds_in(found)
    assert sum(kind in DERIVED for kind in kinds) == most_derived(len(stream)) < 40
    assert {kind for kind in kinds if kind not in DERIVED} == {FIXED, DYNAMIC}, "flushes write blocks of fixed codes"
    assert found == SECOND.shape_of(stream, plain)
    assert b"".join(restore(MemoryObject(plain), MemoryObject(found), len(stream))) == stream


def hostile(*blocks: bytes, records: bytes = b"") -> bytes:
    form = write_varints([len(blocks)]) + b"".join(blocks) + b"\0"
    return records + form + len(form).to_bytes(4, "little")


LETTER = bytes((1, 0, 0, 128))


@pytest.mark.parametrize(
    ("shape", "plain", "why"),
    [
        (hostile(b"\5\1\x10", records=LETTER), b"a", "no room"),
        (hostile(b"\5\1\x01", records=LETTER), b"a", "no room"),
        (hostile(b"\3\1\x1f", records=LETTER + LETTER), b"a", "more than the plain|leaves"),
        (hostile(b"\3\2\xff", records=LETTER), b"a", "more tokens"),
        (hostile(b"\3" + write_varints([131_073]) + b"\xff", records=LETTER), b"a", "derived codes"),
        (hostile(*[b"\5\0\xff"] * 17), b"", "derived codes"),
        (hostile(b"\3\1", records=LETTER), b"a", "no room"),
    ],
    ids=[
        "limit 0",
        "limit of distances 0",
        "tokens left",
        "too many tokens",
        "too large",
        "too many",
        "padding as limits",
    ],
)
def test_a_hostile_shape_of_derived_codes_is_malformed(shape: bytes, plain: bytes, why: str) -> None:
    """[F-71] [F-130]"""
    with pytest.raises(Malformed, match=why):
        list(restore(MemoryObject(plain), MemoryObject(shape), 900))
    with pytest.raises(WIRE.Refused):
        SECOND.restore(plain, shape, 900)


def test_a_block_writes_its_limits() -> None:
    assert Block(5, limits=(11, 15)).write(300) == bytes((5, 0xAC, 2, 0xFB))
    assert DYNAMIC == 2
