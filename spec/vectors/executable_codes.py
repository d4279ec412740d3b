"""Executables of code alone: every pattern of [F-57] and [F-58], beside all that differ from it in one byte or bit."""

import struct
from collections.abc import Callable

from executables import NOP, Image

AT, LOWEST, ROOM = 0x200, 0x11200, 0x100000  # the code: in the file, its address, and the room behind it
FAR = 0x4000  # from an instruction into the room of the data, where no jump may go
NEAR = 0x10
ONE = "01 03 09 0B 21 23 29 2B 31 33 38 39 3A 3B 63 80 81 83 84 85 87 88 89 8A 8B 8D C6 C7 F6 F7 FF"
TWO = "10 11 12 13 14 15 16 17 28 29 2E 2F 40 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F 51 54 57 58 59 5A"
TWO += " 5C 5D 5E 5F 6E 6F 7E 7F AF B6 B7 BE BF D6 DB EB EF"
FORMS = [form for form in range(256) if form & 0xC7 == 5]


def code(machine: int, size: int, data: int = 0x40) -> Image:
    """ELF of a stretch of code and one of data behind it. Nothing else is in the file."""
    image = Image(AT + size + data, [(0, 0), (AT, LOWEST - AT)], (AT, AT + size, b"\x90"))
    image.put(0, "16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    for number, (flags, offset, length, room) in enumerate(((5, AT, size, size), (6, AT + size, data, ROOM))):
        address = image.address(offset)
        image.put(64 + 56 * number, "IIQQQQQQ", 1, flags, offset, address, address, length, room, 8)
    return image


def x86_codes() -> Image:
    """All first bytes, all second bytes after 0F, and all forms of an operand, each with a distance of FAR."""
    image = code(62, 8 * 256 * 4)
    one, two = bytes.fromhex(ONE), bytes.fromhex(TWO)
    at = AT
    for value in range(256):
        at = _slot(image, at, bytes([value, 5]), found=value in one)
    for value in range(256):  # the second byte may be a first byte itself
        at = _slot(image, at, bytes([0x0F, value, 5]), found=value in one + two)
    for value in range(256):
        at = _slot(image, at, bytes([0x89, value]), found=value in FORMS)
    for value in range(256):
        at = _slot(image, at, bytes([0x0F, 0x10, value]), found=value in FORMS)
    return image


def x86_jumps() -> Image:
    """The same, with targets in the stretch."""
    image = code(62, 8 * 256 * 2 + 0x40)
    return _jumps(image)


def _jumps(image: Image) -> Image:
    at = AT
    for value in range(256):
        at = _slot(image, at, bytes([value]), found=value in (0xE8, 0xE9), distance=NEAR)
    for value in range(256):
        is_first = value in (0xE8, 0xE9)
        at = _slot(image, at, bytes([0x0F, value]), found=is_first or 0x80 <= value <= 0x8F, distance=NEAR)
    return image


def _slot(image: Image, at: int, opcode: bytes, *, found: bool, distance: int = FAR) -> int:
    image.data[at : at + len(opcode)] = opcode
    here = at + len(opcode)
    image.put(here, "i", distance)
    if found:
        image.expected["relative"].append([here, image.address(here) + 4 + distance])
    return at + 8


def x86_edges() -> Image:
    """Targets at both ends of the stretch and of all addresses, and the last offset that is looked at."""
    image = code(62, 0x100)
    start, end, highest = LOWEST, LOWEST + 0x100, LOWEST + 0x100 + ROOM
    at = AT
    for opcode, low, high in (
        ("e8", start, end),
        ("e9", start, end),
        ("0f80", start, end),
        ("0f8f", start, end),
        ("8b05", start, highest),
        ("0f1005", start, highest),
    ):
        for target in (low - 1, low, high - 1, high):
            if low <= target < high:
                image.relative(at, opcode, target)
            else:
                image.miss(at, opcode, target)
            at += 8
    image.relative(AT + 0x100 - 9, "e8", LOWEST + 1)
    return image


def x86_last() -> Image:
    """The same at one byte farther: too near the end."""
    image = code(62, 0x40)
    image.miss(AT + 0x40 - 8, "e8", LOWEST + 1)
    image.relative(AT, "e8", LOWEST + 2)
    return image


def x86_overlaps() -> Image:
    """A call whose operand begins with E8, and another behind it. The second one that is seen overlaps the first."""
    image = code(62, 0x200)
    image.relative(AT, "e8", LOWEST + 5 + 0xE8)
    image.data[AT + 5] = 0
    image.relative(AT + 6, "e8", LOWEST + 0x20)
    image.relative(AT + 0x10, "0f80", LOWEST + 0x16 + 0xE9)
    image.data[AT + 0x16] = 0
    return image


def x86_tables() -> Image:
    """Tables of jumps: their anchors, and where each ends."""
    image = code(62, 0x80, 0x60)
    data, start, end = AT + 0x80, LOWEST, LOWEST + 0x80
    table = image.address(data)
    image.relative(AT, "8d05", table)
    image.relative(AT + 0x08, "8d05", table + 0x10)
    image.relative(AT + 0x10, "8d05", table + 0x21)  # no multiple of 4
    image.relative(AT + 0x18, "8b05", table + 0x30)  # no 8D
    image.relative(AT + 0x20, "8d0d", table + 0x40)
    image.relative(AT + 0x28, "8d05", table + 0x5C)  # the last word
    image.relative(AT + 0x30, "8d05", table + 0x60)  # in the room, and not in the file
    image.relative(AT + 0x38, "8d05", start + 0x40)  # in code: no table
    image.data[data : data + 0x60] = b"\x77" * 0x60  # leads nowhere
    for number in range(4):  # up to the next anchor, from which it counts anew
        image.refer("jump", data + 4 * number, start + number, table)
    image.refer("jump", data + 0x10, end - 1, table + 0x10)
    image.put(data + 0x14, "i", end - (table + 0x10))
    image.put(data + 0x18, "i", start - (table + 0x10))  # behind one that leads out
    image.put(data + 0x20, "ii", start - (table + 0x20), start - (table + 0x21))
    image.put(data + 0x30, "i", start - (table + 0x30))
    image.put(data + 0x40, "i", start - 1 - (table + 0x40))
    image.refer("jump", data + 0x5C, start, table + 0x5C)
    return image


def arm(size: int) -> Image:
    image = code(183, size)
    image.data[AT : AT + size] = struct.pack("<I", NOP) * (size // 4)
    return image


def arm_branches() -> Image:
    """B and BL, every bit of the opcode exchanged, and targets at both ends."""
    image = arm(0x100)
    at = AT
    for bit in (None, *range(26, 32)):
        opcode = 0x94000000 ^ (0 if bit is None else 1 << bit)
        image.branch(at, opcode, LOWEST + 0x40, found=bit in (None, 31))  # bit 31 tells BL from B
        at += 4
    for target in (LOWEST - 4, LOWEST, LOWEST + 0xFC, LOWEST + 0x100):
        image.branch(at, 0x14000000, target, found=LOWEST <= target < LOWEST + 0x100)
        at += 4
    return image


def arm_pages() -> Image:
    """ADRP with an ADD or a load behind it: every bit of each exchanged, each register, each scale."""
    image = arm(8 * 200)
    target = LOWEST + 0x8880
    at = AT
    for bit in (None, *range(22, 32)):  # ADD
        opcode = 0x91000000 ^ (0 if bit is None else 1 << bit)
        is_load = opcode & 0x3B000000 == 0x39000000
        at = _pair(image, at, 3, opcode, target, found=bit is None or is_load)
    for bit in range(22, 32):  # LDR of 8 bytes
        opcode = 0xF9400000 ^ 1 << bit
        at = _pair(image, at, 3, opcode, target, found=opcode & 0x3B000000 == 0x39000000)
    for size in range(4):
        for rest in (0x39000000, 0x39400000, 0x39800000, 0x39C00000, 0x3D000000, 0x3D400000, 0x3D800000, 0x3DC00000):
            at = _pair(image, at, 3, size << 30 | rest, target, found=True)
    for register in range(32):
        at = _pair(image, at, register, 0x91000000, target, found=True)
    for bit in range(5):
        at = _pair(image, at, 3, 0x91000000, target, found=False, other=3 ^ 1 << bit)
    for bit in (24, 25, 27, 28, 31):  # no ADRP; with bit 26 it is a branch
        at += 0x20  # away from those before
        image.page(at, 3, target, found=False)
        image.put(at, "I", int.from_bytes(image.data[at : at + 4], "little") ^ 1 << bit)
        image.low(at + 4, 0x91000000, 3, target, found=False)
        at += 8
    return image


def _pair(
    image: Image, at: int, register: int, opcode: int, target: int, *, found: bool, other: int | None = None
) -> int:
    """An ADRP, and what adds to it."""
    image.page(at, register, target, found=found)
    size = opcode >> 30
    wide = size == 0 and opcode & 0x04800000 == 0x04800000
    scale = 0 if opcode & 0xFFC00000 == 0x91000000 else 4 if wide else size
    image.low(at + 4, opcode, register if other is None else other, target, scale, found=found)
    return at + 8


def arm_edges() -> Image:
    """How far behind, and from the lowest address to the end."""
    image = arm(0x200)
    at, highest = AT, LOWEST + 0x200 + ROOM
    for target in (LOWEST - 1, LOWEST, highest - 1, highest):
        at = _pair(image, at, 1, 0x91000000, target, found=LOWEST <= target < highest)
    for register, words in ((2, 1), (4, 8), (5, 9)):
        image.page(at, register, LOWEST + 0x5000 + register, found=words <= 8)
        image.low(at + 4 * words, 0x91000000, register, LOWEST + 0x5000 + register, found=words <= 8)
        at += 0x30
    image.page(at, 6, LOWEST + 0x6000)  # two that add to it: the first gives the target
    image.low(at + 4, 0x91000000, 6, LOWEST + 0x6010)
    image.low(at + 8, 0x91000000, 6, LOWEST + 0x6004)
    image.expected["page"][-1][1] = LOWEST + 0x6010
    return image


FOUND: tuple[tuple[str, str, Callable[[], Image]], ...] = (
    ("elf-x86-64-codes", "F-58", x86_codes),
    ("elf-x86-64-jumps", "F-58", x86_jumps),
    ("elf-x86-64-edges", "F-58", x86_edges),
    ("elf-x86-64-last", "F-58", x86_last),
    ("elf-x86-64-overlaps", "F-51", x86_overlaps),
    ("elf-x86-64-tables", "F-58", x86_tables),
    ("elf-aarch64-branches", "F-57", arm_branches),
    ("elf-aarch64-pages", "F-57", arm_pages),
    ("elf-aarch64-edges", "F-57", arm_edges),
)
