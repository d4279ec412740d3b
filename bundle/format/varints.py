"""Varints: the numbers of patch controls as bytes. spec/format.md, section 9 [F-40].

Seven bits a byte, low bits first, the top bit set on all but the last byte. Signed numbers are folded first
(0, -1, 1, -2, 2 become 0, 1, 2, 3, 4).
"""

from collections.abc import Iterable, Iterator

from bundle.errors import Malformed
from bundle.format.canonical import MAX_INTEGER

MAX_VARINT_BYTES = 8


def write_varints(values: Iterable[int]) -> bytes:
    """The bytes of unsigned numbers."""
    out = bytearray()
    for value in values:
        rest = value
        while rest >= 0x80:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def read_varints(data: Iterable[int]) -> Iterator[int]:
    """Unsigned numbers from single bytes. Raises Malformed for one over 2^53 - 1, padded or cut short."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte >= 0x80:
            if shift > 55:
                raise Malformed("patch control: a number is over 2^53 - 1")
            continue
        if value > MAX_INTEGER or (byte == 0 and shift > 7):
            raise Malformed("patch control: a number is over 2^53 - 1 or padded")
        yield value
        value = shift = 0
    if shift:
        raise Malformed("patch control: a number is cut short")


def fold(value: int) -> int:
    """Signed to unsigned."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unfold(value: int) -> int:
    """Unsigned to signed, the inverse of `fold`."""
    return -((value + 1) >> 1) if value & 1 else value >> 1
