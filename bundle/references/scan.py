"""Finding references by a fixed rule, the same on both sides: spec/format.md, section 9 [F-51].

A false hit costs bytes, never correctness. Four kinds: `jump`, 4 bytes in a table that count from the table's start,
its anchor; `relative`, 4 bytes that count from their own end; `short`, 4 bytes that hold an address; `long`, 8 bytes
that hold an address and the image's base.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.references.image import Image, Numbers

Bytes = NDArray[np.uint8]
JUMP, RELATIVE, SHORT, LONG = range(4)
WIDTHS = (4, 4, 4, 8)  # of the kinds, in that order
MAX_BLOCKS = 1 << 20  # of base relocations
BLOCK_BYTES = 1 << 20
FUNCTION_MAGIC = 0x19930520
MAX_ROWS = 1 << 12  # of one exception table

# Opcodes whose ModR/M byte may name an address relative to the instruction's end.
_ONE = np.zeros(256, bool)
_ONE[[0x8B, 0x89, 0x8D, 0x3B, 0x39, 0x03, 0x01, 0x2B, 0x29, 0x33, 0x31, 0x23, 0x21, 0x0B, 0x09, 0x85, 0x87, 0x63]] = (
    True
)
_ONE[[0xFF, 0x8A, 0x88, 0x38, 0x3A, 0x84, 0x80, 0xC6, 0xC7, 0x81, 0x83, 0xF7, 0xF6]] = True
_TWO = np.zeros(256, bool)
_TWO[[*range(0x10, 0x18), 0x28, 0x29, 0x2E, 0x2F, 0x51, 0x54, 0x57, 0x58, 0x59, 0x5C, 0x5E, 0x5A, 0x5D, 0x5F]] = True
_TWO[[0x6F, 0x7F, 0x6E, 0x7E, 0xB6, 0xB7, 0xBE, 0xBF, 0xAF, 0xD6, 0xEF, 0xEB, 0xDB, *range(0x40, 0x50)]] = True


@dataclass(frozen=True)
class References:
    """File offsets of each kind, ascending; references of one kind do not overlap. `anchors`: addresses, one a jump."""

    jump: Numbers
    anchors: Numbers
    relative: Numbers
    short: Numbers
    long: Numbers

    def kinds(self) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        return self.jump, self.relative, self.short, self.long


def find_references(data: Bytes, image: Image) -> References:
    """All references in an image; `data` is the file that it was read from."""
    short, long = _exceptions(data, image), _relocations(data, image)
    long = np.unique(np.concatenate([long, _elf_relocations(data, image)]))
    relative = _relative(data, image)
    return References(*_jumps(data, image, relative), relative, _apart(short, 4), _apart(long, 8))


def targets(data: Bytes, references: References, image: Image) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """The address that each reference points to."""
    jump, relative, short, long = references.kinds()
    return (
        references.anchors + read_signed(data, jump),
        image.addresses(relative) + 4 + read_signed(data, relative),
        read_unsigned(data, short),
        read_long(data, long) - image.base,
    )


def read_unsigned(data: Bytes, at: Numbers) -> Numbers:
    """The 4 bytes at each offset, little-endian."""
    found = data[at].astype(np.int64)
    for number in range(1, 4):
        found |= data[at + number].astype(np.int64) << (8 * number)
    return found


def read_signed(data: Bytes, at: Numbers) -> Numbers:
    """The same, as two's complement."""
    return (read_unsigned(data, at) ^ (1 << 31)) - (1 << 31)


def read_long(data: Bytes, at: Numbers) -> Numbers:
    """The 8 bytes at each offset, as two's complement."""
    return read_unsigned(data, at) | (read_unsigned(data, at + 4) << 32)


def write(data: Bytes, at: Numbers, values: Numbers, width: int) -> None:
    """Puts the low bytes of each value at its offset."""
    for number in range(width):
        data[at + number] = (values >> (8 * number)) & 0xFF


