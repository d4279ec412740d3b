"""A bundle whose one file is made by a rebased patch, written from the text of spec/references.md."""

import struct
from collections.abc import Callable

from raw import Bundle, Case, Section, Tree, draft, manifest, varints, write

LOADED = 0x1000
LITERAL, ADD_LENGTHS, EXTRA_LENGTHS, SEEKS, SKIPS, CHANGES, EXTRA, PLACES, LAYOUTS, OPERANDS, JUMPS = range(11)


def counted(*numbers: int, counts: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """A layouts stream: the numbers of operands, of jumps and of marks, then the others [F-140]."""
    return varints(*counts, *numbers)


def program(size: int, function: int) -> bytes:
    """An ELF image, loaded whole: two calls of the function at that offset."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED, LOADED, size, size, 0x1000)
    data = bytearray((header + segment).ljust(size, b"\x90"))
    for at in (0x80, 0x88):
        struct.pack_into("<Bi", data, at, 0xE8, function - (at + 5))
    data[function] = 0xC3
    return bytes(data)


OLD, NEW = program(0xC0, 0xA0), program(0xD0, 0xB0)
TOOL: Tree = [("tool", 1, NEW)]

# Bytes 0 to 98 stay where they are, 20 extra ones follow, A8 to C0 end it. No block covers the function: F-52 leaves it
# at 10A0; the one shift says 10B0, so both calls are right. Wrong are only the two sizes of the segment.
STREAMS = {
    ADD_LENGTHS: varints(0x98),
    EXTRA_LENGTHS: varints(0x20, 0),
    SEEKS: varints(2 * 0x10),
    SKIPS: varints(2, 96, 7),
    CHANGES: b"\x10\x10",
    EXTRA: NEW[0x98:0xB8],
    PLACES: varints(1, 0),
    LAYOUTS: counted(5, 0, 0, 2 * 0x10, 0, 2 * 0x10, 2 * 0x10),  # of: base, offset, size, address, room; the shift
}


def shrunk(old_size: int) -> bytes:
    """The same from an image that is much larger, behind the function nothing but padding."""
    old = program(old_size, 0xA0)
    places = [at for at in range(96, 112) if old[at] != NEW[at]]  # of the two sizes of the segment
    skips = [b - a - 1 for a, b in zip([-1, *places], places, strict=False)]
    lost = 2 * (old_size - len(NEW)) - 1
    streams = {
        SKIPS: varints(len(places), *skips),
        CHANGES: bytes((NEW[at] - old[at]) % 256 for at in places),
        LAYOUTS: counted(5, 0, 0, lost, 0, lost, 2 * 0x10),
    }
    return rebased(old, streams)


def rebased(old: bytes = OLD, streams: dict[int, bytes] = {}) -> bytes:  # noqa: B006 - never written to
    """The bundle: the manifest, then the old image as an intermediate literal, and the patch of it."""
    packs = {LITERAL: old} | STREAMS | streams
    made = [bytes([0x80, 5]), [1], [len(old)], [0], [2], [*packs.items()]]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(TOOL), 1))]], made]
    return write(Bundle([Section("full", 0, frames, features=["references-1"])], TOOL))


def gapped(function: int) -> bytes:
    """An ELF image of two stretches, 1000 and 3000: a load from between them, and a call of the function there."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    for flags, offset, address, size in ((4, 0, 0x1000, 0xC0), (5, 0xC0, 0x3000, 0x60)):
        header += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, size, size, 0x1000)
    data = bytearray(header.ljust(0x120, b"\x90"))
    struct.pack_into("<BBi", data, 0xC8, 0x8B, 0x05, 0x2000 - 0x300E)
    struct.pack_into("<Bi", data, 0xD8, 0xE8, function - 0xDD)
    data[function] = 0xC3
    return bytes(data)


def outside() -> bytes:
    """The first known address is that of the function, for 2000 is in no room. It moves by a shift."""
    old, new = gapped(0xF8), gapped(0x108)
    streams = {
        EXTRA_LENGTHS: varints(0),
        SKIPS: varints(2, 0xF8, 15),
        CHANGES: bytes([(0x90 - 0xC3) % 256, 0xC3 - 0x90]),
        PLACES: varints(1, 0),
        LAYOUTS: counted(9, *[0] * 9, 2 * 0x10),
    }
    packs = {LITERAL: old} | streams
    made = [bytes([0x80, 5]), [1], [len(old)], [0], [1], [*packs.items()]]
    tree: Tree = [("tool", 1, new)]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(tree), 1))]], made]
    return write(Bundle([Section("full", 0, frames, features=["references-1"])], tree))


