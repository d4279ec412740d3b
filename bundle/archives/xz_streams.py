"""Streams of xz: their structure, and those that liblzma gives with one thread or several. spec/format.md [F-88].

    offset  bytes
    0       6      FD 37 7A 58 5A 00
    6       2      0, and the kind of check
    8       4      CRC-32 of these two
            blocks, each: header, chunks of LZMA2, zeros up to a multiple of 4, check
            index: 0, number of blocks, two numbers for each, zeros up to a multiple of 4, CRC-32
            12     footer: CRC-32, length of the index, the two bytes from offset 6, 59 5A

A stream of one thread is one block, whose header does not say its sizes. With several threads, each block has the next
bytes, as many as follow from the preset, and its header says both sizes: so it is packed before its header is written.
"""

import lzma
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from bundle.format.objects import Readable, Scratch, Window, read_all
from bundle.format.varints import read_varints, write_varints

MAGIC: Final = b"\xfd7zXZ\0"
CHECK_BYTES: Final = {lzma.CHECK_NONE: 0, lzma.CHECK_CRC32: 4, lzma.CHECK_CRC64: 8, lzma.CHECK_SHA256: 32}
CHECKS: Final = tuple(CHECK_BYTES)
HEAD_BYTES, FOOTER_BYTES, BLOCK_HEAD_BYTES = 12, 12, 12
MAX_DICTIONARY: Final = 22  # 8 MiB, as LZMA2 has it: an encoder for more takes too much memory aboard
DICTIONARIES: Final = (12, 16, 18, 20, 20, 22, 22)  # by preset
UNPACK_BYTES: Final = 12 * 1024 * 1024
# Chunks without much in them cost time: so many in any case, and one for so many bytes of the stream.
FREE_CHUNKS: Final = 64  # with the end of each block
BYTES_A_CHUNK: Final = 1024
PENDING_BYTES: Final = 4 * 1024 * 1024  # of a packed block: more goes to a file
_LZMA2: Final = 0x21
_MIB: Final = 1 << 20


