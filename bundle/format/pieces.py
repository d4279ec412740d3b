"""Pieces: the units that are transferred, verified and kept, under a hash tree: spec/format.md, section 5.

A body of at most one piece is hashed as it is. A longer one is cut into pieces. The SHA-256 of all of them, one
after the other, form its table. The table is hashed in the same way, so the tree has as many levels as it needs.
The section stores the tables topmost first, then the body: reading it from its start, every piece can be
verified as soon as it is complete, because the table that names it came before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from bundle.errors import Corrupt
from bundle.format.objects import MemoryObject, Readable

HASH_BYTES = 32
MIN_PIECE_LOG = 12
MAX_PIECE_LOG = 22
MIN_PIECE_BYTES = 1 << MIN_PIECE_LOG


@dataclass(frozen=True)
class Piece:
    """A range of a stored section: `offset` and `length` in bytes from the section's start, and who names its hash.

    `level` 0 is the topmost table (or the body, where there is no table). `index` counts within the level.
    """

    offset: int
    length: int
    level: int
    index: int


def level_lengths(body_bytes: int, piece_bytes: int) -> list[int]:
    """Lengths of the levels of a stored section, topmost table first, the body last [F-20]."""
    lengths = [body_bytes]  # 0 where the body stands in the root: then it has no piece [F-100]
    while lengths[0] > piece_bytes:
        count = -(-lengths[0] // piece_bytes)
        lengths.insert(0, count * HASH_BYTES)
    return lengths


def stored_length(body_bytes: int, piece_bytes: int) -> int:
    """Length in bytes of a section as it stands in the file: hash tables and body."""
    return sum(level_lengths(body_bytes, piece_bytes))


def pieces_of(body_bytes: int, piece_bytes: int) -> Iterator[Piece]:
    """All pieces of a stored section in the order of their bytes. Each is named by the level before it."""
    start = 0
    for level, length in enumerate(level_lengths(body_bytes, piece_bytes)):
        for index, offset in enumerate(range(0, length, piece_bytes)):
            yield Piece(start + offset, min(piece_bytes, length - offset), level, index)
        start += length


def build_tables(body: Readable, piece_bytes: int) -> tuple[bytes, bytes]:
    """(hash tables as stored, hash of the section) of a body."""
    tables, level = b"", body
    while level.size > piece_bytes:
        hashes = b"".join(sha256(piece).digest() for piece in _cut(level, piece_bytes))
        tables, level = hashes + tables, MemoryObject(hashes)
    return tables, sha256(level.read_at(0, level.size)).digest()


def _cut(level: Readable, piece_bytes: int) -> Iterator[bytes]:
    for at in range(0, level.size, piece_bytes):
        yield level.read_at(at, min(piece_bytes, level.size - at))


class HashTree:
    """The verified part of a section's hash tree. It grows as tables are verified.

    Only `verify` puts a hash in, so whatever it can name is under the signed root.
    """

    def __init__(self, body_bytes: int, piece_bytes: int, section_hash: bytes) -> None:
        self._lengths = level_lengths(body_bytes, piece_bytes)
        self._known: dict[tuple[int, int], bytes] = {(0, 0): section_hash}
        self._piece_bytes = piece_bytes

    def knows(self, piece: Piece) -> bool:
        """Whether the table that names this piece has been verified."""
        return (piece.level, piece.index) in self._known

    def hash_of(self, piece: Piece) -> bytes:
        """The SHA-256 of a piece, which must be known."""
        return self._known[piece.level, piece.index]

    def verify(self, piece: Piece, data: bytes) -> None:
        """Raises Corrupt unless `data` is that piece. The piece must be known. A table's hashes become known."""
        if len(data) != piece.length or sha256(data).digest() != self._known[piece.level, piece.index]:
            raise Corrupt(f"the {piece.length} bytes at offset {piece.offset} of the section do not match their hash")
        if piece.level + 1 < len(self._lengths):
            first = piece.index * (self._piece_bytes // HASH_BYTES)
            for at in range(0, len(data), HASH_BYTES):
                self._known[piece.level + 1, first + at // HASH_BYTES] = data[at : at + HASH_BYTES]
