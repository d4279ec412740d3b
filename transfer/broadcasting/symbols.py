"""Symbols that wait for others of their block: in a file beside the output, for almost all blocks are open at once.

The file is its own journal, as the partial file is: each record tells what it is, with a checksum, so that what was
heard before a kill is of use after it [T-131]. Nothing in it is verified; a record that is damaged is a symbol lost.
"""

import struct
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from zlib import crc32

from bundle.host.files import reopen_or_create
from transfer.broadcasting.datagram import ID_BYTES, MAX_SYMBOL_BYTES
from transfer.disk.storage import OUTPUT

_MAGIC = b"UNRBSYM1"
_RECORD_HEAD = struct.Struct("<IIII")  # checksum of the rest, block, symbol id, length
RECORD_BYTES = _RECORD_HEAD.size + MAX_SYMBOL_BYTES
_START_BYTES = len(_MAGIC) + ID_BYTES


class SymbolStore:
    """The waiting symbols of one bundle, as a context manager. Every method raises DiskFull or OutputRefused.

    Memory is 8 bytes for each symbol. Places of symbols that are dropped are used again.
    """

    def __init__(self, path: Path, bundle: bytes) -> None:
        self._path = path
        self._ids: dict[int, array[int]] = {}  # by block, in the order of arrival
        self._places: dict[int, array[int]] = {}
        self._free: array[int] = array("I")
        self._end = 0
        with OUTPUT.errors(path):
            self._file, _ = reopen_or_create(path)
            self._begin(bundle)

    def __enter__(self) -> "SymbolStore":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def recall(self, is_wanted: Callable[[int, int, int], bool]) -> None:
        """Keeps what an earlier run left, as far as it is whole, and wanted by (block, symbol id, length)."""
        with OUTPUT.errors(self._path):
            self._file.seek(_START_BYTES)
            while len(record := self._file.read(RECORD_BYTES)) == RECORD_BYTES:
                block, symbol, data = _taken_apart(record)
                if data and not self.has(block, symbol) and is_wanted(block, symbol, len(data)):
                    self._note(block, symbol, self._end)
                else:
                    self._free.append(self._end)
                self._end += 1

    def has(self, block: int, symbol: int) -> bool:
        """Whether it waits here already."""
        return symbol in self._ids.get(block, ())

    def ids(self, block: int) -> "array[int]":
        """The ids of the symbols of a block."""
        return self._ids.get(block, array("I"))

    def add(self, block: int, symbol: int, data: bytes) -> None:
        """Keeps a symbol."""
        place = self._free.pop() if self._free else self._end
        tail = struct.pack("<III", block, symbol, len(data)) + data.ljust(MAX_SYMBOL_BYTES, b"\0")
        with OUTPUT.errors(self._path):
            self._file.seek(_START_BYTES + place * RECORD_BYTES)
            self._file.write(struct.pack("<I", crc32(tail)) + tail)
        self._end = max(self._end, place + 1)
        self._note(block, symbol, place)

    def symbols(self, block: int) -> Iterator[tuple[int, bytes]]:
        """(id, symbol) of a block, without those that cannot be read as they were written."""
        with OUTPUT.errors(self._path):
            for place in self._places.get(block, ()):
                self._file.seek(_START_BYTES + place * RECORD_BYTES)
                found, symbol, data = _taken_apart(self._file.read(RECORD_BYTES))
                if data and found == block:
                    yield symbol, data

    def drop(self, block: int) -> None:
        """Forgets the symbols of a block, for good."""
        self._ids.pop(block, None)
        with OUTPUT.errors(self._path):
            for place in self._places.pop(block, ()):
                self._file.seek(_START_BYTES + place * RECORD_BYTES)
                self._file.write(bytes(_RECORD_HEAD.size))
                self._free.append(place)

    def _begin(self, bundle: bytes) -> None:
        start = _MAGIC + bundle
        if self._file.read(_START_BYTES) != start:
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(start)

    def _note(self, block: int, symbol: int, place: int) -> None:
        self._ids.setdefault(block, array("I")).append(symbol)
        self._places.setdefault(block, array("I")).append(place)


def _taken_apart(record: bytes) -> tuple[int, int, bytes]:
    """(block, symbol id, symbol); no symbol if the record is not whole."""
    if len(record) < RECORD_BYTES:
        return 0, 0, b""
    checksum, block, symbol, length = _RECORD_HEAD.unpack_from(record)
    if checksum != crc32(record[4:]):
        return 0, 0, b""
    return block, symbol, record[_RECORD_HEAD.size : _RECORD_HEAD.size + length]
