"""The shape of a deflate stream: all of it that its plain bytes do not determine.

Encoders differ in where they see matches, where they end blocks and which codes they choose. The shape says just that.
So plain bytes and shape give back the exact stream of any encoder, and a new shape is a patch of an old one.
spec/format.md, section 9, has all rules: what a shape is [F-69], its blocks [F-70], how a stream is restored [F-71].

Memory: some 16 MiB beside the blocks, in both directions. Time: linear. One core reads about 4 MB of stream a second,
and writes 7 MB. With the smallest blocks it is 0.7 MB and 1 MB.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bundle.deflate.blocks import (
    DERIVED,
    MAX_HEADER_BYTES,
    STORED,
    Block,
    NoShape,
    header_bits,
    next_byte,
    next_number,
    read_form,
    read_header,
)
from bundle.deflate.derived import MAX_DERIVED_TOKENS, USUAL, Counts, derivation, derived, may_be_derived
from bundle.deflate.places import Places
from bundle.deflate.tokens import MIN_MATCH, BitJoiner, Matches, TokenWriter, token_reader, token_writer
from bundle.errors import Malformed
from bundle.format.objects import Readable
from bundle.format.varints import write_varints

MAX_BLOCKS_BYTES = 16 * 1024 * 1024
RECORD_BYTES = 4
MAX_RECORDS_RATIO = 16  # bytes of records to bytes of stream: a match has 2 bits at least
_FULL_RUN = 255
_NO_MATCH = 1 << 15
_TOO_MANY = "a deflate stream of too many blocks"
_TOKENS_AT_ONCE = 16 * 1024
_RECORDS_AT_ONCE = 16 * 1024


def shape_work(stream_bytes: int, plain_bytes: int) -> int:
    """What making a shape counts for, in bytes of stream [F-68]."""
    return stream_bytes + plain_bytes // 16


def most_blocks(stream_bytes: int) -> int:
    """How many blocks a stream may have."""
    return 16 + stream_bytes // 64


def most_derived(stream_bytes: int) -> int:
    """How many of them may have derived codes, and for how many that is tried: to derive codes takes time."""
    return 16 + stream_bytes // 1024


def shape_of(stream: Readable, plain: Readable) -> Iterator[bytes]:
    """The shape of a raw deflate stream of these plain bytes, in chunks [F-69].

    Raises NoShape, possibly after some chunks.
    """
    forms, places = bytearray(), Places(plain)
    count = at = run = plain_at = 0
    derivable, last_derived = most_derived(stream.size), USUAL
    last = False
    while not last:
        data = _read(stream, at >> 3, MAX_HEADER_BYTES)
        last, block, used = read_header(int.from_bytes(data, "little") >> (at & 7), at & 7)
        at += used
        counts = Counts()
        if block.kind == STORED:
            at += block.size * 8
            plain_at += block.size
        else:
            for matches, end in token_reader(block.lengths).read(stream, at):
                if matches.plain_bytes > plain.size - plain_at:
                    raise NoShape("a deflate stream of more plain bytes")
                counts.add(matches, plain.read_at(plain_at, matches.plain_bytes))
                numbers = places.numbers(matches.starts(plain_at), matches.distances, matches.lengths)
                records, run = _records_of(matches, numbers, run)
                at = end
                plain_at += matches.plain_bytes
                yield records.tobytes()
        if at > stream.size * 8:
            raise NoShape("a deflate stream that is cut short")
        if derivable and may_be_derived(block, counts):
            derivable -= 1  # to find out that codes do not follow takes as long
            if shorter := derivation(block, counts, last_derived):
                block = last_derived = shorter
        forms += block.write(counts.tokens)
        count += 1
        if count > most_blocks(stream.size) or len(forms) > MAX_BLOCKS_BYTES:
            raise NoShape(_TOO_MANY)
    if (at + 7) >> 3 != stream.size:
        raise NoShape("a deflate stream with more behind its end")
    if run:
        yield bytes((run, 0, 0, _NO_MATCH >> 8))
    padding = stream.read_at(stream.size - 1, 1)[0] >> (at & 7) if at & 7 else 0
    blocks = write_varints([count]) + forms + bytes((padding,))
    if len(blocks) > MAX_BLOCKS_BYTES:
        raise NoShape(_TOO_MANY)
    yield blocks + len(blocks).to_bytes(4, "little")


def _read(stream: Readable, at: int, size: int) -> bytes:
    """So many bytes from there on, or as many as there are."""
    at = min(at, stream.size)
    return stream.read_at(at, min(size, stream.size - at))


def _records_of(matches: Matches, numbers: NDArray[np.int64], run: int) -> tuple[NDArray[np.uint8], int]:
    """(records, literals behind the last one). `run`: the literals before the first token."""
    literals = np.append(matches.literals, matches.rest)
    literals[0] += run
    records = np.empty((len(literals) - 1, RECORD_BYTES), np.uint8)
    records[:, 0] = literals[:-1] % _FULL_RUN
    records[:, 1] = matches.lengths - MIN_MATCH
    records[:, 2] = numbers & 255
    records[:, 3] = numbers >> 8
    full = literals // _FULL_RUN
    if full.any():
        full_run = (_FULL_RUN, 0, 0, _NO_MATCH >> 8)
        records = np.insert(records, np.repeat(np.arange(len(literals)), full), full_run, axis=0)
    return records, int(literals[-1]) % _FULL_RUN


def restore(plain: Readable, shape: Readable, most_bytes: int) -> Iterator[bytes]:
    """The stream with these plain bytes and this shape, in chunks, of `most_bytes` and some 100 KiB at most.

    Raises Malformed for a shape that breaks a rule [F-71], and as soon as there are more than `most_bytes`.
    """
    blocks, records_bytes = _read_blocks(shape)
    if records_bytes > MAX_RECORDS_RATIO * most_bytes:
        raise Malformed("recipe: a shape with more tokens than its stream can hold")
    data = iter(blocks)
    count = next_number(data)
    if not 1 <= count <= most_blocks(most_bytes):
        raise Malformed(f"recipe: a shape of {count} blocks for a stream of {most_bytes} bytes")
    left = most_bytes
    restoring = _Restoring(plain, _Records(shape, records_bytes), most_derived(most_bytes))
    for chunk in restoring.run(data, count):
        left -= len(chunk)
        if left < 0:
            raise Malformed(f"recipe: a shape that makes more than {most_bytes} bytes")
        yield chunk


def _read_blocks(shape: Readable) -> tuple[bytes, int]:
    """(the blocks, bytes of the records)."""
    if shape.size < 4:
        raise Malformed("recipe: a shape that is cut short")
    size = int.from_bytes(shape.read_at(shape.size - 4, 4), "little")
    rest = shape.size - 4 - size
    if size > MAX_BLOCKS_BYTES or rest < 0 or rest % RECORD_BYTES:
        raise Malformed("recipe: a shape whose blocks do not fit")
    return shape.read_at(rest, size), rest


class _Records:
    """Takes tokens from the records of a shape."""

    def __init__(self, shape: Readable, size: int) -> None:
        self._shape = shape
        self._size = size
        self._at = 0
        self._waiting = np.empty((0, RECORD_BYTES), np.int64)

    def take(self, tokens: int) -> Matches:
        """The next tokens: so many, or fewer if that is more work. Numbers stand in the place of the distances.

        Raises Malformed if there are none.
        """
        if not len(self._waiting):
            self._waiting = self._read()
        records = self._waiting
        literals, numbers = records[:, 0], records[:, 2] | records[:, 3] << 8
        is_match = numbers < _NO_MATCH
        ends = np.cumsum(literals + is_match)
        whole = int(np.searchsorted(ends, tokens, "right"))
        rest = min(tokens, int(ends[-1])) - (int(ends[whole - 1]) if whole else 0)  # literals of the next record
        self._waiting = records[whole:]
        if rest:
            self._waiting = self._waiting.copy()
            self._waiting[0, 0] -= rest
        # Records without a match lend their literals to the next one with a match.
        places = np.flatnonzero(is_match[:whole])
        before = np.diff(ends[places], prepend=0) - 1
        behind = (int(ends[whole - 1]) if whole else 0) - (int(ends[places[-1]]) if len(places) else 0)
        return Matches(before, records[places, 1] + MIN_MATCH, numbers[places], behind + rest)

    def is_at_end(self) -> bool:
        """Whether all tokens have been taken."""
        return self._at == self._size and not len(self._waiting)

    def _read(self) -> NDArray[np.int64]:
        size = min(_RECORDS_AT_ONCE * RECORD_BYTES, self._size - self._at)
        if not size:
            raise Malformed("recipe: a shape whose blocks have more tokens than it gives")
        data = self._shape.read_at(self._at, size)
        self._at += size
        records = np.frombuffer(data, np.uint8).reshape(-1, RECORD_BYTES).astype(np.int64)
        special = records[records[:, 3] >= _NO_MATCH >> 8]
        if len(special) and ((special[:, 1:] != (0, 0, _NO_MATCH >> 8)).any() or not special[:, 0].all()):
            raise Malformed("recipe: a shape with a number of over 32,768, or a record of nothing")
        return records


class _Restoring:
    """A stream that is being restored."""

    def __init__(self, plain: Readable, records: _Records, derivable: int) -> None:
        """`derivable`: how many blocks may have derived codes."""
        self._plain = plain
        self._records = records
        self._places = Places(plain)
        self._at = 0  # in the plain bytes
        self._joiner = BitJoiner()
        self._derivable = derivable

    def run(self, data: Iterator[int], count: int) -> Iterator[bytes]:
        """The stream, of so many blocks, chunk by chunk."""
        for number in range(count):
            block, tokens = read_form(data)
            parts = self._tokens(tokens)
            if block.kind in DERIVED:
                held = self._held(parts, tokens)
                block, parts = self._derived(block, held), iter(held)
            header = header_bits(block, number == count - 1, self._joiner.bits & 7)
            yield self._joiner.join_few(header)
            yield from self._copied(block) if block.kind == STORED else self._encoded(block, parts)
        padding, free = next_byte(data), -self._joiner.bits % 8
        if padding >> free or next(data, None) is not None:
            raise Malformed("recipe: a shape with more behind its blocks than padding")
        yield self._joiner.join_few([(padding, free)])
        if self._at != self._plain.size or not self._records.is_at_end():
            raise Malformed("recipe: a shape that leaves plain bytes or tokens over")

    def _copied(self, block: Block) -> Iterator[bytes]:
        yield self._plain.read_at(self._take(block.size), block.size)

    def _encoded(self, block: Block, parts: Iterator["_Part"]) -> Iterator[bytes]:
        writer: TokenWriter = token_writer(block.lengths)
        for at, matches in parts:
            yield self._joiner.join(*writer.write(matches, self._plain.read_at(at, matches.plain_bytes)))
        yield self._joiner.join_few([writer.end])

    def _tokens(self, tokens: int) -> Iterator["_Part"]:
        """The next tokens part by part, with distances."""
        while tokens:
            matches = self._records.take(min(tokens, _TOKENS_AT_ONCE))
            tokens -= matches.tokens
            at = self._take(matches.plain_bytes)
            distances = self._places.distances(matches.starts(at), matches.distances, matches.lengths)
            yield at, replace(matches, distances=distances)

    def _held(self, parts: Iterator["_Part"], tokens: int) -> list["_Part"]:
        """All of them at once. Raises Malformed for more than may be held, or too many such blocks."""
        self._derivable -= 1
        if tokens > MAX_DERIVED_TOKENS or self._derivable < 0:
            raise Malformed("recipe: a shape with too many derived codes, or with too large a block of such")
        return list(parts)

    def _derived(self, block: Block, parts: list["_Part"]) -> Block:
        counts = Counts()
        for at, matches in parts:
            counts.add(matches, self._plain.read_at(at, matches.plain_bytes))
        return derived(block, counts)

    def _take(self, size: int) -> int:
        """Where the next plain bytes stand."""
        if size > self._plain.size - self._at:
            raise Malformed("recipe: a shape that takes more than the plain bytes")
        self._at += size
        return self._at - size


_Part = tuple[int, Matches]  # where it stands in the plain bytes, and the tokens
