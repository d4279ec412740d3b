"""The body of a section: verified piece by piece, and decrypted where the bundle is encrypted.

Bytes of the file are verified by hashes under the root each time that they are read [F-21]. Only then is a chunk
decrypted, and only whole chunks whose tag is right are handed on [S-5].
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bundle.errors import Corrupt
from bundle.format.pieces import HashTree, Piece
from bundle.format.section_cipher import CHUNK_BYTES, PLAIN_BYTES, SectionCipher, chunk_stretch, plain_bytes


class Body(Protocol):
    """Index and packs of one section, `size` bytes in all."""

    @property
    def size(self) -> int: ...

    def range(self, start: int, length: int) -> Iterator[bytes]:
        """The bytes from `start` on, which lie within. Raises Corrupt."""

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """(start, end) of what must be there in the file's body for that stretch to be read."""

    def verify(self) -> None:
        """Reads all of it. Raises Corrupt at the first byte that is not what it should be."""


class InnerBody:
    """A body that stands in the root, and was verified with it [F-100]."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def range(self, start: int, length: int) -> Iterator[bytes]:
        yield self._data[start : start + length]

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        return start, start  # nothing of it stands behind the header

    def verify(self) -> None:
        pass


class StoredBody:
    """A body as the file has it. Its hash tables are verified when it is made."""

    def __init__(
        self,
        path: Path,
        read: Callable[[int, int], bytes],
        pieces: Sequence[tuple[int, Piece]],
        tree: HashTree,
        piece_bytes: int,
    ) -> None:
        """`read(offset, length)` gives bytes of the file. `pieces` are (offset in the file, piece). Raises Corrupt."""
        self._path, self._read, self._tree, self._piece_bytes = path, read, tree, piece_bytes
        top = pieces[-1][1].level
        for offset, piece in pieces:
            if piece.level < top:
                self._verified(offset, piece)
        self._pieces = [(offset, piece) for offset, piece in pieces if piece.level == top]
        self.size = sum(piece.length for _, piece in self._pieces)

    def range(self, start: int, length: int) -> Iterator[bytes]:
        end, size = start + length, self._piece_bytes
        for offset, piece in self._pieces[start // size : -(-end // size)]:
            data = self._verified(offset, piece)
            at = piece.index * size
            yield data[max(0, start - at) : end - at]

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        return start, end

    def verify(self) -> None:
        for offset, piece in self._pieces:
            self._verified(offset, piece)

    def _verified(self, offset: int, piece: Piece) -> bytes:
        data = self._read(offset, piece.length)
        try:
            self._tree.verify(piece, data)
        except Corrupt as error:
            raise Corrupt(f"{self._path}: {error}; fetch it again, only what is damaged will be sent") from error
        return data


class DecryptedBody:
    """The plain bytes of an encrypted body. No byte of a chunk is handed on before its tag was verified."""

    def __init__(self, path: Path, stored: InnerBody | StoredBody, cipher: SectionCipher) -> None:
        self._path, self._stored, self._cipher = path, stored, cipher
        self.size = plain_bytes(stored.size)

    def range(self, start: int, length: int) -> Iterator[bytes]:
        first, end = self._chunks(start, start + length)
        for number, chunk in enumerate(_cut(self._stored.range(first, end - first)), first // CHUNK_BYTES):
            at = number * PLAIN_BYTES
            yield self._decrypted(number, chunk)[max(0, start - at) : start + length - at]

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        return self._stored.stretch(*self._chunks(start, end))

    def verify(self) -> None:
        for _ in self.range(0, self.size):
            pass

    def _chunks(self, start: int, end: int) -> tuple[int, int]:
        return chunk_stretch(start, end, self._stored.size)

    def _decrypted(self, number: int, chunk: bytes) -> bytes:
        try:
            return self._cipher.decrypt(number, chunk)
        except Corrupt as error:
            raise Corrupt(f"{self._path}: {error}; ask shore for another bundle, or for the right ticket") from error


def _cut(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, chunk by chunk. The last may be shorter."""
    held = b""
    for part in parts:
        held += part
        whole = len(held) // CHUNK_BYTES * CHUNK_BYTES
        for at in range(0, whole, CHUNK_BYTES):
            yield held[at : at + CHUNK_BYTES]
        held = held[whole:]
    if held:
        yield held
