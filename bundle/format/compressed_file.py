"""One object in a compressed file of its own, as a repository keeps it: spec/repository.md, section 2 [P-3].

    one zstd frame                       with the object's size and zstd's own checksum
    a skippable frame of zstd, 40 bytes  magic 0x184D2A5B, length 32, SHA-256 of the frame before

Standard tools unpack it, for they pass over the skippable frame. Its hash finds a flipped byte that unpacks to the same
content, as some in the header of a zstd frame do.
"""

import io
import os
import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO, Final

import zstandard

from bundle.errors import Corrupt
from bundle.format.objects import CHUNK_BYTES
from bundle.host.files import write_all

LEVEL: Final = 9
_SEAL_HEAD: Final = struct.pack("<II", 0x184D2A5B, 32)
SEAL_BYTES: Final = len(_SEAL_HEAD) + 32


def write_compressed(file: BinaryIO, chunks: Iterable[bytes], size: int) -> int:
    """Writes an object of that size into an empty file, and returns the bytes of the file. Raises OSError.

    What `chunks` raises leaves as it is. They must have `size` bytes together, or zstd refuses them.
    """
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(size=size)
    digest, written = sha256(), 0
    for packed in _packed(compressor, chunks):
        digest.update(packed)
        write_all(file, packed)
        written += len(packed)
    write_all(file, _SEAL_HEAD + digest.digest())
    return written + SEAL_BYTES


def _packed(compressor: "zstandard.ZstdCompressionObj", chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def read_compressed(file: BinaryIO, size: int | None, expected: bytes) -> Iterator[bytes]:
    """The object, chunk by chunk. `expected`: its SHA-256. `size` in bytes; None where only the file itself knows it.

    No more than `size` bytes are ever given. Raises Corrupt, at the latest behind the last chunk, and OSError.
    """
    packed, content, given = sha256(), sha256(), 0
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    left = file.seek(0, os.SEEK_END) - SEAL_BYTES
    file.seek(0)
    while left > 0 and (data := file.read(min(CHUNK_BYTES, left))):
        left -= len(data)
        packed.update(data)
        for plain in _plain(decompressor, data):
            given += len(plain)
            if size is not None and given > size:
                raise Corrupt(f"unpacks to more than {size} bytes")
            content.update(plain)
            yield plain
    if left or not decompressor.eof or decompressor.unused_data or file.read() != _SEAL_HEAD + packed.digest():
        raise Corrupt("its bytes are not the ones that were written")
    if size not in (None, given) or content.digest() != expected:
        raise Corrupt("its content is not the one of its name")


def _plain(decompressor: "zstandard.ZstdDecompressionObj", data: bytes) -> Iterator[bytes]:
    """What a chunk unpacks to, in parts: a few bytes may unpack to very many."""
    try:
        for at in range(0, len(data), _STEP):
            if decompressor.eof:
                raise Corrupt("has more behind its end")
            yield decompressor.decompress(data[at : at + _STEP])
    except zstandard.ZstdError as error:
        raise Corrupt(f"cannot be unpacked: {error}") from error


_STEP: Final = 4096


def to_compressed(data: bytes) -> bytes:
    """The bytes of the file for a small object."""
    file = io.BytesIO()
    write_compressed(file, [data], len(data))
    return file.getvalue()
