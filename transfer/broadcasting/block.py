"""Blocks: what is coded by itself. Block 0 is the header, each other one a stretch of whole pieces of one section.

Sender and receiver cut a bundle by the same rule [T-121], so a datagram need not tell where its block lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bundle.format.root import Section
from bundle.read.reader import VerifiedRoot
from transfer.broadcasting.datagram import MAX_SYMBOL_BYTES

BLOCK_BYTES = 1024 * 1024
HEADER_BLOCK = 0
_MIN_SYMBOL_BYTES = 64
_ALIGNMENT = 8


@dataclass(frozen=True)
class Block:
    """A stretch of the bundle file, `offset` and `length` in bytes, cut into equal symbols; the last is filled up."""

    number: int
    offset: int
    length: int

    @cached_property
    def symbols(self) -> int:
        """How many symbols hold the block itself; any so many, or few more, make it again."""
        return -(-self.length // MAX_SYMBOL_BYTES)

    @cached_property
    def symbol_bytes(self) -> int:
        """The length of each symbol."""
        share = -(-self.length // self.symbols)
        return max(_MIN_SYMBOL_BYTES, -(-share // _ALIGNMENT) * _ALIGNMENT)

    @property
    def end(self) -> int:
        """Where the next byte of the file is."""
        return self.offset + self.length


def header_block(header_bytes: int) -> Block:
    """The block of a header of that length."""
    return Block(HEADER_BLOCK, 0, header_bytes)


def section_blocks(verified: VerifiedRoot) -> Iterator[tuple[Section, Block]]:
    """All other blocks of a bundle, in the order of the file: as many pieces as fit, one at least [T-121]."""
    number = HEADER_BLOCK
    for section in verified.root.sections:
        if section.is_inner:
            continue
        start = end = verified.header_bytes + verified.root.offset_of(section)
        for offset, piece in verified.pieces(section):
            if offset > start and offset + piece.length > start + BLOCK_BYTES:
                number += 1
                yield section, Block(number, start, offset - start)
                start = offset
            end = offset + piece.length
        number += 1
        yield section, Block(number, start, end - start)