def library(pointer: int, function: int) -> bytes:
    """A PE32 image for x86: code at 1000, in which a pointer at that offset names a function, and its relocation."""
    data = bytearray(0x200) + b"\x90" * 0x80 + bytes(0x20)
    struct.pack_into("<2s58xI", data, 0, b"MZ", 0x40)
    struct.pack_into("<4sHH12xHH", data, 0x40, b"PE\0\0", 0x14C, 2, 224, 0)
    struct.pack_into("<H26xI", data, 0x58, 0x10B, 0x400000)
    struct.pack_into("<II", data, 0x58 + 96 + 40, 0x2000, 12)
    struct.pack_into("<8xIIII12xI", data, 0x138, 0x80, 0x1000, 0x80, 0x200, 0x60000020)
    struct.pack_into("<8xIIII12xI", data, 0x160, 0x20, 0x2000, 0x20, 0x280, 0x42000040)
    struct.pack_into("<I", data, 0x200 + pointer, 0x400000 + 0x1000 + function)
    struct.pack_into("<IIHH", data, 0x280, 0x1000, 12, 3 << 12 | pointer, 0)
    return bytes(data)


def with_table(copied: int = 12) -> bytes:
    """8 bytes are inserted before the pointer. Its relocation comes from the table behind the old image."""
    old, new = library(0x30, 0x40), library(0x38, 0x48)
    first, second = 0x220, 0x80 - 0x20 - 8
    streams = {
        ADD_LENGTHS: varints(first, second),
        EXTRA_LENGTHS: varints(8, 0, 0x20 - copied),
        SEEKS: varints(0, 2 * (len(old) - first - second)),
        SKIPS: varints(0),
        EXTRA: b"\x90" * 8 + bytes(0x20 - copied),
        PLACES: varints(0),
        LAYOUTS: counted(9, *[0] * 9),
    }
    packs = {LITERAL: old} | streams
    made = [bytes([0x80, 5]), [1], [len(old)], [0], [3], [*packs.items()]]
    tree: Tree = [("library", 0, new)]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(tree), 1))]], made]
    return write(Bundle([Section("full", 0, frames, features=["references-1"])], tree))


def split(layout: tuple[int, ...]) -> bytes:
    """An ELF image of one stretch becomes one of two: the code is one, what stands before it the other.

    A load from behind the file's bytes moves with the code.
    """
    before, after = bytearray(0xE0), bytearray(0xE0)
    for data, segments in (
        (before, [(5, 0, 0x1000, 0xE0, 0x200)]),
        (after, [(4, 0, 0x1000, 0xB0, 0xB0), (5, 0xB0, 0x30B0, 0x30, 0x150)]),
    ):
        counts = (64, 56, len(segments), 64, 0, 0)
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, *counts)
        for flags, offset, address, size, room in segments:
            head += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, size, room, 0x1000)
        data[: len(head)] = head
        data[0xB0:] = b"\x90" * 0x30
    struct.pack_into("<BBi", before, 0xB4, 0x8B, 0x05, 0x1100 - 0x10BA)
    struct.pack_into("<BBi", after, 0xB4, 0x8B, 0x05, 0x31B0 - 0x30BA)
    old, new = bytes(before), bytes(after)
    streams = {
        ADD_LENGTHS: varints(0),
        EXTRA_LENGTHS: varints(0xB0, 0),
        SEEKS: varints(2 * 0xB0),
        SKIPS: varints(0),
        EXTRA: new[:0xB0],
        PLACES: varints(0),
        LAYOUTS: counted(*layout),
    }
    packs = {LITERAL: old} | streams
    made = [bytes([0x80, 5]), [1], [len(old)], [0], [2], [*packs.items()]]
    tree: Tree = [("tool", 1, new)]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(tree), 1))]], made]
    return write(Bundle([Section("full", 0, frames, features=["references-1"])], tree))


