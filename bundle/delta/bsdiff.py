"""bsdiff: a new object is an old one plus a byte-wise difference, along long and inexact matches.

spec/format.md, section 9; C. Percival, "Naive differences of executable code" (2003). The bsdiff4 package does the
suffix sorting and the matching. Its file format (bz2, without bounds) is not used: the three raw streams go into packs.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from bsdiff4 import core

from bundle.delta.changes import CHUNK_BYTES, Changes
from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.objects import Readable

Triple = tuple[int, int, int]


class Block(NamedTuple):
    """`size` bytes at offset `old` of the source that become those at `new` of the target."""

    old: int
    new: int
    size: int


@dataclass(frozen=True)
class Difference:
    """A patch: triples (bytes to add, extra bytes, seek in the source), the differences, the extra bytes."""

    triples: list[Triple]
    diff: bytes
    extra: bytes


def make_difference(source: bytes, target: bytes) -> Difference:
    """The difference from `source` to `target`. It takes 16 bytes of memory for each of the source, beside both."""
    control, diff, extra = core.diff(source, target)
    triples = [(add, more, seek) for add, more, seek in _control(control) if add or more or seek]
    if triples:  # bsdiff seeks behind its last triple, too, where nothing is read any more
        triples[-1] = (*triples[-1][:2], 0)
    return Difference(triples, diff, extra)


def blocks_of(triples: Iterable[Triple]) -> list[Block]:
    """The blocks that a patch copies from its source."""
    found, old, new = [], 0, 0
    for add, extra, seek in triples:
        if add:
            found.append(Block(old, new, add))
        old += add + seek
        new += add + extra
    return found


def triples_of(blocks: Iterable[Block], size: int) -> list[Triple]:
    """Triples that copy these blocks, ascending in the target. The rest of its `size` bytes are extra."""
    # A patch starts at offset 0 of both. An empty block there gives the first real block a triple before it, whose seek
    # leads to where that block starts.
    joined = [Block(0, 0, 0)]
    for block in blocks:
        last = joined[-1]
        if block.old - last.old == last.size and block.new - last.new == last.size:
            joined[-1] = last._replace(size=last.size + block.size)
        else:
            joined.append(block)
    ends = [*joined[1:], Block(joined[-1].old + joined[-1].size, size, 0)]
    found = [
        (block.size, end.new - block.new - block.size, end.old - block.old - block.size)
        for block, end in zip(joined, ends, strict=True)
    ]
    return [triple for triple in found if any(triple)]


def difference_of(source: bytes, target: bytes, triples: list[Triple]) -> Difference:
    """The bytes that the triples need to make the target: differences along the copies, and extra bytes."""
    old, new = np.frombuffer(source, np.uint8), np.frombuffer(target, np.uint8)
    diff, extra = [np.empty(0, np.uint8)], []
    position = at = 0
    for add, more, seek in triples:
        diff.append(new[at : at + add] - old[position : position + add])
        extra.append(target[at + add : at + add + more])
        position, at = position + add + seek, at + add + more
    return Difference(triples, np.concatenate(diff).tobytes(), b"".join(extra))


def apply_triples(
    source: Readable,
    size: int,
    triples: Iterator[Triple],
    skips: Iterator[int],
    take: Callable[[Stream, int], Iterator[bytes]],
) -> Iterator[bytes]:
    """The target's bytes, chunk by chunk. `take` gives the next bytes of a stream, `skips` goes on with that stream.

    Raises Malformed when a triple leaves the source or the signed size [F-41].
    """
    position = produced = 0
    changes = Changes(skips, take)
    for add, extra, seek in triples:
        produced += add + extra
        if produced > size or position + add > source.size:
            raise Malformed("recipe: a patch reaches beyond its source or its size")
        for at in range(position, position + add, CHUNK_BYTES):
            yield changes.added_to(source.read_at(at, min(CHUNK_BYTES, position + add - at)))
        yield from take(Stream.EXTRA, extra)
        position += add + seek
        if not 0 <= position <= source.size:
            raise Malformed("recipe: a patch seeks out of its source")
    changes.finish()
    if produced != size:
        raise Malformed(f"recipe: a patch makes {produced} bytes instead of {size}")


def _control(control: bytes) -> Iterator[Triple]:
    """Reads bsdiff's own records: three 8-byte integers, sign and magnitude, little-endian."""
    for record in struct.iter_unpack("<QQQ", control):
        add, extra, seek = (-(v & ~(1 << 63)) if v >> 63 else v for v in record)
        yield add, extra, seek
