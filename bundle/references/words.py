"""Numbers in a file at many offsets at once, little-endian.

A dense image of 5 MB has 186,000 references. So all that is done to each of them is done in arrays.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
NONE: Numbers = np.empty(0, np.int64)


def read_unsigned(data: Bytes, at: Numbers) -> Numbers:
    """The 4 bytes at each offset."""
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


def apart(at: Numbers, width: int, end: int = 0) -> Numbers:
    """Those of ascending offsets that do not overlap the one kept before, from the front. `end`: where that ends."""
    at = at[np.searchsorted(at, end) :]
    close = np.diff(at) < width
    if not close.any():
        return at
    # Each choice depends on the one before, so this is a loop. But only those that stand close are in doubt.
    doubtful = np.flatnonzero(close) + 1
    kept, behind, before = np.ones(len(at), bool), 0, -1
    for index, offset in zip(doubtful.tolist(), at[doubtful].tolist(), strict=True):
        if index - 1 != before:
            behind = int(at[index - 1]) + width
        before = index
        if offset < behind:
            kept[index] = False
        else:
            behind = offset + width
    return at[kept]


def joined(*parts: Numbers) -> Numbers:
    """All of them, ascending, each once."""
    # By sorting: newer versions of numpy.unique hash, slowly for some patterns, which a hostile image can have.
    ordered = np.sort(np.concatenate([NONE, *parts]))
    distinct: Numbers = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return distinct
