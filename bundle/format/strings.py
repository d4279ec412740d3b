"""An array of strings in canonical msgpack, read where it stands. A list of as many `str` takes 60 bytes more for each.

A release may have a million paths, and aboard two manifests of such releases stand in memory side by side.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from bundle.errors import Malformed

_FIXED_ARRAY, _ARRAY_16, _ARRAY_32 = 0x90, 0xDC, 0xDD
_FIXED_STRING, _STRING_8, _STRING_16 = 0xA0, 0xD9, 0xDA
_FIXED_COUNT = 15
_FIXED_LENGTH = 31


class Strings(Sequence[str]):
    """The strings of such an array. One becomes a `str` when it is asked for."""

    def __init__(self, encoded: memoryview, most: int, what: str) -> None:
        """`encoded`: the array, exactly. `what` names it in errors.

        Raises Malformed if it has more than `most` strings, a string over 65,535 bytes, or is not in canonical form.
        """
        self._encoded = encoded
        count, self._first = _count(encoded, what)
        if count > most:
            raise Malformed(f"{what}: {count:,} strings are more than {most:,}")
        self._starts, self._ends = array("I"), array("I")  # a header of its own stands before each start
        at = self._first
        try:
            for _ in range(count):
                start, end = _bounds(encoded, at, what)
                str(encoded[start:end], "utf-8")
                self._starts.append(start)
                self._ends.append(end)
                at = end
        except (IndexError, UnicodeDecodeError) as error:
            raise Malformed(f"{what}: cut short, or not UTF-8") from error
        if at != len(encoded):
            raise Malformed(f"{what}: cut short, or longer than its strings")

    @property
    def encoded(self) -> memoryview:
        """The array as it stands."""
        return self._encoded

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        return str(self._encoded[self._starts[at] : self._ends[at]], "utf-8")

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        encoded = self._encoded
        return (str(encoded[start:end], "utf-8") for start, end in zip(self._starts, self._ends, strict=True))

    def chosen(self, numbers: Sequence[int]) -> bytes:
        """The strings with those numbers, from 0, as an array of their own."""
        made = bytearray(_array_header(len(numbers)))
        for number in numbers:
            made += self._encoded[self._ends[number - 1] if number else self._first : self._ends[number]]
        return bytes(made)


def _count(encoded: memoryview, what: str) -> tuple[int, int]:
    """How many strings there are, and where the first begins."""
    try:
        head = encoded[0]
        if _FIXED_ARRAY <= head <= _FIXED_ARRAY + _FIXED_COUNT:
            return head - _FIXED_ARRAY, 1
        count, end = {
            _ARRAY_16: (int.from_bytes(encoded[1:3], "big"), 3),
            _ARRAY_32: (int.from_bytes(encoded[1:5], "big"), 5),
        }[head]
    except (IndexError, KeyError) as error:
        raise Malformed(f"{what}: not an array") from error
    if _array_header(count) != encoded[:end]:
        raise Malformed(f"{what}: its length is not in canonical form")
    return count, end


def _bounds(encoded: memoryview, at: int, what: str) -> tuple[int, int]:
    """(start, end) of the string whose header stands at `at`. Raises IndexError if it is cut short."""
    head = encoded[at]
    if _FIXED_STRING <= head <= _FIXED_STRING + _FIXED_LENGTH:
        length, start, least = head - _FIXED_STRING, at + 1, 0
    elif head == _STRING_8:
        length, start, least = encoded[at + 1], at + 2, _FIXED_LENGTH + 1
    elif head == _STRING_16:
        length, start, least = encoded[at + 1] << 8 | encoded[at + 2], at + 3, 0x100
    else:
        raise Malformed(f"{what}: not a string, or a longer one than any path")
    if length < least:
        raise Malformed(f"{what}: the length of a string is not in canonical form")
    return start, start + length


def _array_header(count: int) -> bytes:
    if count <= _FIXED_COUNT:
        return bytes([_FIXED_ARRAY + count])
    if count < 1 << 16:
        return bytes([_ARRAY_16]) + count.to_bytes(2, "big")
    return bytes([_ARRAY_32]) + count.to_bytes(4, "big")
