"""The filter of code for packs: calls and loads name their targets by place in the pack. spec/format.md [F-143].

All calls of one function then have the same bytes. Operands are found by what stands before them, which the filter
never changes. So both directions find the same ones, and any bytes come back, code or not.
"""

import numpy as np
from numpy.typing import NDArray

from bundle.machine_code.patterns import CALL, ONE, OPERAND_BYTES, RELATIVE, TWO

_LEAST_LOG = 16
_ALL = 1 << 32
_LONGEST = 3  # bytes of a pattern
_PROBED_BYTES = 1 << 18
_CODE_SHARE = 128  # bytes an operand, in what is code

Numbers = NDArray[np.int64]


class CodeFilter:
    """Filters a stream, some bytes at a time. `size`: of the whole. `back`: gives the plain bytes again."""

    def __init__(self, size: int, *, back: bool) -> None:
        self._reach = 1 << max(_LEAST_LOG, (size + size // 2).bit_length())
        self._back, self._held, self._at = back, b"", 0

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the result. At most six are held back."""
        data = np.frombuffer(self._held + chunk, np.uint8).copy()
        places = _operands(data)
        self._exchange(data, places)
        done = max(0, len(data) - _LONGEST - OPERAND_BYTES + 1)
        if len(places):
            done = max(done, int(places[-1]) + OPERAND_BYTES)
        self._held, self._at = data[done:].tobytes(), self._at + done
        return data[:done].tobytes()

    def flush(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return held

    def _exchange(self, data: NDArray[np.uint8], places: Numbers) -> None:
        """Exchanges distances for targets, those that would fall among targets for others, and the order of bytes."""
        parts = [data[places + number].astype(np.int64) for number in range(OPERAND_BYTES)]
        if self._back:
            parts.reverse()
        value = sum((part << 8 * number for number, part in enumerate(parts)), np.zeros(len(places), np.int64))
        origin, reach = places + self._at + OPERAND_BYTES, self._reach
        if self._back:
            other = np.where(value >= _ALL - origin, value + reach, value)
            made = np.where(value < reach, value - origin, other)
        else:
            target = (value + origin) % _ALL
            made = np.where(target < reach, target, np.where(value < reach, value - reach, value))
        for number in range(OPERAND_BYTES):
            place = number if self._back else OPERAND_BYTES - 1 - number
            data[places + place] = made >> 8 * number & 0xFF


def filtered(data: bytes, size: int | None = None) -> bytes:
    """All of it at once. `size`: of a whole that it is the front of."""
    one = CodeFilter(len(data) if size is None else size, back=False)
    return one.feed(data) + one.flush()


def is_code(data: bytes) -> bool:
    """Whether a stretch of it has as many operands that lead nearby as code has: a guess."""
    start = max(0, len(data) - _PROBED_BYTES) // 2
    part = np.frombuffer(data[start : start + _PROBED_BYTES], np.uint8)
    places = _operands(part)
    top = part[places + OPERAND_BYTES - 1]
    return int(((top == 0) | (top == 0xFF)).sum()) * _CODE_SHARE > len(part)


def _operands(data: NDArray[np.uint8]) -> Numbers:
    """Where operands stand whole, ascending and apart."""
    size = len(data)
    first, second, third = data[: max(0, size - 2)], data[1 : max(1, size - 1)], data[2:]
    lengths = (
        (1, np.flatnonzero(data == CALL)),
        (2, np.flatnonzero(ONE[data[:-1]] & RELATIVE[data[1:]])),
        (3, np.flatnonzero((first == 0x0F) & TWO[second] & RELATIVE[third])),
    )
    starts = np.concatenate([start for _, start in lengths])
    places = np.concatenate([start + length for length, start in lengths])
    order = np.lexsort((-starts, places))
    order = order[places[order] <= size - OPERAND_BYTES]
    kept, end = [], 0
    for start, place in zip(starts[order].tolist(), places[order].tolist(), strict=True):
        if start >= end:
            kept.append(place)
            end = place + OPERAND_BYTES
    return np.array(kept, np.int64)