def _relative(data: Bytes, image: Image) -> Numbers:
    found = [np.empty(0, np.int64)]
    for stretch in image.stretches:
        if not stretch.executable:
            continue
        for start in range(stretch.offset, stretch.offset + stretch.size - 8, BLOCK_BYTES):
            end = min(start + BLOCK_BYTES, stretch.offset + stretch.size - 8)
            first, second, third = data[start:end], data[start + 1 : end + 1], data[start + 2 : end + 2]
            calls = np.concatenate(
                [
                    np.flatnonzero((first == 0xE8) | (first == 0xE9)) + 1,
                    np.flatnonzero((first == 0x0F) & ((second & 0xF0) == 0x80)) + 2,
                ]
            )
            memory = np.concatenate(
                [
                    np.flatnonzero(_ONE[first] & ((second & 0xC7) == 5)) + 2,
                    np.flatnonzero((first == 0x0F) & _TWO[second] & ((third & 0xC7) == 5)) + 3,
                ]
            )
            ranges = (
                (calls + start, stretch.address, stretch.address + stretch.room),
                (memory + start, image.lowest, image.end),
            )
            for at, lowest, highest in ranges:
                target = read_signed(data, at) + (at - stretch.offset + stretch.address) + 4
                found.append(at[(target >= lowest) & (target < highest)])
    return _apart(np.unique(np.concatenate(found)), 4)


