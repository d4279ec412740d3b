"""Every kind of reference is found where it stands, with what it points to."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from bundle.format.objects import MemoryObject
from bundle.references import aarch64, elf
from bundle.references.image import MAX_IMAGE_BYTES, Image, read_image
from bundle.references.kinds import Kind, origins_of, point, pointed, read
from bundle.references.pages import Pages
from bundle.references.words import NONE, Numbers
from tests.support.contents.elf_images import ARM, X86, elf_pair
from tests.support.contents.images import BASE, CODE, DATA, image_pair
from tests.support.contents.scanned import found_in, groups_of, image_of

SEED = 51
MACHINES = pytest.mark.parametrize("machine", [X86, ARM])


@MACHINES
def test_every_reference_of_an_elf_image_is_found(machine: int) -> None:
    """[F-50], [F-51], [F-55] to [F-58]: no more and no less than were written."""
    print(f"seed {SEED}")
    for image in elf_pair(SEED, machine):
        assert found_in(bytes(image.data)) == image.expected
        missing = {"PAGE", "LOW", "BRANCH"} if machine == X86 else {"RELATIVE"}
        assert {kind.name for kind in Kind} - set(image.expected) == missing | {"SHORT"}


def test_references_of_a_pe_image_are_found() -> None:
    """[F-50], [F-54], [F-58]"""
    data = image_pair(SEED)[0]
    image = image_of(data)
    assert image.base == BASE and [s.executable for s in image.stretches] == [True, False, False]
    found = groups_of(data)
    relative, short, long = (found[kind].targets for kind in (Kind.RELATIVE, Kind.SHORT, Kind.LONG))
    assert len(relative) >= 300 and ((relative >= CODE) & (relative < DATA + 2048)).all()
    assert len(long) == 60 and ((long >= CODE) & (long < DATA)).all()
    assert len(short) >= 450 and (short < DATA + 2048).all()


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_is_read_again(kind: Kind) -> None:
    """[F-51]: every kind, near and far, leaves the bits that are not its own."""
    image = image_of(bytes(elf_pair(SEED, ARM)[0].data))
    where: Numbers = np.array([6432, 6440, 6448], np.int64)
    instruction = {Kind.BRANCH: 0x94000000, Kind.PAGE: 0x9000001F, Kind.LOW: 0xF94003FF}.get(kind, 0)
    data = np.frombuffer(bytes(6432) + struct.pack("<II", instruction, 0) * 3, np.uint8).copy()
    anchors = np.array([64, 1 << 20, 0], np.int64) if kind == Kind.JUMP else NONE
    targets = np.array([0, 0x2345678, 0xFFFF8], np.int64)
    origins = origins_of(kind, image, where, anchors)
    point(kind, data, where, origins, targets)
    part = {Kind.PAGE: ~0xFFF, Kind.LOW: 0xFFF}.get(kind, -1)
    assert pointed(kind, read(kind, data, where), origins).tolist() == (targets & part).tolist()
    own = {Kind.BRANCH: 0x3FFFFFF, Kind.PAGE: 0x60FFFFE0, Kind.LOW: 0x3FFC00}.get(kind, 0xFFFFFFFF)
    written = data[where[0] :].view("<u4")[::2].astype(np.int64)
    assert (written & ~own == instruction & ~own).all()


@pytest.mark.parametrize("shift", [0, 4, 28, 32])
def test_a_page_and_its_low_part_may_stand_in_two_blocks(monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    """[F-57]: how the code is cut for reading does not matter."""
    image = elf_pair(SEED, ARM)[0]
    monkeypatch.setattr(aarch64, "BLOCK_BYTES", 64 + shift)
    assert found_in(bytes(image.data)) == image.expected


def test_a_page_is_as_far_as_eight_instructions_before() -> None:
    """[F-57]: its address is that of the first low part; the nearest page of a register counts."""
    nop, page, low = 0xD503201F, 0x90000003, 0x91000000 | 3 << 5
    image = Image(read_arm().stretches[1:2], 0, read_arm().machine)
    start, base = image.stretches[0].offset, image.stretches[0].address

    def pairs(*words: int) -> tuple[list[int], list[int]]:
        data = MemoryObject(bytes(start) + struct.pack(f"<{len(words)}I", *words))
        (code,) = aarch64.find_code(Pages(data), cut(words))
        return ((code.pages - start) // 4).tolist(), ((code.lows - start) // 4).tolist()

    def cut(words: tuple[int, ...]) -> Image:
        stretch = image.stretches[0]
        return Image((type(stretch)(start, 4 * len(words), base & ~0xFFF, 0x1000, True),), 0, image.machine)

    assert pairs(page, *[nop] * 7, low) == ([0], [8])
    assert pairs(page, *[nop] * 8, low) == ([], [])
    assert pairs(page, page, low, low | 1 << 10) == ([1], [2, 3])
    assert pairs(page + 1, low) == ([], [])
    assert pairs(page | 1 << 29, low) == ([], [])


def read_arm() -> Image:
    return image_of(bytes(elf_pair(SEED, ARM)[0].data))


def test_a_table_of_symbols_that_leaves_the_file_has_none() -> None:
    """[F-55]"""
    image = elf_pair(SEED, X86)[0]
    data = bytearray(image.data)
    struct.pack_into("<Q", data, image.at["sections"] + 64 + 32, len(data))
    assert len(found_in(bytes(data))["JUMP"]) == len(image.expected["JUMP"]) - len(image.functions)


def test_frames_come_before_symbols() -> None:
    """[F-51]: a table of symbols over the rows of the table of frames."""
    image = elf_pair(SEED, X86)[0]
    data, row = bytearray(image.data), image.at["header"] + 12
    struct.pack_into("<Q", data, image.at["sections"] + 64 * 3 + 24, row)
    found = {offset: anchor for offset, _, anchor in found_in(bytes(data))["JUMP"]}
    assert found[row] == found[row + 4] == image.at["header"]


def test_too_many_common_entries_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-56]"""
    monkeypatch.setattr(elf, "MAX_CIES", 1)
    found = found_in(bytes(elf_pair(SEED, X86)[0].data))
    assert "BACK" not in found and len(found["HERE"]) == 1


