"""References in machine code of x86-64, and in the jump tables that it loads. spec/format.md, section 9 [F-58].

Instructions of x86 have no fixed length, and a decoder that loses its way stays lost for a while. So none is decoded:
the patterns of the usual instructions are looked for at every byte, and a hit counts if it points to where it may.
"""

import numpy as np

from bundle.references.image import Image
from bundle.references.kinds import Group
from bundle.references.words import NONE, Bytes, Numbers, apart, joined, read_signed

BLOCK_BYTES = 1 << 20  # at once: the masks of a block take some bytes of memory for each of its own

# Opcodes whose ModR/M byte may name an address relative to the instruction's end. Of one byte: MOV, LEA, the arithmetic
# (ADD, OR, AND, SUB, XOR, CMP), TEST, XCHG, MOVSXD, then CALL and JMP through memory, forms for bytes, and those with
# an immediate behind the address. Of two, behind 0F: the moves, conversions and arithmetic of SSE, CMOVcc, MOVZX,
# MOVSX, IMUL. Rarer ones gain little, and each pattern makes false hits.
_ONE = np.zeros(256, bool)
_ONE[[0x8B, 0x89, 0x8D, 0x3B, 0x39, 0x03, 0x01, 0x2B, 0x29, 0x33, 0x31, 0x23, 0x21, 0x0B, 0x09, 0x85, 0x87, 0x63]] = (
    True
)
_ONE[[0xFF, 0x8A, 0x88, 0x38, 0x3A, 0x84, 0x80, 0xC6, 0xC7, 0x81, 0x83, 0xF7, 0xF6]] = True
_TWO = np.zeros(256, bool)
_TWO[[*range(0x10, 0x18), 0x28, 0x29, 0x2E, 0x2F, 0x51, 0x54, 0x57, 0x58, 0x59, 0x5C, 0x5E, 0x5A, 0x5D, 0x5F]] = True
_TWO[[0x6F, 0x7F, 0x6E, 0x7E, 0xB6, 0xB7, 0xBE, 0xBF, 0xAF, 0xD6, 0xEF, 0xEB, 0xDB, *range(0x40, 0x50)]] = True


def relatives(data: Bytes, image: Image) -> Numbers:
    """Calls and jumps within a stretch, and what instructions load, store or compare anywhere in the image."""
    found = []
    for stretch in image.stretches:
        if not stretch.executable:
            continue
        # The last 8 bytes are left out, so that no pattern below reads beyond the stretch.
        for start in range(stretch.offset, stretch.offset + stretch.size - 8, BLOCK_BYTES):
            end = min(start + BLOCK_BYTES, stretch.offset + stretch.size - 8)
            first, second, third = data[start:end], data[start + 1 : end + 1], data[start + 2 : end + 2]
            # CALL and JMP (E8, E9), and the conditional jumps (0F 80 to 0F 8F), with 4 bytes behind the opcode.
            calls = np.concatenate(
                [
                    np.flatnonzero((first == 0xE8) | (first == 0xE9)) + 1,
                    np.flatnonzero((first == 0x0F) & ((second & 0xF0) == 0x80)) + 2,
                ]
            )
            # ModR/M with mod 0 and r/m 5 (mask C7, value 05): RIP-relative, 4 bytes behind it.
            memory = np.concatenate(
                [
                    np.flatnonzero(_ONE[first] & ((second & 0xC7) == 5)) + 2,
                    np.flatnonzero((first == 0x0F) & _TWO[second] & ((third & 0xC7) == 5)) + 3,
                ]
            )
            # A call leads to code of its own stretch, data may lie anywhere in the image. That is the only check. It
            # rules out most false hits: an image takes 16 MiB at most of the 4 GiB that 4 random bytes reach.
            ranges = (
                (calls + start, stretch.address, stretch.address + stretch.room),
                (memory + start, image.lowest, image.end),
            )
            for at, lowest, highest in ranges:
                target = read_signed(data, at) + (at - stretch.offset + stretch.address) + 4
                found.append(at[(target >= lowest) & (target < highest)])
    return apart(joined(*found), 4)


def jumps(data: Bytes, image: Image, relative: Numbers) -> Group:
    """Tables of jumps, each counted from its start.

    A table starts where a `lea` points, outside of code, at a multiple of 4. It goes on to the next such place, as long
    as each 4 bytes, counted from its start, lead into code.
    """
    # 8D is LEA, two bytes before the address. Compilers load the start of a jump table so, add an entry, and jump
    # there.
    loads = relative[(relative >= 2) & (data[relative - 2] == 0x8D)]
    anchors = joined(image.addresses(loads) + 4 + read_signed(data, loads))
    anchors = anchors[anchors & 3 == 0]
    entries, aims, tables = [NONE], [NONE], [NONE]
    for stretch in image.stretches:
        starts = anchors[(anchors >= stretch.address) & (anchors < stretch.address + stretch.size)]
        if stretch.executable or not len(starts):
            continue
        places = np.arange(starts[0], stretch.address + stretch.size - 3, 4, dtype=np.int64)
        table = starts[np.searchsorted(starts, places, "right") - 1]
        target = table + read_signed(data, places - stretch.address + stretch.offset)
        # How many entries before each one point elsewhere: those of a table count up to the first that does.
        astray = np.ones(len(places), np.int64)
        for code in image.stretches:
            if code.executable:
                astray[(target >= code.address) & (target < code.address + code.room)] = 0
        passed = np.concatenate([[0], np.cumsum(astray)])
        sound = passed[1:] == passed[(table - starts[0]) // 4]
        entries.append(places[sound] - stretch.address + stretch.offset)
        aims.append(target[sound])
        tables.append(table[sound])
    return Group(np.concatenate(entries), np.concatenate(aims), np.concatenate(tables))
