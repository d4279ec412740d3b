"""The table of relocations that follows from the blocks of a patch [F-108]: it is exact, small and bounded."""

import random
import struct

import numpy as np
import pytest

from bundle.format.objects import MemoryObject
from bundle.references import pe, tables
from bundle.references.aiming import make_rebased
from bundle.references.prediction import scan
from bundle.references.tables import predicted_table
from tests.support.contents.second_reader import second

CODE, TABLE = 0x200, 0x4200
SECOND = second("images")


def table_of(pointers: list[int]) -> bytes:
    """The relocations of the pointers at these offsets in the code, which is loaded at 1000."""
    pages: dict[int, list[int]] = {}
    for at in sorted(pointers):
        pages.setdefault((0x1000 + at) >> 12, []).append(3 << 12 | (0x1000 + at) % 4096)
    out = b""
    for page, entries in pages.items():
        padded = entries + [0] * (len(entries) % 2)
        out += struct.pack(f"<II{len(padded)}H", page << 12, 8 + 2 * len(padded), *padded)
    return out


def library(code: bytes, pointers: list[int]) -> bytes:
    """A PE32 image for x86 with 4,000 hex bytes of code and its table of relocations."""
    table = table_of(pointers)
    data = bytearray(CODE) + code.ljust(TABLE - CODE, b"\x90") + table.ljust(0x800, b"\0")
    struct.pack_into("<2s58xI", data, 0, b"MZ", 0x40)
    struct.pack_into("<4sHH12xHH", data, 0x40, b"PE\0\0", 0x14C, 2, 224, 0)
    struct.pack_into("<H26xI", data, 0x58, 0x10B, 0x400000)
    struct.pack_into("<II", data, 0x58 + 96 + 40, 0x6000, len(table))
    struct.pack_into("<8xIIII12xI", data, 0x138, 0x4000, 0x1000, 0x4000, CODE, 0x60000020)
    struct.pack_into("<8xIIII12xI", data, 0x160, 0x800, 0x6000, 0x800, TABLE, 0x42000040)
    return bytes(data)


def made_up(seed: int, inserted: int = 0) -> bytes:
    """Functions of random bytes with pointers to each other. `inserted`: bytes of NOPs before the tenth."""
    choice = random.Random(seed)
    bodies = [choice.randbytes(choice.randrange(20, 60)) for _ in range(250)]
    bodies[10] = b"\x90" * inserted + bodies[10]
    starts = np.cumsum([0, *(len(body) + 8 for body in bodies)]).tolist()
    code, pointers = bytearray(), []
    for body in bodies:
        code += body + b"\x8b\x0d"
        pointers.append(len(code))
        code += struct.pack("<I", 0x401000 + starts[choice.randrange(250)]) + b"\xc3\xcc"
    return library(bytes(code), pointers)


def test_relocations_follow_from_where_the_code_went() -> None:
    """[F-108]: not one byte of the new table is sent."""
    made = make_rebased(MemoryObject(old := made_up(1)), MemoryObject(made_up(1, 40)))
    assert made
    extra = sum(extra for _, extra, _ in made.triples)
    position, beyond = 0, 0
    for add, _, seek in made.triples:
        beyond += max(0, position + add - len(old)) if add else 0
        position += add + seek
    assert beyond >= 500 and extra <= 60


@pytest.mark.parametrize("seed", range(6))
def test_both_readers_work_out_the_same_table(seed: int) -> None:
    """[F-108]: for blocks of any kind, overlapping, beyond the image and into no stretch."""
    print("seed", seed)
    choice = random.Random(seed)
    data = made_up(seed)
    scanned, image = scan(MemoryObject(data)), SECOND.parse_image(data)
    assert scanned and image
    for _ in range(40):
        rows = []
        for _ in range(choice.randrange(1, 12)):
            start = choice.randrange(len(data) + 200)
            rows.append((start, choice.randrange(len(data)), choice.randrange(1, 9000)))
        ours = predicted_table(scanned, scanned.image, np.array(rows, np.int64)).tobytes()
        assert ours == SECOND.relocation_table(image, image, rows)


def test_the_table_of_the_old_image_is_its_own() -> None:
    """[F-108]"""
    data = made_up(3)
    scanned = scan(MemoryObject(data))
    assert scanned
    whole = np.array([(0, 0, len(data))], np.int64)
    table = predicted_table(scanned, scanned.image, whole).tobytes()
    assert data[TABLE : TABLE + len(table)] == table and len(table) > 500


def test_too_many_pointers_give_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-108]: those that are listed, and those that blocks take along."""
    data = made_up(4)
    scanned, again = scan(MemoryObject(data)), scan(MemoryObject(data))
    assert scanned and again
    rows = np.array([(0, 0, len(data))] * 3, np.int64)
    monkeypatch.setattr(tables, "MAX_CARRIED", 750)
    assert len(predicted_table(scanned, scanned.image, rows))
    monkeypatch.setattr(tables, "MAX_CARRIED", 749)
    assert not len(predicted_table(scanned, scanned.image, rows))
    assert len(predicted_table(scanned, scanned.image, rows[:1]))
    monkeypatch.setattr(pe, "MAX_LISTED", 249)
    assert not len(predicted_table(again, again.image, rows[:1]))
