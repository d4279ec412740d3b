"""References in machine code of x86 and x86-64, and in the jump tables that it loads. spec/references.md [F-58].

Instructions of x86 have no fixed length, and a decoder that loses its way stays lost for a while. So none is decoded:
the patterns of the usual instructions are looked for at every byte, and a hit counts if it points to where it may.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.machine_code.patterns import ONE, OPERAND_BYTES, RELATIVE, TWO
from bundle.references.image import Image, Machine, Stretch
from bundle.references.pages import Pages
from bundle.references.places import Places, PlaceSet
from bundle.references.words import Bytes, Numbers, read_signed

BLOCK_BYTES = 1 << 20  # at once: the masks of a block take some bytes of memory for each of its own


def _class_of(mask: NDArray[np.bool_]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % byte for byte in np.flatnonzero(mask).tolist()) + b"]"


_CALLS = rb"[\xe8\xe9]|\x0f[\x80-\x8f]"
_MEMORY = _class_of(ONE) + _class_of(RELATIVE) + rb"|\x0f" + _class_of(TWO) + _class_of(RELATIVE)
# What stands before an operand, by the machine.
PATTERNS = {
    Machine.X86: re.compile(b"(?:" + _CALLS + b")"),
    Machine.X86_64: re.compile(b"(?:" + _CALLS + b"|" + _MEMORY + b")"),
}
_WITH_OPERANDS = {machine: re.compile(b"(?s:" + one.pattern + b"....)") for machine, one in PATTERNS.items()}


def operands(machine: Machine, piece: bytes) -> list[int]:
    """Where operands stand in a piece of new code [F-141]."""
    return [match.end() - OPERAND_BYTES for match in _WITH_OPERANDS[machine].finditer(piece)]


def missing_operands(machine: Machine, data: bytes, start: int, length: int) -> list[int]:
    """The same of a piece of that length, from its bytes without the operands, which begin at `start`."""
    found: list[int] = []
    for match in PATTERNS[machine].finditer(data, start, start + length):
        at = match.end() - start + OPERAND_BYTES * len(found)
        if at + OPERAND_BYTES > length:
            break
        found.append(at)
    return found


def is_jump(before: Bytes) -> NDArray[np.bool_]:
    """Which operands are those of jumps, by the byte before each."""
    found: NDArray[np.bool_] = (before == 0xE9) | ((before & 0xF0) == 0x80)
    return found


def relatives(data: Pages, image: Image) -> Iterator[Numbers]:
    """Calls and jumps within a stretch, and what instructions load, store or compare anywhere in the image.

    In no order, and some that overlap others.
    """
    for stretch in image.stretches:
        if not stretch.executable:
            continue
        # The last 8 bytes are left out, so that no pattern below reads beyond the stretch.
        for start in range(stretch.offset, stretch.offset + stretch.size - 8, BLOCK_BYTES):
            end = min(start + BLOCK_BYTES, stretch.offset + stretch.size - 8)
            yield from _in_block(data.span(start, end + 8), image, stretch, start)


def _in_block(block: Bytes, image: Image, stretch: Stretch, start: int) -> Iterator[Numbers]:
    count = len(block) - 8
    first, second, third = block[:count], block[1 : count + 1], block[2 : count + 2]
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
            np.flatnonzero(ONE[first] & RELATIVE[second]) + 2,
            np.flatnonzero((first == 0x0F) & TWO[second] & RELATIVE[third]) + 3,
        ]
    )
    # A call leads to code of its own stretch, data may lie anywhere in the image. That is the only check. It rules out
    # most false hits: an image takes some megabytes of the 4 GiB that 4 random bytes reach.
    ranges = ((calls, stretch.address, stretch.address + stretch.room), (memory, image.lowest, image.end))
    # On x86 the same bytes name an address by itself. Base relocations list those.
    for at, lowest, highest in ranges[: 1 if image.machine == Machine.X86 else 2]:
        target = read_signed(block, at) + (at + start - stretch.offset + stretch.address) + 4
        yield at[(target >= lowest) & (target < highest)] + start


def table_starts(data: Pages, image: Image, relative: Places) -> Places:
    """Offsets where tables of jumps start: where a `lea` points, outside of code, at a multiple of 4."""
    starts = PlaceSet(data.size)
    for _, at in relative.chunks():
        # 8D is LEA, two bytes before the address. Compilers load the start of a jump table so, add an entry, and jump
        # there.
        loads = at[at >= 2]
        loads = loads[data.byte(loads - 2) == 0x8D]
        anchors = image.addresses(loads) + 4 + data.signed(loads)
        offsets = image.offsets(anchors[anchors & 3 == 0])
        for stretch in image.stretches:
            if not stretch.executable:
                starts.add(offsets[(offsets >= stretch.offset) & (offsets < stretch.offset + stretch.size)])
    return starts.places()


def jumps(data: Pages, image: Image, starts: Places) -> Iterator[Numbers]:
    """Entries of the tables of jumps that start there. Each counts from its table's start.

    A table goes on to the next start, as long as each 4 bytes lead into code.
    """
    for stretch in image.stretches:
        first, last = starts.before(np.array([stretch.offset, stretch.offset + stretch.size])).tolist()
        if stretch.executable or first == last:
            continue
        begun = int(starts.at(np.array([first]))[0])
        sound = True  # all entries so far of the table that the last block ended in
        for start in range(begun, stretch.offset + stretch.size - 3, BLOCK_BYTES):
            places = np.arange(start, min(start + BLOCK_BYTES, stretch.offset + stretch.size - 3), 4, dtype=np.int64)
            table = starts.before(places + 1) - 1
            target = image.addresses(starts.at(table)) + data.signed(places)
            leads = np.zeros(len(places), bool)
            for code in image.stretches:
                if code.executable:
                    leads |= (target >= code.address) & (target < code.address + code.room)
            # How many entries before each one point elsewhere: those of a table count up to the first that does.
            passed = np.concatenate([[0 if sound else 1], ~leads]).cumsum()
            at_opening = np.maximum.accumulate(np.where(starts.at(table) == places, passed[:-1], 0))
            counted = passed[1:] == at_opening
            sound = bool(counted[-1])
            yield places[counted]