def test_a_table_of_frames_lies_over_names_that_are_not_aligned() -> None:
    """[F-51]: of overlapping jumps the first counts, and at one place the earlier rule."""
    image = elf_pair(SEED, X86)[0]
    data, row = bytearray(image.data), image.at["header"] + 12
    struct.pack_into("<Q", data, image.at["sections"] + 64 * 3 + 24, row - 2)
    found = {offset: anchor for offset, _, anchor in found_in(bytes(data))["JUMP"]}
    assert row - 2 in found and row not in found and found[row + 4] == image.at["header"]


def test_of_a_dynamic_table_the_first_rows_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-55]: its five rows say where relocations are, and how many."""
    data = bytes(elf_pair(SEED, X86)[0].data)
    whole = found_in(data)["LONG"]
    for rows, fewer in ((5, False), (1, True)):
        monkeypatch.setattr(elf, "MAX_TAGS", rows)
        assert (len(found_in(data)["LONG"]) < len(whole)) is fewer, rows


def test_an_image_has_no_more_than_so_many_bytes() -> None:
    """[F-50]: of the file, and of the rooms of all stretches."""
    data = bytes(elf_pair(SEED, X86)[0].data)
    image = image_of(data)
    left = MAX_IMAGE_BYTES - image.room
    longer = bytearray(data)
    assert read_longer(data, len(data) + left) and not read_longer(data, len(data) + left + 1)
    struct.pack_into("<Q", longer, 64 + 56 * 2 + 40, image.stretches[2].room + left)
    assert image_of(bytes(longer)).room == MAX_IMAGE_BYTES
    struct.pack_into("<Q", longer, 64 + 56 * 2 + 40, image.stretches[2].room + left + 1)
    assert read_image(Pages(MemoryObject(bytes(longer)))) is None


def read_longer(data: bytes, size: int) -> Image | None:
    """The image with zeros behind it, up to that size."""

    class Longer:
        def __init__(self) -> None:
            self.size = size

        def read_at(self, offset: int, length: int) -> bytes:
            return data[offset : offset + length].ljust(length, b"\0")

    return read_image(Pages(Longer()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ",
        b"MZ" + bytes(200),
        b"MZ" + b"\xff" * 4000,
        b"\x7fELF\x02\x01\x01",
        b"\x7fELF\x02\x01\x01" + bytes(100),
        b"\x7fELF\x02\x01\x01" + b"\xff" * 4000,
        struct.pack("<16sHHIQQQIHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 0, 0, 0, 64, 56, 1),
    ],
)
def test_what_is_no_image_is_none(data: bytes) -> None:
    """[F-50]"""
    assert read_image(Pages(MemoryObject(data))) is None


def test_real_images_of_this_machine_have_references() -> None:
    """[F-51]: a library of the interpreter holds what compilers and linkers really write."""
    libraries = sorted(Path(sys.base_prefix, "lib").rglob("lib-dynload/*.so"), key=lambda path: path.stat().st_size)
    images = [path.read_bytes() for path in libraries[-2:] if read_image(Pages(MemoryObject(path.read_bytes())))]
    if not images:
        pytest.skip("this interpreter has no ELF libraries for a known machine")
    for data in images:
        found = found_in(data)
        assert {"JUMP", "HERE", "BACK", "LONG"} <= set(found)
        assert all(len(found[kind]) > 20 for kind in ("JUMP", "HERE", "BACK", "LONG"))