class Unsound(Exception):
    """What is no such stream. `at`: how many bytes of it were looked at."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Structure:
    """What a stream says of itself: its `length`, the `size` of its plain bytes, and its kind of `check`.

    `dictionary`: of its first block, as LZMA2 has it. `has_sizes`: whether the header of that block says its sizes.
    """

    def __init__(self, archive: Readable, start: int) -> None:
        """`start`: where it begins in the archive. Raises Unsound."""
        self._archive = archive
        self._start = start
        self.length = self.size = self.dictionary = 0
        self.has_sizes = False
        self._chunks = 0
        head = self._take(HEAD_BYTES)
        if head[:7] != MAGIC + b"\0" or head[7] not in CHECK_BYTES or head[8:] != _crc(head[6:8]):
            raise Unsound(self.length)
        self.check, blocks = head[7], 0
        while first := self._take(1)[0]:
            self._block(first, blocks == 0)
            blocks += 1
        self._index(blocks)
        if self._take(FOOTER_BYTES)[8:] != head[6:8] + b"YZ":
            raise Unsound(self.length)

    def _take(self, size: int) -> bytes:
        """The next bytes."""
        at = self._start + self.length
        if at + size > self._archive.size:
            raise Unsound(self._archive.size - self._start)
        self.length += size
        return self._archive.read_at(at, size)

    def _pass(self, size: int) -> None:
        if self._start + self.length + size > self._archive.size:
            raise Unsound(self._archive.size - self._start)
        self.length += size

    def _block(self, head: int, is_first: bool) -> None:
        """A block of LZMA2 and no other filter. `head`: the first byte of its header, which was taken."""
        header = bytes((head,)) + self._take(4 * head + 3)
        at = 2
        for bit in (0x40, 0x80):
            while header[1] & bit and at < len(header) and header[at] & 0x80:
                at += 1
            at += bool(header[1] & bit)
        filters = header[at : at + 3]
        is_bounded = len(filters) == 3 and filters[2] <= MAX_DICTIONARY
        is_sound = not header[1] & 0x3F and filters[:2] == bytes((_LZMA2, 1)) and header[-4:] == _crc(header[:-4])
        if not is_bounded or not is_sound:
            raise Unsound(self.length)
        if is_first:
            self.dictionary, self.has_sizes = filters[2], bool(header[1])
        begin = self.length
        while self._chunk():
            pass
        self._pass(-(self.length - begin) % 4 + CHECK_BYTES[self.check])

    def _chunk(self) -> bool:
        """A chunk of LZMA2. False if it is the end of them, which counts as one."""
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + self.length // BYTES_A_CHUNK:
            raise Unsound(self.length)
        control = self._take(1)[0]
        if control in (1, 2):
            packed = plain = int.from_bytes(self._take(2), "big") + 1
        elif control >= 0x80:
            low, packed = struct.unpack(">2H", self._take(4))
            plain, packed = ((control & 0x1F) << 16) + low + 1, packed + 1 + (control >= 0xC0)
        elif control:
            raise Unsound(self.length)
        else:
            return False
        self._pass(packed)
        self.size += plain
        return True

    def _index(self, blocks: int) -> None:
        """The index, whose first byte was taken. What it says is verified where the stream is unpacked."""
        begin = self.length - 1
        if self._number() != blocks:
            raise Unsound(self.length)
        for _ in range(2 * blocks):
            self._number()
        self._pass(-(self.length - begin) % 4 + 4)

    def _number(self) -> int:
        number = shift = 0
        while (byte := self._take(1)[0]) & 0x80 and shift < 56:
            number |= (byte & 0x7F) << shift
            shift += 7
        return number | byte << shift


def of_one_thread(chunks: Iterator[bytes], preset: int, check: int) -> Iterator[bytes]:
    """The stream of the joined chunks in one block."""
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, check, preset)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def of_threads(chunks: Iterator[bytes], preset: int, check: int, directory: Path | None) -> Iterator[bytes]:
    """The stream of the joined chunks in blocks. `directory` takes a temporary file for one of these at a time."""
    flags, records = bytes((0, check)), []
    dictionary = DICTIONARIES[preset & ~lzma.PRESET_EXTREME]
    block_bytes = max(3 * ((2 | dictionary & 1) << dictionary // 2 + 11), _MIB)
    header_bytes = 16 if block_bytes <= _MIB else 20  # as if the block were full, and did not shrink
    yield MAGIC + flags + _crc(flags)
    plain = _Plain(chunks)
    while plain.has_more():
        begin, scratch = plain.taken, Scratch(directory, PENDING_BYTES)
        whole = scratch.save(of_one_thread(plain.take(block_bytes), preset, check))
        packed, size = _packed_bytes(whole, check), plain.taken - begin
        header = bytes((header_bytes // 4 - 1, 0xC0)) + write_varints([packed, size]) + bytes((_LZMA2, 1, dictionary))
        header = header.ljust(header_bytes - 4, b"\0")
        yield header + _crc(header)
        yield from read_all(Window(whole, HEAD_BYTES + BLOCK_HEAD_BYTES, packed + -packed % 4 + CHECK_BYTES[check]))
        scratch.close()
        records += [header_bytes + packed + CHECK_BYTES[check], size]
    index = b"\0" + write_varints([len(records) // 2, *records])
    index += bytes(-len(index) % 4)
    index += _crc(index)
    footer = struct.pack("<L", len(index) // 4 - 1) + flags
    yield index + _crc(footer) + footer + b"YZ"


class _Plain:
    """Chunks, to be taken as so many bytes at a time."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.taken = 0

    def has_more(self) -> bool:
        """Whether there are bytes left."""
        while not self._rest and (chunk := next(self._chunks, None)) is not None:
            self._rest = chunk
        return bool(self._rest)

    def take(self, size: int) -> Iterator[bytes]:
        """The next bytes, fewer at the end."""
        end = self.taken + size
        while self.taken < end and self.has_more():
            part, self._rest = self._rest[: end - self.taken], self._rest[end - self.taken :]
            self.taken += len(part)
            yield part


def _packed_bytes(stream: Readable, check: int) -> int:
    """The bytes of LZMA2 in a stream of one block, by its index."""
    footer = stream.read_at(stream.size - FOOTER_BYTES, FOOTER_BYTES)
    index_bytes = 4 * (int.from_bytes(footer[4:8], "little") + 1)
    index = stream.read_at(stream.size - FOOTER_BYTES - index_bytes, index_bytes)
    _, _, unpadded = islice(read_varints(iter(index)), 3)
    return unpadded - BLOCK_HEAD_BYTES - CHECK_BYTES[check]


def _crc(data: bytes) -> bytes:
    return struct.pack("<L", zlib.crc32(data))
