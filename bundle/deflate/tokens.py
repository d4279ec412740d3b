"""The tokens of deflate blocks (RFC 1951) as numpy arrays: read from the bits of a stream, and written to them.

Reading goes window by window. For every bit of a window it is computed at once how long a token would be that begins
there. Then a plain loop hops from token to token, and the values of those found are computed at once again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bundle.deflate.blocks import END_OF_BLOCK, NoShape, codes_of, decoding_table
from bundle.errors import Malformed
from bundle.format.objects import Readable

MIN_MATCH, MAX_MATCH = 3, 258
_FIRST_WINDOW_BYTES, _LAST_WINDOW_BYTES = 512, 8192
_MAX_TOKEN_BITS = 48
_MATCH = 64  # added to the bits of a length symbol, to tell it from a literal
_CODE_MASK = np.uint32(0x7FFF)

# By length symbol, from 257 on, and by distance symbol: extra bits, and the lowest value.
_LENGTH_EXTRA = np.array([0] * 8 + [bits for bits in range(1, 6) for _ in range(4)] + [0], np.uint64)
_LENGTH_LOW = np.array([*accumulate((1 << int(bits) for bits in _LENGTH_EXTRA[:27]), initial=3), MAX_MATCH], np.uint64)
_DISTANCE_EXTRA = np.array([0] * 4 + [bits for bits in range(1, 14) for _ in range(2)], np.uint64)
_DISTANCE_LOW = np.array([*accumulate((1 << int(bits) for bits in _DISTANCE_EXTRA[:29]), initial=1)], np.uint64)
# The other way: the index of the symbol by length, and by distance - 1.
_LENGTH_INDEX = np.searchsorted(_LENGTH_LOW, np.arange(MAX_MATCH + 1), "right") - 1
_DISTANCE_INDEX = np.searchsorted(_DISTANCE_LOW, np.arange(1, 32769), "right") - 1


@dataclass(frozen=True)
class Matches:
    """Matches of a stretch of tokens: literals before each since the match before it, length, distance.

    `rest`: the literals behind the last match.
    """

    literals: NDArray[np.int64]
    lengths: NDArray[np.int64]
    distances: NDArray[np.int64]
    rest: int

    @property
    def tokens(self) -> int:
        """How many tokens these are."""
        return int(self.literals.sum()) + len(self.literals) + self.rest

    @property
    def plain_bytes(self) -> int:
        """How many bytes they stand for."""
        return int(self.literals.sum() + self.lengths.sum()) + self.rest

    def literals_in(self, plain: bytes) -> NDArray[np.uint8]:
        """The literals among the bytes that they stand for."""
        advance = np.ones(self.tokens, np.int64)
        advance[self.places] = self.lengths
        is_literal = np.ones(len(advance), bool)
        is_literal[self.places] = False
        found: NDArray[np.uint8] = np.frombuffer(plain, np.uint8)[(np.cumsum(advance) - advance)[is_literal]]
        return found

    @property
    def places(self) -> NDArray[np.int64]:
        """Which of the tokens are matches."""
        return np.cumsum(self.literals + 1) - 1

    @property
    def length_symbols(self) -> NDArray[np.int64]:
        """The literal/length symbols of the matches."""
        found: NDArray[np.int64] = _LENGTH_INDEX[self.lengths] + (END_OF_BLOCK + 1)
        return found

    @property
    def distance_symbols(self) -> NDArray[np.int64]:
        """The distance symbols of the matches."""
        found: NDArray[np.int64] = _DISTANCE_INDEX[self.distances - 1]
        return found

    def starts(self, at: int) -> NDArray[np.int64]:
        """Where in the plain bytes the matches start, if the first token does at `at`."""
        return at + np.cumsum(self.literals + self.lengths) - self.lengths


class TokenReader:
    """Reads the tokens of a block with these code lengths."""

    def __init__(self, lengths: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        """Raises NoShape if codes overlap."""
        self._symbols = decoding_table(lengths[0])
        self._distances = decoding_table(lengths[1])
        self._steps = _steps(self._symbols, lengths[0], END_OF_BLOCK + 1, _LENGTH_EXTRA, _MATCH)
        self._distance_steps = _steps(self._distances, lengths[1], 0, _DISTANCE_EXTRA, 0)
        # The code of the end of the block, of which the reader takes the bits.
        self._end_bits = lengths[0][END_OF_BLOCK]

    def read(self, stream: Readable, at: int) -> Iterator[tuple[Matches, int]]:
        """(matches, the bit behind them), window by window. `at`: the bit where the first token begins.

        The last of them ends behind the end of the block. Raises NoShape.
        """
        size = _FIRST_WINDOW_BYTES
        ended = False
        while not ended:
            first = at >> 3
            if first >= stream.size:
                raise NoShape("a deflate stream that is cut short")
            size = min(size, stream.size - first)
            data = stream.read_at(first, min(size + 8, stream.size - first)).ljust(size + 8, b"\0")
            words = np.ndarray((size,), "<u8", data, strides=(1,))
            places, stop = _hop(self._steps_in(words), at & 7)
            ended = stop < size * 8 and self._is_end(words, stop)
            if stop < size * 8 and not ended:
                raise NoShape("a deflate stream with a code that stands for nothing")
            at = first * 8 + stop + (self._end_bits if ended else 0)
            if at > stream.size * 8:
                raise NoShape("a deflate stream that is cut short")
            yield self._values(words, np.array(places, np.int64)), at
            size = min(size * 2, _LAST_WINDOW_BYTES)

    def _steps_in(self, words: NDArray[np.uint64]) -> bytes:
        """How many bits a token has that begins at each bit. 0: the end of the block, or no token. Padded with 0."""
        shifted = words.astype(np.uint32)[:, None] >> np.arange(8, dtype=np.uint32)
        steps = self._steps[(shifted & _CODE_MASK).ravel()]
        matches = np.flatnonzero(steps >= _MATCH)
        length_bits = steps[matches] - _MATCH
        rest = words[matches >> 3] >> ((matches & 7) + length_bits).astype(np.uint64)
        distance_bits = self._distance_steps[(rest & 0x7FFF).astype(np.int64)]
        steps[matches] = np.where(distance_bits, length_bits + distance_bits, 0)
        return bytes(steps) + bytes(_MAX_TOKEN_BITS + 8)

    def _is_end(self, words: NDArray[np.uint64], at: int) -> bool:
        return int(self._symbols[int(words[at >> 3]) >> (at & 7) & 0x7FFF]) == END_OF_BLOCK

    def _values(self, words: NDArray[np.uint64], places: NDArray[np.int64]) -> Matches:
        bits = words[places >> 3] >> (places & 7).astype(np.uint64)
        codes = (bits & 0x7FFF).astype(np.int64)
        found = np.flatnonzero(self._symbols[codes] > END_OF_BLOCK)
        bits, codes = bits[found], codes[found]
        index = self._symbols[codes] - (END_OF_BLOCK + 1)
        extra = _LENGTH_EXTRA[index]
        bits >>= (self._steps[codes] - _MATCH).astype(np.uint64) - extra  # behind the code
        lengths = _LENGTH_LOW[index] + (bits & ((1 << extra) - 1))
        if np.any((lengths == MAX_MATCH) & (extra > 0)):
            raise NoShape("a deflate stream that writes the length 258 as no encoder does")
        bits >>= extra
        codes = (bits & 0x7FFF).astype(np.int64)
        index = self._distances[codes]
        extra = _DISTANCE_EXTRA[index]
        bits >>= self._distance_steps[codes].astype(np.uint64) - extra
        distances = _DISTANCE_LOW[index] + (bits & ((1 << extra) - 1))
        rest = len(places) - (int(found[-1]) + 1 if len(found) else 0)
        literals = np.diff(found, prepend=-1) - 1
        return Matches(literals, lengths.astype(np.int64), distances.astype(np.int64), rest)


@lru_cache(4)
def token_reader(lengths: tuple[tuple[int, ...], tuple[int, ...]]) -> TokenReader:
    """The reader for these code lengths: short streams have the fixed codes, again and again."""
    return TokenReader(lengths)


def _steps(
    symbols: NDArray[np.int16], lengths: tuple[int, ...], first: int, extra: NDArray[np.uint64], mark: int
) -> NDArray[np.uint8]:
    """The bits that a symbol takes, by the next 15 bits. From the symbol `first` on with its extra bits, and `mark`.

    0 for the end of the block and for what is no symbol.
    """
    last = first + len(extra)
    taken = np.zeros(last + 1, np.uint8)  # the last one is of no symbol, which is -1
    given = lengths[:last]
    taken[: len(given)] = given
    taken[first:last] += extra.astype(np.uint8) + np.uint8(mark)
    if first:
        taken[END_OF_BLOCK] = 0
    return taken[np.where(symbols < last, symbols, -1)]


def _hop(steps: bytes, at: int) -> tuple[list[int], int]:
    """(the bits at which tokens begin, the first bit at which none does)."""
    places = []
    while step := steps[at]:
        places.append(at)
        at += step
    return places, at


class TokenWriter:
    """Writes tokens with these code lengths."""

    def __init__(self, lengths: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        """Raises Malformed if codes overlap, or if there is none for the end of the block."""
        self._codes, self._bits = _padded(lengths[0], 286)
        self._distance_codes, self._distance_bits = _padded(lengths[1], 30)
        if not self._bits[END_OF_BLOCK]:
            raise Malformed("recipe: a shape without a code for the end of a block")

    @property
    def end(self) -> tuple[int, int]:
        """(value, bits) of the end of the block."""
        return int(self._codes[END_OF_BLOCK]), int(self._bits[END_OF_BLOCK])

    def write(self, matches: Matches, plain: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """(values, bits) of the tokens in order. `plain`: the bytes that they stand for. Raises Malformed."""
        places, symbols = matches.places, matches.literals_in(plain)
        is_literal = np.ones(matches.tokens, bool)
        is_literal[places] = False
        values, bits = np.empty(len(is_literal), np.uint64), np.empty(len(is_literal), np.uint64)
        values[is_literal], bits[is_literal] = self._codes[symbols], self._bits[symbols]
        values[places], bits[places] = self._write_matches(matches)
        if not bits.all():
            raise Malformed("recipe: a shape with a literal that has no code")
        return values, bits

    def _write_matches(self, matches: Matches) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        symbols, distance_index = matches.length_symbols, matches.distance_symbols
        index = symbols - (END_OF_BLOCK + 1)
        values, bits = self._codes[symbols], self._bits[symbols]
        codes, code_bits = self._distance_codes[distance_index], self._distance_bits[distance_index]
        if not (bits.all() and code_bits.all()):
            raise Malformed("recipe: a shape with a match that has no code")
        values = values | matches.lengths.astype(np.uint64) - _LENGTH_LOW[index] << bits
        bits = bits + _LENGTH_EXTRA[index]
        values |= codes << bits
        bits += code_bits
        values |= matches.distances.astype(np.uint64) - _DISTANCE_LOW[distance_index] << bits
        return values, bits + _DISTANCE_EXTRA[distance_index]


@lru_cache(4)
def token_writer(lengths: tuple[tuple[int, ...], tuple[int, ...]]) -> TokenWriter:
    """The writer for these code lengths. Raises Malformed."""
    return TokenWriter(lengths)


def _padded(lengths: tuple[int, ...], symbols: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(codes, bits) by symbol, 0 bits for those that are not given."""
    codes, bits = np.zeros(symbols, np.uint64), np.zeros(symbols, np.uint64)
    given = lengths[:symbols]
    codes[: len(given)] = codes_of(lengths)[: len(given)]
    bits[: len(given)] = given
    return codes, bits


