"""References in the tables of a PE image. spec/format.md, section 9 [F-54].

Unwind information of x86-64 and the tables of C++ exceptions are full of addresses, and no relocations list them.
"""

import struct
from collections.abc import Iterator

import numpy as np

from bundle.references.image import Image
from bundle.references.words import NONE, Bytes, Numbers, joined, read_unsigned

MAX_BLOCKS = 1 << 20  # of base relocations: a loop in Python
FUNCTION_MAGIC = 0x19930520  # to 0x19930522 so far, of the versions of MSVC; the low 3 bits are not compared
MAX_ROWS = 1 << 12  # of one exception table


def exceptions(data: Bytes, image: Image) -> Numbers:
    """PE: .pdata, three addresses a function, and the handler that a function's unwind information names."""
    start, end = image.table("exceptions")
    count = (end - start) // 12
    entries = np.arange(start, start + count * 12, 4, dtype=np.int64)
    unwind = image.offsets(read_unsigned(data, entries[2::3]))
    # Unwind information takes at most 4 + 2 * 256 bytes, and 12 more behind it: with 600 left, no read leaves the file.
    unwind = joined(unwind[(unwind >= 0) & (unwind < len(data) - 600)])
    flags, codes = data[unwind] >> 3, data[unwind + 2].astype(np.int64)
    behind = unwind + 4 + 2 * (codes + (codes & 1))
    # Flags 1 and 2: the address of a handler follows the codes. Flag 4: three addresses of the function chained to.
    handlers = behind[(flags & 3) != 0]
    chained = behind[(flags & 4) != 0]
    unwinding = [entries, handlers, chained, chained + 4, chained + 8]
    return joined(*unwinding, *_frame_handlers(data, image, handlers + 4))


def _frame_handlers(data: Bytes, image: Image, described: Numbers) -> Iterator[Numbers]:
    """PE: the tables of __CxxFrameHandler3: what a function's unwind information names, and what that names in turn.

    FuncInfo: magic, states, unwind map, try blocks, their map, addresses, their map, frame, exception types, flags.
    """
    places, info = _followed(data, image, described, 40)
    magic = read_unsigned(data, info) >> 3 == FUNCTION_MAGIC >> 3
    yield places[magic]
    info = joined(info[magic])
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
    """The offsets of the rows of tables whose addresses stand at `at`.

    A table that cannot be has none, and none has any if all together are larger than the file.
    """
    starts = image.offsets(read_unsigned(data, at))
    sound = (starts >= 0) & (counts <= MAX_ROWS) & (starts + counts * width <= len(data))
    # Hostile tables may overlap as they like. Those of one sort together have to fit into the file once: the work is
    # bounded by its size.
    tables = np.unique(np.stack([starts[sound], counts[sound]]), axis=1)
    count = tables[1]
    if count.sum() * width > len(data):
        return NONE
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return joined(np.repeat(tables[0], count) + within * width)


def relocations(data: Bytes, image: Image) -> Numbers:
    """PE: the pointers that base relocations list, -1 for one without a byte in the file."""
    at, end = image.table("relocations")
    view, pages = data.tobytes() if end else b"", [NONE]
    for _ in range(MAX_BLOCKS):
        if at + 8 > end:
            break
        page, length = struct.unpack_from("<II", view, at)
        if length < 8 or at + length > end:
            break
        entries = np.frombuffer(view, "<u2", (length - 8) // 2, at + 8)
        pages.append(page + (entries[(entries >> 12) == 10] & 0xFFF).astype(np.int64))
        at += length
    return image.offsets(np.concatenate(pages))