def _jumps(data: Bytes, image: Image, relative: Numbers) -> tuple[Numbers, Numbers]:
    """Tables of jumps: (offsets of their entries, the address of each one's table).

    A table starts where a `lea` points, outside of code, at a multiple of 4; it goes on to the next such place, as long
    as each 4 bytes, counted from its start, lead into code.
    """
    loads = relative[(relative >= 2) & (data[relative - 2] == 0x8D)]
    anchors = np.unique(image.addresses(loads) + 4 + read_signed(data, loads))
    anchors = anchors[anchors & 3 == 0]
    entries, tables = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for stretch in image.stretches:
        starts = anchors[(anchors >= stretch.address) & (anchors < stretch.address + stretch.size)]
        if stretch.executable or not len(starts):
            continue
        places = np.arange(starts[0], stretch.address + stretch.size - 3, 4, dtype=np.int64)
        table = starts[np.searchsorted(starts, places, "right") - 1]
        target = table + read_signed(data, places - stretch.address + stretch.offset)
        astray = np.ones(len(places), np.int64)
        for code in image.stretches:
            if code.executable:
                astray[(target >= code.address) & (target < code.address + code.room)] = 0
        passed = np.concatenate([[0], np.cumsum(astray)])
        sound = passed[1:] == passed[(table - starts[0]) // 4]
        entries.append(places[sound] - stretch.address + stretch.offset)
        tables.append(table[sound])
    return np.concatenate(entries), np.concatenate(tables)


def _apart(at: Numbers, width: int) -> Numbers:
    """Those that do not overlap the one kept before, from the front."""
    if not len(at) or not (np.diff(at) < width).any():
        return at
    kept, end = [], -1
    for offset in at.tolist():
        if offset >= end:
            kept.append(offset)
            end = offset + width
    return np.array(kept, np.int64)


def _table(data: Bytes, image: Image, name: str) -> tuple[int, int]:
    """(first offset, end) of a table in the file; nothing if it is not there."""
    address, size = image.tables.get(name, (0, 0))
    if max(address, size) >= 1 << 40:
        return 0, 0
    start = int(image.offsets(np.array([address], np.int64))[0])
    return (start, min(start + size, len(data))) if size and start >= 0 else (0, 0)


def _exceptions(data: Bytes, image: Image) -> Numbers:
    """PE: .pdata, three addresses a function, and the handler that a function's unwind information names."""
    start, end = _table(data, image, "exceptions")
    count = (end - start) // 12
    entries = np.arange(start, start + count * 12, 4, dtype=np.int64)
    unwind = image.offsets(read_unsigned(data, entries[2::3]))
    unwind = np.unique(unwind[(unwind >= 0) & (unwind < len(data) - 600)])
    flags, codes = data[unwind] >> 3, data[unwind + 2].astype(np.int64)
    behind = unwind + 4 + 2 * (codes + (codes & 1))
    handlers = behind[(flags & 3) != 0]
    chained = behind[(flags & 4) != 0]
    unwinding = [entries, handlers, chained, chained + 4, chained + 8]
    return np.unique(np.concatenate([*unwinding, *_frame_handlers(data, image, handlers + 4)]))


def _frame_handlers(data: Bytes, image: Image, described: Numbers) -> Iterator[Numbers]:
    """PE: the tables of __CxxFrameHandler3: what a function's unwind information names, and what that names in turn.

    FuncInfo: magic, states, unwind map, try blocks, their map, addresses, their map, frame, exception types, flags.
    """
    places, info = _followed(data, image, described, 40)
    magic = read_unsigned(data, info) >> 3 == FUNCTION_MAGIC >> 3
    yield places[magic]
    info = np.unique(info[magic])
    yield from (info + 8, info + 16, info + 24, info + 32)
    yield _rows(data, image, info + 8, read_unsigned(data, info + 4), 8) + 4
    yield _rows(data, image, info + 24, read_unsigned(data, info + 20), 8)
    blocks = _rows(data, image, info + 16, read_unsigned(data, info + 12), 20)
    yield blocks + 16
    handlers = _rows(data, image, blocks + 16, read_unsigned(data, blocks + 12), 20)
    yield from (handlers + 4, handlers + 12)


def _followed(data: Bytes, image: Image, at: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """(those places that name an address in the file with `size` bytes behind it, its offset)."""
    offsets = image.offsets(read_unsigned(data, at))
    good = (offsets >= 0) & (offsets <= len(data) - size)
    return at[good], offsets[good]


def _rows(data: Bytes, image: Image, at: Numbers, counts: Numbers, width: int) -> Numbers:
    """The offsets of the rows of tables whose addresses stand at `at`; a table that cannot be has none."""
    starts = image.offsets(read_unsigned(data, at))
    sound = (starts >= 0) & (counts <= MAX_ROWS) & (starts + counts * width <= len(data))
    tables = np.unique(np.stack([starts[sound], counts[sound]]), axis=1)
    count = tables[1]
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.unique(np.repeat(tables[0], count) + within * width)


def _relocations(data: Bytes, image: Image) -> Numbers:
    """PE: the pointers that base relocations list."""
    at, end = _table(data, image, "relocations")
    view, pages = data.tobytes() if end else b"", [np.empty(0, np.int64)]
    for _ in range(MAX_BLOCKS):
        if at + 8 > end:
            break
        page, length = struct.unpack_from("<II", view, at)
        if length < 8 or at + length > end:
            break
        entries = np.frombuffer(view, "<u2", (length - 8) // 2, at + 8)
        pages.append(page + (entries[(entries >> 12) == 10] & 0xFFF).astype(np.int64))
        at += length
    found = image.offsets(np.concatenate(pages))
    return np.unique(found[(found >= 0) & (found <= len(data) - 8)])


def _elf_relocations(data: Bytes, image: Image) -> Numbers:
    """ELF: place and addend of each R_X86_64_RELATIVE in DT_RELA, and the word at the place if it holds the addend."""
    start, end = _table(data, image, "dynamic")
    view = data[start:end].tobytes()
    entries = dict(struct.iter_unpack("<qQ", view[: len(view) // 16 * 16]))
    image = Image(image.stretches, image.base, {"rela": (entries.get(7, 0), entries.get(8, 0))})
    start, end = _table(data, image, "rela")
    rows = np.arange(start, start + (end - start) // 24 * 24, 24, dtype=np.int64)
    rows = rows[read_long(data, rows + 8) == 8]
    return np.sort(np.concatenate([rows, rows + 16]))
