"""Writes images.json: executables made by hand, and the references that references.md finds in them.

    python spec/vectors/images.py [DIRECTORY]

What is expected is noted where it is written, not found; beside it stand near misses, which are noted nowhere. Needs
the standard library only; the same call always writes the same bytes.
"""

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

BASE = 0x140000000
BASE_32 = 0x10000000
REST = 1 << 39
KINDS = ("jump", "relative", "here", "back", "short", "long", "branch", "page", "low")
NOP = 0xD503201F  # of AArch64


class Image:
    """File bytes and what is expected of them; `moved`: (first offset, what is added to offsets from it on)."""

    def __init__(self, size: int, moved: list[tuple[int, int]], fill: tuple[int, int, bytes]) -> None:
        self.data = bytearray(size)
        self.moved = moved
        start, end, pattern = fill
        self.data[start:end] = pattern * ((end - start) // len(pattern))
        self.short_base = 0
        self.expected: dict[str, list[list[int]]] = {kind: [] for kind in KINDS}

    def address(self, offset: int) -> int:
        return offset + [by for first, by in self.moved if offset >= first][-1]

    def put(self, offset: int, form: str, *values: Any) -> int:
        """Bytes that are no reference; gives the offset behind them."""
        struct.pack_into("<" + form, self.data, offset, *values)
        return offset + struct.calcsize("<" + form)

    def refer(self, kind: str, offset: int, target: int, anchor: int = 0) -> int:
        """A reference in data; gives the offset behind it."""
        own = self.address(offset)
        value = {
            "jump": target - anchor,
            "relative": target - own - 4,
            "here": target - own,
            "back": own - target,
            "short": target + self.short_base,
            "long": target + (BASE if self.data[:2] == b"MZ" else 0),
        }[kind]
        self.expected[kind].append([offset, target, anchor] if kind == "jump" else [offset, target])
        return self.put(offset, {"short": "I", "long": "q"}.get(kind, "i"), value)

    def relative(self, offset: int, opcode: str, target: int) -> None:
        code = bytes.fromhex(opcode)
        self.data[offset : offset + len(code)] = code
        self.refer("relative", offset + len(code), target)

    def miss(self, offset: int, opcode: str, target: int) -> None:
        """Looks like a relative reference and is none."""
        code = bytes.fromhex(opcode)
        end = offset + len(code) + 4
        self.put(offset, f"{len(code)}si", code, target - self.address(end))

    def branch(self, offset: int, opcode: int, target: int, *, found: bool = True) -> None:
        self.put(offset, "I", opcode | (target - self.address(offset)) >> 2 & 0x3FFFFFF)
        if found:
            self.expected["branch"].append([offset, target])

    def page(self, offset: int, register: int, target: int, *, found: bool = True) -> None:
        pages = (target >> 12) - (self.address(offset) >> 12)
        self.put(offset, "I", 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5 | register)
        if found:
            self.expected["page"].append([offset, target])

    def low(self, offset: int, opcode: int, register: int, target: int, scale: int = 0, *, found: bool = True) -> None:
        self.put(offset, "I", opcode | (target & 0xFFF) >> scale << 10 | register << 5)
        if found:
            self.expected["low"].append([offset, target])


def pe() -> Image:
    """Sections: code at 1000, data at 2000, relocations at 3000; then bytes that are not loaded."""
    image = Image(
        0xA48, [(0, 0), (0x200, 0xE00), (0x300, 0x1D00), (0x800, 0x2800), (0x840, 0)], (0x200, 0x300, b"\x90")
    )
    image.put(0, "2s58xI", b"MZ", 0x40)
    image.put(0x40, "4sHH12xHH", b"PE\0\0", 0x8664, 3, 240, 0)
    image.put(0x58, "H22xQ", 0x20B, BASE)
    image.put(0x58 + 112 + 24, "II8xII", 0x2020, 7 * 12 + 8, 0x3000, 0x40)
    for number, row in enumerate(
        (
            (0xF0, 0x1000, 0x100, 0x200, 0x60000020),
            (0x600, 0x2000, 0x500, 0x300, 0x40000040),
            (0x40, 0x3000, 0x40, 0x800, 0),
        )
    ):
        image.put(0x148 + 40 * number, "8xIIII12xI", *row)
    _pe_code(image)
    _pe_unwinding(image)
    at = image.put(0x800, "IIHHHHHH", 0x2000, 20, 0xA400, 0x3408, 0xA410, 0, 0xAFFF, 0xA7FC)  # the last is not whole
    image.put(at, "IIHHII", 0x2000, 6, 0xA420, 0, 0x2000, 8)  # too short a block: the end
    image.refer("long", 0x700, 0x1000)
    image.refer("long", 0x710, 0x2400)
    image.put(0x708, "QQQ", BASE + 0x1000, BASE + 0x2400, BASE)
    return image


def pe_net() -> Image:
    """The same for .NET on Linux."""
    image = pe()
    image.put(0x44, "H", 0xFD1D)
    return image


def pe_32() -> Image:
    """PE32 for x86, with the same sections: pointers by relocations, calls and jumps by patterns."""
    image = Image(
        0xA48, [(0, 0), (0x200, 0xE00), (0x300, 0x1D00), (0x800, 0x2800), (0x840, 0)], (0x200, 0x300, b"\x90")
    )
    image.short_base = BASE_32
    image.put(0, "2s58xI", b"MZ", 0x40)
    image.put(0x40, "4sHH12xHH", b"PE\0\0", 0x14C, 3, 224, 0)
    image.put(0x58, "H26xI", 0x10B, BASE_32)
    image.put(0x58 + 96 + 24, "II8xII", 0x2020, 24, 0x3000, 0x40)  # exceptions are none of x86
    for number, row in enumerate(
        (
            (0xF0, 0x1000, 0x100, 0x200, 0x60000020),
            (0x600, 0x2000, 0x500, 0x300, 0x40000040),
            (0x40, 0x3000, 0x40, 0x800, 0),
        )
    ):
        image.put(0x138 + 40 * number, "8xIIII12xI", *row)
    image.relative(0x200, "e8", 0x1040)
    image.miss(0x208, "e8", 0x2000)
    image.relative(0x210, "0f84", 0x1000)
    image.put(0x220, "2s", b"\x8b\x0d")  # a load, which no pattern finds
    image.refer("short", 0x222, 0x2400)
    image.miss(0x230, "8b05", 0x1000)
    at = image.put(0x800, "IIHH", 0x1000, 12, 0x3022, 0)
    image.put(at, "IIHHHH", 0x2000, 16, 0x3400, 0xA410, 0x3404, 0x3FFF)  # the last has no byte in the file
    image.refer("short", 0x700, 0x1000)
    image.refer("short", 0x704, 0x2404)
    return image


def pe_relocations() -> Image:
    """The same; the second block of relocations is longer than its table."""
    image = pe()
    image.put(0x818, "I", 0x40)
    return image


def _pe_code(image: Image) -> None:
    image.relative(0x200, "e8", 0x1040)
    image.miss(0x208, "e8", 0x2000)  # a call out of its section
    image.relative(0x210, "0f84", 0x1000)
    image.relative(0x220, "488d05", 0x2000)  # a table of jumps
    image.relative(0x228, "488d0d", 0x2019)  # at no multiple of 4
    image.relative(0x230, "488b0d", 0x2420)  # no address of a table
    image.put(0x720, "i", 0x1000 - 0x2420)
    image.miss(0x238, "488b45", 0x2400)  # not counted from the instruction
    image.relative(0x240, "0f1005", 0x25FF)
    image.miss(0x268, "0f1045", 0x2400)
    image.relative(0x248, "488b05", 0x303F)
    image.miss(0x250, "488b05", 0x3040)  # beyond the end
    image.relative(0x258, "ff15", 0x1000)
    image.miss(0x260, "ff15", 0xFFF)  # below the lowest
    image.relative(0x270, "e9", 0x10FF)
    image.miss(0x278, "e9", 0x1100)
    image.relative(0x290, "e8", 0x107D)  # E8 E8 FF FF FF FF: the second overlaps
    image.put(0x295, "B", 0xFF)
    image.relative(0x2F7, "e8", 0x1080)
    for number, target in enumerate((0x1000, 0x1010, 0x10FF)):
        image.refer("jump", 0x300 + 4 * number, target, 0x2000)
    image.put(0x30C, "ii", 0x1100 - 0x2000, 0x1000 - 0x2000)  # the first leads out of the code; none behind it counts
    image.put(0x319, "i", 0x1000 - 0x2019)


def _pe_unwinding(image: Image) -> None:
    """Seven rows: plain, with a handler, chained, two with tables, out of the file, too near its end."""
    at = 0x320
    for unwind in (0x2080, 0x2088, 0x2098, 0x20B0, 0x20C0, 0x9000, 0x24F0):
        for address in (0x1000, 0x1010, unwind):
            at = image.refer("short", at, address)
    image.put(at, "II", 0x1000, 0x1010)  # no whole row
    image.put(0x380, "BBBB", 1, 0, 0, 0)
    image.put(0x388, "BBBBHH", 1 | 1 << 3, 0, 1, 0, 0, 0)
    image.refer("short", 0x390, 0x1020)
    image.put(0x394, "I", 0x2100)
    image.put(0x400, "IIIIIIII", 0x19930528, 0, 0, 0, 0, 0, 0, 0)  # no FuncInfo
    image.put(0x398, "BBBBHH", 1 | 4 << 3, 0, 2, 0, 0, 0)
    for number, target in enumerate((0x1000, 0x1010, 0x2080)):
        image.refer("short", 0x3A0 + 4 * number, target)
    for at, info, flags in ((0x3B0, 0x2140, 2), (0x3C0, 0x2170, 3)):
        image.put(at, "BBBB", 1 | flags << 3, 0, 0, 0)
        image.refer("short", at + 4, 0x1030)
        image.refer("short", at + 8, info)
    image.put(0x7F0, "BBBBI", 1 | 1 << 3, 0, 0, 0, 0x1020)  # 600 bytes before the file's end
    _func_info(image, 0x440, 0x19930522, (2, 0x21A0), (1, 0x21C0), (1, 0x21E0))
    _func_info(image, 0x470, 0x19930520, (5000, 0x2300), (4000, 0x2300), (1, 0x9000))  # none of these tables can be
    for row in (0x4A0, 0x4A8):
        image.put(row, "i", -1)
        image.refer("short", row + 4, 0x1050)
    image.put(0x4CC, "II", 1, 0x2200)  # one handler
    image.put(0x4C0, "III", 0, 1, 2)
    image.expected["short"].append([0x4D0, 0x2200])
    image.refer("short", 0x4E0, 0x1004)
    image.refer("short", 0x504, 0x2300)
    image.refer("short", 0x50C, 0x1060)


def _func_info(image: Image, at: int, magic: int, *tables: tuple[int, int]) -> None:
    """Unwind map, try map, address map: how many rows, and where; no exception types."""
    at = image.put(at, "I", magic)
    for count, address in tables:
        image.put(at, "I", count)
        at = image.refer("short", at + 4, address)
    at = image.put(at, "I", 0)
    image.refer("short", at, 0)


def elf(machine: int) -> Image:
    """Tables at 0, code at 1600 (file 600), data at 2700 (file 700) with room, then what is not loaded."""
    fill = (0x600, 0x700, b"\x90" if machine == 62 else struct.pack("<I", NOP))
    image = Image(0xB00, [(0, 0), (0x600, 0x1000), (0x700, 0x2000), (0x900, REST)], fill)
    image.put(0, "16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, machine, 1, 0, 64, 0x980, 0, 64, 56, 6, 64, 5, 0)
    for number, (kind, flags, offset, size, room) in enumerate(
        (
            (1, 4, 0, 0x600, 0x600),
            (1, 5, 0x600, 0x100, 0x100),
            (1, 6, 0x700, 0x200, 0x280),
            (1, 6, 0x900, 0, 0x100),  # without bytes in the file
            (2, 6, 0x700, 0x60, 0x60),
            (0x6474E550, 4, 0x300, 0x40, 0x40),
        )
    ):
        address = image.address(offset)
        image.put(64 + 56 * number, "IIQQQQQQ", kind, flags, offset, address, address, size, room, 8)
    _elf_relocations(image, 8 if machine == 62 else 1027)
    _elf_symbols(image)
    _elf_frames(image)
    if machine == 62:
        _elf_code(image)
    else:
        _arm_code(image)
    return image


def _elf_relocations(image: Image, relative: int) -> None:
    image.put(0x700, "qQqQqQqQqQqQ", 7, 0x9999, 0, 0, 7, 0x200, 8, 24 * 4 + 8, 23, 0x280, 2, 24)
    rows = ((0x2780, relative, 0x1600), (0x2788, relative, 0x1610), (0x2978, relative, 0x1620), (0x2790, 6, 0x77))
    for number, (place, info, addend) in enumerate(rows):
        at = image.refer("long", 0x200 + 24 * number, place)
        at = image.put(at, "Q", info)
        if info == relative:
            image.refer("long", at, addend)
        else:
            image.put(at, "Q", addend)
    image.refer("long", 0x780, 0x1600)
    image.put(0x788, "QQ", 0x1611, 0x77)  # not its addend; not relative
    image.refer("long", 0x280, 0x27A0)
    image.put(0x288, "QQ", 1 << 32 | 7, 0)


def _elf_symbols(image: Image) -> None:
    """Three sections of symbols; the second of type 2 counts, and that of type 11."""
    image.put(0x980 + 64 * 0, "4xI16xQQI", 2, 0x600, 48, 3)
    image.put(0x980 + 64 * 1, "4xI16xQQI", 2, 0x900, 48 + 8, 3)
    image.put(0x980 + 64 * 2, "4xI16xQQI", 11, 0x2C0, 24, 4)
    image.put(0x980 + 64 * 3, "4xI16xQQI", 3, 0x940, 0x20, 0)
    image.put(0x980 + 64 * 4, "4xI16xQQI", 3, 0x2E0, 0x10, 0)
    for row, value, name, anchor in (
        (0x900, 0x1600, 1, REST + 0x940),
        (0x918, 0x2780, 9, REST + 0x940),
        (0x2C0, 0x1610, 1, 0x2E0),
    ):
        image.refer("jump", row, anchor + name, anchor)
        image.refer("long", row + 8, value)


def _elf_frames(image: Image) -> None:
    """Four functions; the fifth row of the header is not whole."""
    image.put(0x300, "4sII", b"\x01\x1b\x03\x3b", 0, 9)
    image.refer("here", 0x304, 0x340)
    rows = ((0x1600, 0x380), (0x1610, 0x3A0), (0x1620, 0x3C0), (0x1630, 0x3E0), (0x1640, 0x400), (0x1650, 0x28E9))
    for number, (function, entry) in enumerate(rows):
        image.refer("jump", 0x30C + 8 * number, function, 0x300)
        image.refer("jump", 0x310 + 8 * number, entry, 0x300)
    image.put(0x340, "II17s", 28, 0, b"\1zPLR\0\1\x78\x10\7\x9b....\x1b\x1b")
    image.refer("here", 0x340 + 19, 0x27B0)
    image.put(0x360, "II11s", 20, 0, b"\1zSR\0\1\x78\x10\1\x1b")
    image.put(0x440, "II17s", 28, 0, b"\1zPLR\0\1\x78\x10\7\x03....\x1b\x1b")  # a personality that is an address
    image.put(0x480, "II12s", 20, 0, b"\1zLR\0\1\x78\x10\2\x1b\x0b")  # functions that are addresses
    for entry, common, function, table in (
        (0x380, 0x340, 0x1600, 0x500),
        (0x3A0, 0x340, 0x1610, 0),  # no table
        (0x3C0, 0x360, 0x1620, None),
        (0x3E0, 0x440, 0x1630, 0x510),
    ):
        image.put(entry, "I8xI", 24, 16)
        image.refer("back", entry + 4, common)
        image.refer("here", entry + 8, function)
        image.put(entry + 16, "BI", 4, 0x77 if table is None else 0)
        if table:
            image.refer("here", entry + 17, table)
    image.put(0x400, "I4xIIBI", 20, 0x1640, 16, 4, 0x500)
    image.refer("back", 0x404, 0x480)
    image.refer("back", 0x8ED, 0x28ED)  # all zeros: its CIE is itself, and says nothing


def _elf_code(image: Image) -> None:
    image.relative(0x600, "e8", 0x16FF)
    image.miss(0x608, "e8", 0x1700)
    image.relative(0x610, "488d05", 0x520)
    image.relative(0x618, "803d", 0x297F)
    image.miss(0x620, "803d", 0x2980)
    image.miss(0x6F8, "e8", 0x1600)  # too near the end
    for number in range(2):
        image.refer("jump", 0x520 + 4 * number, 0x1600 + 16 * number, 0x520)


def _arm_code(image: Image) -> None:
    image.branch(0x600, 0x94000000, 0x16FC)
    image.branch(0x604, 0x14000000, 0x1600)
    image.branch(0x608, 0x94000000, 0x1700, found=False)  # out of the stretch
    image.put(0x60C, "I", 0x54000040)  # a conditional branch
    image.page(0x610, 3, 0x27C4)
    image.low(0x614, 0x91000000, 3, 0x27C4)
    image.low(0x618, 0xB9400000, 3, 0x27C8, 2)  # the same page again
    image.low(0x61C, 0x91400000, 3, 0, found=False)  # ADD of a shifted number
    image.page(0x620, 5, 0x27D0)
    image.low(0x640, 0x3DC00000, 5, 0x27D0, 4)  # 8 instructions behind, 16 bytes
    image.page(0x648, 7, 0x27E0, found=False)
    image.low(0x66C, 0xF9400000, 7, 0x27E0, 3, found=False)  # 9 behind
    image.page(0x670, 9, 0x27F0, found=False)
    image.page(0x674, 9, 0x1600)
    image.low(0x678, 0x39000000, 9, 0x1601)  # STRB; the nearest page counts
    image.expected["page"][-1][1] = 0x1601
    image.low(0x67C, 0x91000000, 10, 0x27F0, found=False)  # another register
    image.page(0x680, 11, 0x2980, found=False)
    image.low(0x684, 0xF9400000, 11, 0x2980, 3, found=False)  # at the end
    image.page(0x688, 12, -0x1000, found=False)
    image.put(0x68C, "I", 0x3DC00000 | 0x378 << 10 | 12 << 5)  # 2780, from a page below 0
    image.page(0x6A0, 13, 0x2978)
    image.low(0x6A4, 0xFD000000, 13, 0x2978, 3)  # STR of 8 bytes of a register for vectors


def spoilt(make: Callable[[], Image], offset: int, form: str, *values: Any) -> bytes:
    """An image with one number of its headers that makes it none."""
    image = make()
    image.put(offset, form, *values)
    return bytes(image.data)


def x86() -> Image:
    return elf(62)


def elf_cut() -> Image:
    """The file ends with what is loaded: no symbols, and an FDE that is too near its end."""
    image = x86()
    del image.data[0x900:]
    image.expected["back"].pop()
    return without(image, lambda found: found[0] >= 0x900 or found[0] in (0x2C0, 0x2C8))


def elf_short_frames() -> Image:
    """A header of 11 bytes: no frames."""
    image = x86()
    image.put(64 + 56 * 5 + 32, "Q", 11)
    image.expected["here"] = image.expected["back"] = []
    return without(image, lambda found: found[0] in range(0x300, 0x340))


def without(image: Image, left: Callable[[list[int]], bool]) -> Image:
    for kind, found in image.expected.items():
        image.expected[kind] = [reference for reference in found if not left(reference)]
    return image


FOUND = (
    ("pe-x86-64", "[F-50], [F-51], [F-54], [F-58]", pe),
    ("pe-relocations", "[F-54]", pe_relocations),
    ("pe-x86-64-net", "[F-50]", pe_net),
    ("pe-x86", "[F-50], [F-51], [F-54], [F-58]", pe_32),
    ("elf-x86-64", "[F-50], [F-51], [F-55], [F-56], [F-58]", x86),
    ("elf-cut", "[F-50], [F-55], [F-56]", elf_cut),
    ("elf-short-frames", "[F-56]", elf_short_frames),
    ("elf-aarch64", "[F-50], [F-51], [F-55], [F-56], [F-57]", lambda: elf(183)),
)
NO_IMAGES = (
    ("pe-signature", pe, (0x40, "B", 0)),
    ("pe-machine", pe, (0x44, "H", 0x14C)),
    ("pe-32", pe, (0x58, "H", 0x10B)),
    ("pe-x86-magic", pe_32, (0x58, "H", 0x20B)),
    ("pe-x86-machine", pe_32, (0x44, "H", 0x8664)),
    ("pe-base", pe, (0x70, "Q", 1 << 52)),
    ("pe-no-sections", pe, (0x46, "H", 0)),
    ("pe-header-outside", pe, (0x3C, "I", 0xA90)),
    ("pe-descending", pe, (0x148 + 12, "I", 0x2000)),
    ("elf-32", x86, (4, "B", 1)),
    ("elf-big-endian", x86, (5, "B", 2)),
    ("elf-machine", x86, (18, "H", 40)),
    ("elf-entry", x86, (54, "H", 57)),
    ("elf-no-segments", x86, (56, "H", 0)),
    ("elf-nothing-loaded", x86, (32, "Q", 64 + 56 * 3)),
    ("elf-overlap", x86, (64 + 56 + 16, "Q", 0x500)),
    ("elf-room", x86, (64 + 56 + 40, "Q", 0xFF)),
    ("elf-beyond", x86, (64 + 56 * 2 + 8, "Q", 0xB00)),
    ("elf-rooms", x86, (64 + 56 * 2 + 40, "Q", 1 << 29)),
    ("elf-end", x86, (64 + 56 * 2 + 16, "Q", 1 << 40)),
)


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    listing: list[dict[str, Any]] = []
    for name, requirements, make in FOUND:
        image = make()
        expected = {kind: sorted(found) for kind, found in image.expected.items() if found}
        listing.append({"name": name, "requirements": requirements, "image": image.data.hex(), "references": expected})
    for name, make, change in NO_IMAGES:
        listing.append(
            {"name": name, "requirements": "[F-50]", "image": spoilt(make, *change).hex(), "references": None}
        )
    text = json.dumps({"images": listing}, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n"
    (directory / "images.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
