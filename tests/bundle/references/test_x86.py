"""References in code of x86-64, one instruction at a time: bundle.references.x86 [F-58]."""

import random
import struct

import numpy as np
import pytest

from bundle.format.objects import MemoryObject
from bundle.references import x86
from bundle.references.image import Image, Machine, Stretch
from bundle.references.pages import Pages
from bundle.references.places import PlaceSet
from bundle.references.words import NONE
from bundle.references.x86 import jumps, relatives, table_starts

CODE, DATA, SIZE = 0x1000, 0x3000, 0x200
IMAGE = Image((Stretch(0, SIZE, CODE, SIZE, True), Stretch(SIZE, SIZE, DATA, SIZE, False)), 0, Machine.X86_64)


def found(code: bytes, target: int, at: int = 16) -> bool:
    """Whether the distance to an address is a reference, where it follows `code` at offset `at`."""
    data = bytearray(2 * SIZE)
    here = at + len(code)
    data[at : here + 4] = code + struct.pack("<i", target - (CODE + here + 4))
    return any(here in at for at in relatives(Pages(MemoryObject(bytes(data))), IMAGE))


@pytest.mark.parametrize("code", [b"\xe8", b"\xe9", b"\x0f\x80", b"\x0f\x8f"])
def test_calls_and_jumps_lead_to_code_of_their_stretch(code: bytes) -> None:
    assert found(code, CODE) and found(code, CODE + SIZE - 1)
    assert not any(found(code, target) for target in (CODE - 1, CODE + SIZE, DATA))


@pytest.mark.parametrize(
    "code", [b"\x8b\x05", b"\x8d\x3d", b"\xff\x15", b"\x0f\x10\x05", b"\x0f\xb6\x0d", b"\x0f\x4f\x35"]
)
def test_memory_is_anywhere_in_the_image(code: bytes) -> None:
    assert all(found(code, target) for target in (CODE, DATA + 8, DATA + SIZE - 1))
    assert not found(code, DATA + SIZE) and not found(code, CODE - 1)


@pytest.mark.parametrize("code", [b"\x8b\x45", b"\x8b\x04", b"\xeb\x05", b"\x0f\x0d\x05", b"\x0f\x90"])
def test_other_instructions_are_none(code: bytes) -> None:
    """Another form of ModR/M, a short jump, opcodes without an address."""
    assert not found(code, DATA + 8)


def test_the_last_nine_bytes_of_a_stretch_are_not_read() -> None:
    assert found(b"\xe8", CODE, at=SIZE - 9) and not found(b"\xe8", CODE, at=SIZE - 8)


def test_a_table_ends_at_the_first_entry_that_leads_elsewhere() -> None:
    data = bytearray(2 * SIZE)
    data[16:19] = b"\x48\x8d\x05"  # lea rax, [rip + table]
    data[19:23] = struct.pack("<i", DATA + 8 - (CODE + 23))
    entries = [CODE + 4, CODE + SIZE - 1, DATA, CODE + 8]
    data[SIZE + 8 : SIZE + 24] = struct.pack("<4i", *(entry - (DATA + 8) for entry in entries))
    (found,) = (at for at in relatives(Pages(MemoryObject(bytes(data))), IMAGE) if len(at))
    assert found.tolist() == [19]
    assert tables(bytes(data), [19]) == [SIZE + 8, SIZE + 12]
    assert not tables(bytes(data), []), "without a lea there is no table"


def tables(data: bytes, relative: list[int]) -> list[int]:
    """The entries of jump tables, if these are the relative references."""
    pages, wanted = Pages(MemoryObject(bytes(data))), PlaceSet(2 * SIZE)
    wanted.add(np.array(relative, np.int64))
    starts = table_starts(pages, IMAGE, wanted.places())
    found: list[int] = np.concatenate([NONE, *jumps(pages, IMAGE, starts)]).tolist()
    return found


@pytest.mark.parametrize("block", [4, 8, 12, 16, 64])
def test_how_data_is_cut_for_reading_does_not_matter(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """[F-58]: tables that begin and end within a block, at its edges, and reach over several."""
    rng = random.Random(51)
    data = bytearray(2 * SIZE)
    starts, at = [], 8
    for length in (1, 2, 3, 5, 1, 8):
        starts.append(DATA + at)
        entries = [rng.randrange(CODE, CODE + SIZE) for _ in range(length)] + [DATA] * rng.randrange(3)
        for number, entry in enumerate(entries):
            struct.pack_into("<i", data, SIZE + at + 4 * number, entry - starts[-1])
        at += 4 * len(entries)
    for number, start in enumerate(starts):
        data[16 * number : 16 * number + 3] = b"\x48\x8d\x05"
        struct.pack_into("<i", data, 16 * number + 3, start - (CODE + 16 * number + 7))
    loads = [16 * number + 3 for number in range(len(starts))]
    expected = tables(bytes(data), loads)
    assert len(expected) >= 20
    monkeypatch.setattr(x86, "BLOCK_BYTES", block)
    assert tables(bytes(data), loads) == expected
