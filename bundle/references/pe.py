"""References in the tables of a PE image. spec/references.md [F-54].

Unwind information of x86-64 and the tables of C++ exceptions are full of addresses, and no relocations list them.
"""

import struct
from collections.abc import Iterator

import numpy as np

from bundle.references.image import Image, Machine
from bundle.references.pages import Pages
from bundle.references.places import PlaceSet
from bundle.references.words import NONE, Numbers, joined

MAX_BLOCKS = 1 << 20  # of base relocations: a loop in Python
FUNCTION_MAGIC = 0x19930520  # to 0x19930522 so far, of the versions of MSVC; the low 3 bits are not compared
MAX_ROWS = 1 << 12  # of one exception table
MAX_INFOS = 1 << 18  # FuncInfos: their tables are compared all at once
MAX_LISTED = 1 << 20  # pointers of one table
MAX_ALL_ROWS = 1 << 20  # of all tables of a sort
CHUNK_ROWS = 1 << 16


def exceptions(data: Pages, image: Image) -> Iterator[Numbers]:
    """PE: .pdata, three addresses a function, and the handler that a function's unwind information names."""
    start, end = image.table("exceptions")
    # Unwind information takes at most 4 + 2 * 256 bytes, and 12 more behind it: with 600 left, no read leaves the file.
    unwinding = PlaceSet(max(0, data.size - 600))
    for first in range(start, start + (end - start) // 12 * 12, 12 * CHUNK_ROWS):
        rows = np.arange(first, min(first + 12 * CHUNK_ROWS, start + (end - start) // 12 * 12), 4, dtype=np.int64)
        yield rows
        unwinding.add(image.offsets(data.unsigned(rows[2::3])))
    entries, infos = unwinding.places(), PlaceSet(max(0, data.size - 39))
    del unwinding
    for _, unwind in entries.chunks():
        flags, codes = data.byte(unwind) >> 3, data.byte(unwind + 2).astype(np.int64)
        behind = unwind + 4 + 2 * (codes + (codes & 1))
        # Flags 1 and 2: the address of a handler follows the codes. Flag 4: three addresses of the function chained to.
        handlers = behind[(flags & 3) != 0]
        chained = behind[(flags & 4) != 0]
        yield from (handlers, chained, chained + 4, chained + 8)
        places, info = _followed(data, image, handlers + 4, 40)
        magic = data.unsigned(info) >> 3 == FUNCTION_MAGIC >> 3
        yield places[magic]
        infos.add(info[magic])
    found = infos.places()
    yield from _frame_handlers(data, image, found.at(np.arange(min(len(found), MAX_INFOS))))


def _frame_handlers(data: Pages, image: Image, info: Numbers) -> Iterator[Numbers]:
    """PE: the tables of __CxxFrameHandler3: what the FuncInfos at these offsets name, and what that names in turn.

    FuncInfo: magic, states, unwind map, try blocks, their map, addresses, their map, frame, exception types, flags.
    """
    yield from (info + 8, info + 16, info + 24, info + 32)
    yield _rows(data, image, info + 8, data.unsigned(info + 4), 8) + 4
    yield _rows(data, image, info + 24, data.unsigned(info + 20), 8)
    blocks = _rows(data, image, info + 16, data.unsigned(info + 12), 20)
    yield blocks + 16
    handlers = _rows(data, image, blocks + 16, data.unsigned(blocks + 12), 20)
    yield from (handlers + 4, handlers + 12)


def _followed(data: Pages, image: Image, at: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """(those places that name an address in the file with `size` bytes behind it, its offset)."""
    offsets = image.offsets(data.unsigned(at))
    good = (offsets >= 0) & (offsets <= data.size - size)
    return at[good], offsets[good]


def _rows(data: Pages, image: Image, at: Numbers, counts: Numbers, width: int) -> Numbers:
    """The offsets of the rows of tables whose addresses stand at `at`.

    A table that cannot be has none, and none has any if all together are larger than the file or have too many rows.
    """
    starts = image.offsets(data.unsigned(at))
    sound = (starts >= 0) & (counts <= MAX_ROWS) & (starts + counts * width <= data.size)
    # Hostile tables may overlap as they like. Those of one sort together have to fit into the file once: the work is
    # bounded by its size.
    tables = np.unique(np.stack([starts[sound], counts[sound]]), axis=1)
    count = tables[1]
    if count.sum() * width > data.size or count.sum() > MAX_ALL_ROWS:
        return NONE
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return joined(np.repeat(tables[0], count) + within * width)


def relocations(data: Pages, image: Image) -> Iterator[Numbers]:
    """PE: the pointers that base relocations list, -1 for one without a byte in the file."""
    for addresses in relocated(data, image):
        yield image.offsets(addresses)


def relocated(data: Pages, image: Image) -> Iterator[Numbers]:
    """The addresses that base relocations list, in their order."""
    at, end = image.table("relocations")
    pages, count = [NONE], 0
    for _ in range(MAX_BLOCKS):
        if at + 8 > end:
            break
        page, length = struct.unpack("<II", data.span(at, at + 8).tobytes())
        if length < 8 or at + length > end:
            break
        for first in range(at + 8, at + 8 + (length - 8) // 2 * 2, 2 * CHUNK_ROWS):
            entries = data.span(first, min(first + 2 * CHUNK_ROWS, at + 8 + (length - 8) // 2 * 2)).view("<u2")
            pages.append(page + (entries[(entries >> 12) == relocation_of(image)] & 0xFFF).astype(np.int64))
            count += len(entries)
            if count >= CHUNK_ROWS:
                yield np.concatenate(pages)
                pages, count = [NONE], 0
        at += length
    yield np.concatenate(pages)


def listed_pointers(data: Pages, image: Image) -> Numbers:
    """The offsets of the pointers that base relocations list, ascending, each once. Empty if there are too many."""
    found, count = [NONE], 0
    for addresses in relocated(data, image):
        count += len(addresses)
        if count > MAX_LISTED:
            return NONE
        found.append(image.offsets(addresses))
    places = joined(*found)
    return places[places >= 0]


def relocation_of(image: Image) -> int:
    """The type of a base relocation for a whole pointer."""
    return 3 if image.machine == Machine.X86 else 10
