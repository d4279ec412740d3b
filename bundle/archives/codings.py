"""How a stream of an archive is packed, and how it is unpacked. spec/format.md, section 9 [F-46].

A coding is named by the number of a member that stands in an archive as the stream that it is [F-75].
"""

import bz2
import lzma
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import IntEnum
from typing import Final

from bundle.archives.xz_streams import UNPACK_BYTES, Structure, Unsound
from bundle.errors import Malformed
from bundle.format.index import AS_IT_IS, AS_IT_IS_BZIP2, AS_IT_IS_XZ
from bundle.format.objects import Readable

CHUNK_BYTES: Final = 256 * 1024
READ_BYTES: Final = 65_536


class Undecodable(Exception):
    """A stream that is damaged, or not of this coding."""


class Unpacker(ABC):
    """Unpacks one stream. `fed`: bytes that it was given. `behind`: those of them behind the stream's end."""

    def __init__(self) -> None:
        self.fed = 0

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether the stream came to its end."""

    @property
    @abstractmethod
    def behind(self) -> bytes:
        """Nothing before the end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes of the stream unpack to, in bounded chunks. Raises Undecodable.

        It is to be exhausted before more is fed.
        """
        self.fed += len(data)
        return self._feed(data)

    @abstractmethod
    def _feed(self, data: bytes) -> Iterator[bytes]: ...


class _Inflater(Unpacker):
    """Deflate, RFC 1951, without a head."""

    def __init__(self) -> None:
        super().__init__()
        self._inflater = zlib.decompressobj(-15)

    @property
    def is_over(self) -> bool:
        return self._inflater.eof

    @property
    def behind(self) -> bytes:
        return self._inflater.unused_data

    def _feed(self, data: bytes) -> Iterator[bytes]:
        plain = b""
        while not self._inflater.eof and (data or len(plain) == CHUNK_BYTES):
            try:
                plain = self._inflater.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise Undecodable(str(error)) from error
            data = self._inflater.unconsumed_tail
            yield plain


class _Verifier(Unpacker):
    """bzip2 or xz, with its head and its checksums, which are verified."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        super().__init__()
        self._decompressor = decompressor

    @property
    def is_over(self) -> bool:
        return self._decompressor.eof

    @property
    def behind(self) -> bytes:
        return self._decompressor.unused_data

    def _feed(self, data: bytes) -> Iterator[bytes]:
        needs_more = False
        while not self._decompressor.eof and not needs_more:
            try:
                plain = self._decompressor.decompress(data, CHUNK_BYTES)
            except (OSError, lzma.LZMAError) as error:
                raise Undecodable(str(error)) from error
            data, needs_more = b"", self._decompressor.needs_input
            yield plain


class Coding(IntEnum):
    """The codings of streams."""

    DEFLATE = AS_IT_IS
    BZIP2 = AS_IT_IS_BZIP2
    XZ = AS_IT_IS_XZ

    def unpacker(self) -> Unpacker:
        """A new unpacker."""
        return _UNPACKERS[self]()

    def unpack(self, stream: Readable) -> Iterator[bytes]:
        """The plain bytes of a stream in bounded chunks. They end where the stream does, or fails."""
        with suppress(Undecodable):
            yield from _unpack(self.unpacker(), stream)

    def unpack_exactly(self, stream: Readable) -> Iterator[bytes]:
        """The plain bytes of what is one stream and nothing else. Raises Malformed."""
        unpacker = self.unpacker()
        try:
            if self == Coding.XZ:
                Structure(stream, 0)
            yield from _unpack(unpacker, stream)
        except (Undecodable, Unsound) as error:
            raise Malformed(f"recipe: a stream that cannot be unpacked: {error}") from error
        if not unpacker.is_over or unpacker.behind or unpacker.fed < stream.size:
            raise Malformed("recipe: a stream that is cut short, or followed by more")


def _unpack(unpacker: Unpacker, stream: Readable) -> Iterator[bytes]:
    while not unpacker.is_over and unpacker.fed < stream.size:
        yield from unpacker.feed(stream.read_at(unpacker.fed, min(READ_BYTES, stream.size - unpacker.fed)))


_UNPACKERS: Final[dict[Coding, Callable[[], Unpacker]]] = {
    Coding.DEFLATE: _Inflater,
    Coding.BZIP2: lambda: _Verifier(bz2.BZ2Decompressor()),
    Coding.XZ: lambda: _Verifier(lzma.LZMADecompressor(lzma.FORMAT_XZ, UNPACK_BYTES)),
}
