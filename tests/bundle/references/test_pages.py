"""A file by arrays of offsets, a few blocks of it in memory: bundle.references.pages."""

import random

import numpy as np
import pytest

from bundle.format.objects import MemoryObject
from bundle.references import pages
from bundle.references.pages import Pages
from bundle.references.words import NONE, Numbers

SEED = 81
DATA = random.Random(SEED).randbytes(1000)


class Counted(MemoryObject):
    """Counts the bytes that are read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= self.size
        self.read += length
        return super().read_at(offset, length)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BLOCK_BYTES", 64)


def numbers(at: Numbers, width: int, *, signed: bool = False) -> list[int]:
    return [int.from_bytes(DATA[one : one + width], "little", signed=signed) for one in at.tolist()]


@pytest.mark.parametrize("order", ["ascending", "any"])
def test_numbers_at_many_offsets(order: str) -> None:
    """Across the edges of blocks, and up to the last byte."""
    print(f"seed {SEED}")
    at = np.arange(len(DATA) - 7, dtype=np.int64)
    if order == "any":
        at = np.array(random.Random(SEED).sample(at.tolist(), len(at)), np.int64)
    read = Pages(MemoryObject(DATA))
    assert read.byte(at).tolist() == numbers(at, 1)
    assert read.unsigned(at).tolist() == numbers(at, 4)
    assert read.signed(at).tolist() == numbers(at, 4, signed=True)
    assert read.long(at).tolist() == numbers(at, 8, signed=True)
    assert read.unsigned(NONE).tolist() == []


def test_a_run_is_cut_at_the_end_of_the_file() -> None:
    read = Pages(MemoryObject(DATA))
    for start, end in (
        (0, 10),
        (60, 70),
        (0, 1000),
        (990, 2000),
        (1000, 1001),
        (1 << 60, (1 << 60) + 4),
        (-5, 3),
        (9, 9),
    ):
        assert read.span(start, end).tobytes() == DATA[max(start, 0) : end], (start, end)
    assert read.copied(60, 500).tobytes() == DATA[60:560]


def test_few_blocks_are_kept() -> None:
    source = Counted(DATA)
    read = Pages(source)
    for _ in range(5):
        read.unsigned(np.arange(100, 200, dtype=np.int64))
    assert source.read == 3 * (64 + 8)
    read.unsigned(np.arange(0, 990, dtype=np.int64))
    assert len(read._kept) == pages.KEPT_BLOCKS
