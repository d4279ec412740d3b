"""The blocks of a deflate stream (RFC 1951): Huffman codes, and block headers as bits and as bytes.

The byte form is the second part of a shape [F-70]. It says what the bits of a header say, in whole bytes:

    byte              kind: 0 stored, 1 fixed codes, 2 codes of its own, 3 to 8 derived codes
    kind 0            byte: the bits up to the next whole byte of the stream. 2 bytes: how many plain bytes follow
    kind 1 to 8       varint: the number of tokens, without the end of the block
    kind 2            3 bytes: HLIT, HDIST, HCLEN, as the stream has them
                      HCLEN + 4 bytes: the lengths of the code for code lengths, in the order of the stream
                      bytes until HLIT + HDIST + 258 lengths are given: 0 to 15 is a length, 16 to 19 repeats the last
                      length 3 to 6 times, 20 to 27 gives 3 to 10 zeros, 28 to 155 gives 11 to 138 zeros
    kind 3 to 8       byte: the limit of the literal code's lengths, and 16 times that of the distance code's
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bundle.errors import Malformed
from bundle.format.varints import read_varints, write_varints

STORED, FIXED, DYNAMIC = 0, 1, 2
DERIVED = range(3, 9)  # dynamic ones whose codes follow from the tokens, see `derived`
END_OF_BLOCK = 256
MAX_CODE_BITS = 15
MAX_HEADER_BYTES = 640  # of a header in the stream: 74 bits and 320 symbols of at most 14 bits
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
# For the symbols 16, 17 and 18: extra bits, fewest repeats, and the first byte in the byte form.
_REPEATS = {16: (2, 3, 16), 17: (3, 3, 20), 18: (7, 11, 28)}
_LAST_REPEAT = 155


class NoShape(Exception):
    """A stream that has no shape: damaged, or written as no encoder does."""


@dataclass(frozen=True)
class Block:
    """A block header. `padding` and `size` are those of a stored block, `lengths` and `form` of a dynamic one, `limits`
    of one with derived codes.

    `lengths`: the code lengths of the literal/length symbols and of the distance symbols. `form`: the byte form of the
    codes, from HLIT on.
    """

    kind: int
    padding: int = 0
    size: int = 0
    lengths: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    form: bytes = b""
    limits: tuple[int, int] = (0, 0)

    def write(self, tokens: int) -> bytes:
        """The byte form of a block of so many tokens."""
        if self.kind == STORED:
            return bytes((STORED, self.padding)) + self.size.to_bytes(2, "little")
        limits = bytes((self.limits[0] | self.limits[1] << 4,)) if self.kind in DERIVED else b""
        return bytes((self.kind,)) + write_varints([tokens]) + self.form + limits


FIXED_BLOCK = Block(FIXED, lengths=((8,) * 144 + (9,) * 112 + (7,) * 24 + (8,) * 8, (5,) * 30))


@cache
def _reversed_codes() -> NDArray[np.uint16]:
    """For each number of 15 bits, the number with its bits in the other order."""
    numbers = np.arange(1 << MAX_CODE_BITS, dtype=np.uint16)
    found = np.zeros_like(numbers)
    for bit in range(MAX_CODE_BITS):
        found |= (numbers >> bit & 1) << (MAX_CODE_BITS - 1 - bit)
    return found


def decoding_table(lengths: tuple[int, ...]) -> NDArray[np.int16]:
    """The symbol that the next 15 bits of the stream begin with, for all 2^15 of them. -1 where no code begins.

    Raises NoShape if there are more codes than bits can tell apart.
    """
    given = np.array(lengths)
    symbols = np.argsort(given, kind="stable")
    symbols = symbols[given[symbols] > 0]
    found = np.repeat(symbols, 1 << MAX_CODE_BITS - given[symbols])
    if len(found) > 1 << MAX_CODE_BITS:
        raise NoShape("a deflate block whose codes overlap")
    table = np.full(1 << MAX_CODE_BITS, -1, np.int16)
    table[: len(found)] = found
    return table[_reversed_codes()]


def codes_of(lengths: tuple[int, ...]) -> NDArray[np.uint64]:
    """The code of each symbol, its first bit lowest, as it stands in the stream. Raises Malformed if codes overlap."""
    given = np.array(lengths)
    shares = np.where(given > 0, 1 << MAX_CODE_BITS - given, 0)
    order = np.argsort(given, kind="stable")
    ends = np.cumsum(shares[order])
    if ends[-1] > 1 << MAX_CODE_BITS:
        raise Malformed("recipe: a shape whose codes overlap")
    codes = np.zeros(len(given), np.uint64)
    codes[order] = _reversed_codes()[np.minimum(ends - shares[order], (1 << MAX_CODE_BITS) - 1)]
    return codes


def read_header(bits: int, at: int) -> tuple[bool, Block, int]:
    """(whether the block is the last, the block, the bits of its header) from the next bits of the stream, low first.

    `at`: which bit of its byte the first one is. Raises NoShape for a header that RFC 1951 does not allow.
    """
    last, kind = bool(bits & 1), bits >> 1 & 3
    if kind == STORED:
        padding_bits = -(at + 3) % 8
        end = 3 + padding_bits
        size, complement = bits >> end & 0xFFFF, bits >> end + 16 & 0xFFFF
        if size ^ complement != 0xFFFF:
            raise NoShape("a stored deflate block that gives two sizes")
        return last, Block(STORED, bits >> 3 & (1 << padding_bits) - 1, size), end + 32
    if kind == FIXED:
        return last, FIXED_BLOCK, 3
    if kind != DYNAMIC:
        raise NoShape("a deflate block of an unknown kind")
    block, used = _read_codes(bits >> 3)
    return last, block, 3 + used


def _read_codes(bits: int) -> tuple[Block, int]:
    counts = bits & 31, bits >> 5 & 31, bits >> 10 & 15
    form, used = bytearray(counts), 14
    of_lengths = [0] * 19
    for place in ORDER[: counts[2] + 4]:
        of_lengths[place] = bits >> used & 7
        form.append(of_lengths[place])
        used += 3
    symbols = decoding_table(tuple(of_lengths))
    lengths: list[int] = []
    wanted = counts[0] + counts[1] + 258
    while len(lengths) < wanted:
        symbol = int(symbols[bits >> used & 0x7FFF])
        if symbol < 0 or (symbol == 16 and not lengths):
            raise NoShape("a deflate block whose code lengths are not given")
        used += of_lengths[symbol]
        if symbol < 16:
            form.append(symbol)
        else:
            extra, _, first = _REPEATS[symbol]
            form.append(first + (bits >> used & (1 << extra) - 1))
            used += extra
        lengths += _lengths_of(form[-1], lengths)
    if len(lengths) > wanted:
        raise NoShape("a deflate block with too many code lengths")
    split = counts[0] + 257
    return Block(DYNAMIC, lengths=(tuple(lengths[:split]), tuple(lengths[split:])), form=bytes(form)), used


def _lengths_of(byte: int, before: list[int]) -> list[int]:
    """The code lengths that a byte of the byte form stands for."""
    if byte < 16:
        return [byte]
    if byte < 20:
        return before[-1:] * (byte - 13)
    return [0] * (byte - 17)  # 20 and more: 3 and more zeros; 28 and more go on from there with 11


def read_form(data: Iterator[int]) -> tuple[Block, int]:
    """(the block, its number of tokens) from the byte form. Raises Malformed."""
    kind = next_byte(data, DERIVED[-1])
    if kind == STORED:
        padding = next_byte(data, 127)
        return Block(STORED, padding, next_byte(data) | next_byte(data) << 8), 0
    tokens = next_number(data)
    if kind == FIXED:
        return FIXED_BLOCK, tokens
    if kind in DERIVED:
        limits = next_byte(data)
        return Block(kind, limits=(limits & 15, limits >> 4)), tokens
    counts = next_byte(data, 31), next_byte(data, 31), next_byte(data, 15)
    form = bytearray(counts)
    form += bytes(next_byte(data, 7) for _ in range(counts[2] + 4))
    lengths: list[int] = []
    wanted, split = counts[0] + counts[1] + 258, counts[0] + 257
    while len(lengths) < wanted:
        byte = next_byte(data, _LAST_REPEAT)
        form.append(byte)
        if 16 <= byte < 20 and not lengths:
            raise Malformed("recipe: a shape that repeats a code length before the first")
        lengths += _lengths_of(byte, lengths)
    if len(lengths) > wanted:
        raise Malformed("recipe: a shape with too many code lengths")
    return Block(DYNAMIC, lengths=(tuple(lengths[:split]), tuple(lengths[split:])), form=bytes(form)), tokens


def symbol_of(byte: int) -> int:
    """The symbol of the code for code lengths that a byte of the byte form is written with."""
    return byte if byte < 16 else 16 if byte < 20 else 17 if byte < 28 else 18


def next_byte(data: Iterator[int], most: int = 255) -> int:
    """The next byte. Raises Malformed at the end, or if it is over `most`."""
    byte = next(data, most + 1)
    if byte > most:
        raise Malformed("recipe: a shape whose blocks are cut short or out of bounds")
    return byte


def next_number(data: Iterator[int]) -> int:
    """The next varint. Raises Malformed."""
    for number in read_varints(data):
        return number
    raise Malformed("recipe: a shape whose blocks are cut short")


def header_bits(block: Block, last: bool, at: int) -> list[tuple[int, int]]:
    """The header in the stream: (value, bits) pairs. `at` as in `read_header`. Raises Malformed."""
    found = [(last | block.kind << 1, 3)]
    if block.kind == STORED:
        padding_bits = -(at + 3) % 8
        if block.padding >> padding_bits:
            raise Malformed("recipe: a shape with more padding than there are bits")
        return [*found, (block.padding, padding_bits), (block.size, 16), (block.size ^ 0xFFFF, 16)]
    if block.kind == FIXED:
        return found
    form, places = block.form, ORDER[: block.form[2] + 4]
    found += [(form[0], 5), (form[1], 5), (form[2], 4), *((length, 3) for length in form[3 : 3 + len(places)])]
    of_lengths = [0] * 19
    for place, length in zip(places, form[3:], strict=False):
        of_lengths[place] = length
    codes = codes_of(tuple(of_lengths)).tolist()
    for byte in form[3 + len(places) :]:
        symbol = symbol_of(byte)
        if not of_lengths[symbol]:
            raise Malformed("recipe: a shape with a code length that has no code")
        found.append((codes[symbol], of_lengths[symbol]))
        if symbol >= 16:
            found.append((byte - _REPEATS[symbol][2], _REPEATS[symbol][0]))
    return found