def coded(streams: dict[int, bytes] = {}, e9: int = 3) -> bytes:  # noqa: B006 - never written to
    """New code behind copied code: operands of its own, and two of the copied code that are marked.

    Copied are a call and a jump, both of the function. Now they lead to the new code and to the end. `e9`: how many
    bytes of the new code follow its last byte E9.
    """
    old = bytearray(program(0xC0, 0xA0))
    struct.pack_into("<Bi", old, 0x90, 0xE9, 0xA0 - 0x95)
    new = bytearray(program(0xF0, 0xD0))
    new[0x98:0xC8] = b"\x90" * 0x30
    struct.pack_into("<Bi", new, 0x80, 0xE8, 0x98 - 0x85)
    struct.pack_into("<Bi", new, 0x90, 0xE9, 0xEF - 0x95)
    for at, opcode, target in ((0x98, b"\xe8", 0xD0), (0xA0, b"\x0f\x85", 0x98), (0xA8, b"\x48\x8b\x05", 0xE8)):
        new[at : at + len(opcode)] = opcode
        struct.pack_into("<i", new, at + len(opcode), target - (at + len(opcode) + 4))
    new[0xC7 - e9] = 0xE9
    fresh = new[0x98:0x99] + new[0x9D:0xA2] + new[0xA6:0xAB] + new[0xAF:0xC8]
    own = {
        ADD_LENGTHS: varints(0x98),
        EXTRA_LENGTHS: varints(0x30, 0),
        SEEKS: varints(0),
        SKIPS: varints(4, 96, 7, 0x81 - 105, 0x91 - 0x82),
        CHANGES: b"\x30\x30",
        EXTRA: bytes(fresh),
        PLACES: varints(0),
        LAYOUTS: counted(5, 0, 0, 2 * 0x30, 0, 2 * 0x30, counts=(3, 2, 2)),
        OPERANDS: struct.pack(">III", 0x1098, 0x10D0, 0x10E8),
        JUMPS: struct.pack(">Ii", 0xEF - 0x95, 0x98 - 0xA6),
    }
    return of(bytes(old), bytes(new), 2, own | streams)


def counting(operands: int, jumps: int, marks: int) -> Callable[[], bytes]:
    """The same with those counts in its layouts."""
    return lambda: coded({LAYOUTS: counted(5, 0, 0, 96, 0, 96, counts=(operands, jumps, marks))})


def twice() -> bytes:
    """Code that stands twice in the new image. Each call leads to the function beside it, the map knows one."""
    old = program(0xC0, 0xA0)
    new = bytearray(old + old[0x88:0xB8])
    for at in (96, 104):
        new[at] = 0x30 + old[at]
    own = {
        ADD_LENGTHS: varints(0xC0),
        EXTRA_LENGTHS: varints(0, 0),
        SEEKS: varints(2 * 0x38 - 1),
        SKIPS: varints(2, 96, 7),
        CHANGES: b"\x30\x30",
        PLACES: varints(0),
        LAYOUTS: counted(5, 0, 0, 2 * 0x30, 0, 2 * 0x30),
    }
    return of(old, bytes(new), 2, own)


def of(old: bytes, new: bytes, triples: int, streams: dict[int, bytes]) -> bytes:
    """The bundle of such a patch."""
    packs = {LITERAL: old} | streams
    made = [bytes([0x80, 5]), [1], [len(old)], [0], [triples], [*packs.items()]]
    tree: Tree = [("tool", 1, new)]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(tree), 1))]], made]
    return write(Bundle([Section("full", 0, frames, features=["references-1"])], tree))


