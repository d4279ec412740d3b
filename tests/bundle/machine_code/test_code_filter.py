"""The filter of code gives any bytes back, however they are cut, and as the second reader does. [F-143]"""

import random
import struct

import pytest

from bundle.machine_code.code_filter import CodeFilter, filtered, is_code
from tests.support.contents.second_reader import second

SEED = 1943
PATTERNS = (b"\xe8", b"\x8b\x05", b"\x0f\x10\x05", b"\x0f", b"\x05", b"\x0f\x29\x05", b"\x90", b"\xe8\xe8", b"\x8b\x0f")
NUMBERS = (0, 1 << 16, 1 << 31, 1 << 32)


def noise(rng: random.Random) -> bytes:
    """Patterns beside and over one another, and numbers around the bounds of what is exchanged."""
    made = bytearray()
    for _ in range(rng.randrange(400)):
        number = rng.choice(NUMBERS) + rng.randrange(-3000, 3000)
        made += rng.choice(PATTERNS) + struct.pack("<I", number % (1 << 32))[: rng.randrange(5)]
    return bytes(made)


def in_pieces(rng: random.Random, data: bytes, *, back: bool) -> bytes:
    one, made, at = CodeFilter(len(data), back=back), b"", 0
    while at < len(data):
        size = rng.randrange(1, 40)
        made += one.feed(data[at : at + size])
        at += size
    return made + one.flush()


@pytest.mark.parametrize("seed", range(SEED, SEED + 40))
def test_any_bytes_come_back_however_they_are_cut(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    data = noise(rng)
    made = filtered(data)
    assert in_pieces(rng, data, back=False) == made
    assert in_pieces(rng, made, back=True) == data
    assert second("wire").without_filter(made) == data


@pytest.mark.parametrize("seed", range(SEED, SEED + 20))
def test_both_readers_make_the_same_of_bytes_that_no_filter_made(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    data = noise(rng)
    assert in_pieces(rng, data, back=True) == second("wire").without_filter(data)


@pytest.mark.parametrize("size", range(9))
def test_short_ones(size: int) -> None:
    data = b"\xe8\x8b\x05\x0f\x10\x05\xe8\x01\x02"[:size]
    assert second("wire").without_filter(filtered(data)) == data


def test_calls_of_one_function_are_the_same_bytes() -> None:
    data = b"".join(b"\xe8" + struct.pack("<i", 4000 - 5 * n) for n in range(200))
    assert len({filtered(data)[n : n + 5] for n in range(0, 1000, 5)}) == 1


def test_code_is_told_from_other_bytes() -> None:
    rng = random.Random(SEED)
    calls = b"".join(
        b"\xe8" + struct.pack("<i", rng.randrange(-(1 << 20), 1 << 20)) + b"\x90" * 20 for _ in range(4000)
    )
    assert is_code(calls)
    assert not is_code(b"") and not is_code(rng.randbytes(100_000)) and not is_code(b"some text, over and over " * 4000)