class BitJoiner:
    """Joins values of some bits to bytes. What does not fill 8 bytes waits."""

    def __init__(self) -> None:
        self._waiting = 0
        self.bits = 0  # of what waits: its count modulo 8 is the place within the byte

    def join(self, values: NDArray[np.uint64], bits: NDArray[np.uint64]) -> bytes:
        """The whole words of 8 bytes that are filled. Each value is below 2^bits, and has 1 to 48 bits."""
        values = np.concatenate(([np.uint64(self._waiting)], values))
        ends = np.cumsum(np.concatenate(([np.uint64(self.bits)], bits)))
        starts = np.concatenate((np.zeros(1, np.uint64), ends[:-1]))
        word, offset = starts >> 6, starts & 63
        firsts = np.flatnonzero(np.diff(word, prepend=np.uint64(1 << 63)))
        words = np.bitwise_or.reduceat(values << offset, firsts)
        last_ones = np.append(firsts[1:], len(values)) - 1
        # What the last value of a word has too much; in two shifts, since a shift by 64 means nothing.
        over = values[last_ones] >> 1 >> 63 - offset[last_ones]
        words[1:] |= over[:-1]
        whole, self.bits = int(ends[-1]) >> 6, int(ends[-1]) & 63
        if whole == len(words):
            self._waiting = int(over[-1])
        else:
            self._waiting = int(words[-1])
        return words[:whole].astype("<u8").tobytes()

    def join_few(self, pairs: list[tuple[int, int]]) -> bytes:
        """The same for a list of (value, bits). Gives all whole bytes."""
        value, count = self._waiting, self.bits
        for more, bits in pairs:
            value |= more << count
            count += bits
        whole = count >> 3
        self._waiting, self.bits = value >> whole * 8, count & 7
        return (value & (1 << whole * 8) - 1).to_bytes(whole, "little")