PARTS = (0, 0xB0, 0x1000, 0xB0, 0, 0xB0, 0x30, 0x30B0, 0x150, 1)
CASES: list[Case] = [
    ("operands", "accept", "F-140 F-141 F-142", "new code, and two marked operands", coded),
    ("operands-near", "accept", "F-139", "code that stands twice", twice),
    ("operands-few", "malformed", "F-140", "an operand fewer than there are", counting(2, 2, 2)),
    ("operands-many", "malformed", "F-140", "a jump more than there are", counting(3, 3, 2)),
    ("operands-exchanged", "malformed", "F-140", "a jump among the operands", counting(4, 1, 2)),
    ("operands-marks", "malformed", "F-142", "a mark fewer than there are", counting(3, 2, 1)),
    ("operands-all-marked", "malformed", "F-140", "more marks than operands", counting(3, 2, 6)),
    ("operands-cut", "malformed", "F-140", "half an operand", lambda: coded({OPERANDS: bytes(10)})),
    ("operands-left", "malformed", "F-27 F-140", "a jump that nothing takes", lambda: coded({JUMPS: bytes(12)})),
    ("operands-no-room", "accept", "F-141", "E9 a byte before the end", lambda: coded(e9=1)),
    ("operands-room", "malformed", "F-141", "E9 with room for an operand", lambda: coded(e9=4)),
    (
        "operands-counts",
        "malformed",
        "F-140",
        "layouts of two numbers",
        lambda: coded({LAYOUTS: varints(3, 2)}),
    ),
    ("reaimed-split", "accept", "F-109", "one stretch becomes two", lambda: split((0, 2, 0, *PARTS))),
    ("reaimed-split-same", "malformed", "F-109", "as many, said whole", lambda: split((0, 1, 0, *PARTS[5:]))),
    ("reaimed-split-none", "malformed", "F-109", "no stretch", lambda: split((0, 0, 0))),
    ("reaimed-split-many", "malformed", "F-109", "66 stretches", lambda: split((0, 66, 0, *PARTS * 33))),
    ("reaimed-split-flag", "malformed", "F-109", "executable twice", lambda: split((0, 2, 0, *PARTS[:-1], 2))),
    ("reaimed-split-overlap", "malformed", "F-50 F-109", "two that overlap", lambda: split((0, 2, 0, *PARTS[:5] * 2))),
    ("reaimed-split-short", "malformed", "F-109", "a number too few", lambda: split((0, 2, 0, *PARTS[:-1]))),
    ("reaimed-table", "accept", "F-108", "the relocation of a pointer that moved", with_table),
    ("reaimed-table-beyond", "malformed", "F-108 F-41", "a byte beyond the table", lambda: with_table(13)),
    ("reaimed", "accept", "F-50 F-51 F-52 F-53 F-58", "two calls that follow their function", rebased),
    ("reaimed-shrunk", "accept", "F-66", "a source of 16 times its result", lambda: shrunk(16 * len(NEW))),
    ("reaimed-shrunk-more", "malformed", "F-66", "a byte more", lambda: shrunk(16 * len(NEW) + 1)),
    ("reaimed-source", "malformed", "F-50 F-52", "the source is no image", lambda: rebased(b"\0" + OLD[1:])),
    (
        "reaimed-beyond",
        "malformed",
        "F-52 F-41",
        "a block beyond the source",
        lambda: rebased(streams={SEEKS: varints(2 * 0x11)}),
    ),
    (
        "reaimed-layout",
        "malformed",
        "F-50 F-53",
        "a new layout with a stretch of no bytes",
        lambda: rebased(streams={LAYOUTS: counted(5, 0, 0, 2 * 0xC0 - 1, 0, 32, 32)}),
    ),
    (
        "reaimed-room",
        "malformed",
        "F-50 F-53",
        "a new layout with a stretch that ends at 2^40",
        lambda: rebased(streams={LAYOUTS: counted(5, 0, 0, 32, 0, 2 * ((1 << 40) - 0x1000 - len(OLD)), 32)}),
    ),
    (
        "reaimed-layout-count",
        "malformed",
        "F-53",
        "a layout with a number more than the old image's has",
        lambda: rebased(streams={LAYOUTS: counted(6, 0, 0, 32, 0, 32, 0, 32)}),
    ),
    (
        "reaimed-layout-short",
        "malformed",
        "F-53",
        "a shift that is missing",
        lambda: rebased(streams={LAYOUTS: counted(5, 0, 0, 32, 0, 32)}),
    ),
    (
        "reaimed-place",
        "malformed",
        "F-53",
        "a shift of an address that is not known",
        lambda: rebased(streams={PLACES: varints(1, 1)}),
    ),
    (
        "reaimed-shift",
        "malformed",
        "F-53",
        "a shift by 2^30",
        lambda: rebased(streams={LAYOUTS: counted(5, 0, 0, 32, 0, 32, 1 << 31)}),
    ),
    (
        "reaimed-places",
        "malformed",
        "F-53",
        "two shifts of one address",
        lambda: rebased(streams={PLACES: varints(2, 0, 0), LAYOUTS: counted(5, 0, 0, 32, 0, 32, 32, 0)}),
    ),
    (
        "reaimed-layout-rooms",
        "malformed",
        "F-50 F-53",
        "a new layout with a room of over 512 MiB",
        lambda: rebased(streams={LAYOUTS: counted(5, 0, 0, 32, 0, 2 * ((1 << 29) + 1 - len(OLD)), 32)}),
    ),
    ("reaimed-outside", "accept", "F-52", "a reference to an address in no room has no index among shifts", outside),
    (
        "reaimed-change",
        "malformed",
        "F-53",
        "a change behind the last covered byte",
        lambda: rebased(streams={SKIPS: varints(2, 96, 79)}),
    ),
]
