"""What one download has cost so far, and its unfinished, unverified pieces: `F.state` beside the partial file.

    offset   size   meaning
         0      8   magic, "STATE01" and a line feed
         8     32   what it belongs to: SHA-256 of the bundle's root
        40      8   bytes received over links that cost something, in all runs
        48      8   bytes per second at which they came last; 0 if that is not known
        56      8   piece size, p
        64    ...   slots of 16 + p bytes: offset of the bytes behind the header, how many, and the bytes

Numbers are unsigned and little-endian. Several connections have a piece each under way, and pieces wait for the table
that names them. Without this file a kill would lose all of those [T-12]. Nothing in it is trusted: a piece is verified
when it is whole, and requested again if a torn slot has damaged it. Nothing is synced: after a power cut only the
pieces in the partial file count.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from bundle.host.files import PRIVATE, open_plain, reopen_or_create
from bundle.read.reader import VerifiedRoot
from transfer.disk.partial import state_path
from transfer.disk.storage import OUTPUT

MAX_SLOTS = 2048  # more pieces are never held for their table [T-33]

_MAGIC = b"STATE01\n"
_HEAD = struct.Struct("<8s32sQQQ")
_PAID = struct.Struct("<QQ")
_PAID_AT = 40
_SLOT = struct.Struct("<QQ")


class StateFile:
    """The state file of one output, as a context manager. Reading what stands there never fails: without it, all is 0.

    paid_bytes    received over links that cost something, in all runs
    bytes_per_s   how fast, or None if that is not known
    unfinished    once it is open: the pieces that an earlier run began or held, as (offset in the file, bytes)
    """

    def __init__(self, output: Path) -> None:
        self.path = state_path(output)
        self.paid_bytes = 0
        self.bytes_per_s: int | None = None
        self.unfinished: list[tuple[int, bytes]] = []
        self._file: BinaryIO | None = None
        self._identity = b""
        self._slots: dict[int, int] = {}  # offset of a piece: number of its slot
        self._free: list[int] = []
        self._count = 0
        self._piece_bytes = 0
        self._header_bytes = 0
        with suppress(OSError, struct.error):
            with open_plain(self.path) as file:
                magic, identity, paid, rate, self._piece_bytes = _HEAD.unpack(file.read(_HEAD.size))
            if magic == _MAGIC:
                self._identity, self.paid_bytes, self.bytes_per_s = identity, paid, rate or None

    def __enter__(self) -> "StateFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it is written."""
        return self._file is not None

    def open(self, verified: VerifiedRoot, received_bytes: int) -> None:
        """Reads the unfinished pieces of a bundle, whoever signed it, and begins to write the file for it.

        `received_bytes`: what this run alone has paid so far. Raises DiskFull or OutputRefused.
        """
        identity, piece_bytes, self._header_bytes = verified.root_hash, verified.root.piece_size, verified.header_bytes
        is_same = identity == self._identity and piece_bytes == self._piece_bytes
        self.unfinished = list(self._read_slots()) if is_same else []
        self.paid_bytes = self.paid_bytes if is_same else received_bytes
        self._piece_bytes = piece_bytes
        with OUTPUT.errors(self.path):
            self._file, is_new = reopen_or_create(self.path, PRIVATE)
            if not (is_same or is_new):
                self._file.truncate(0)
            self._put(0, _HEAD.pack(_MAGIC, identity, self.paid_bytes, self.bytes_per_s or 0, piece_bytes))

    def add_paid(self, amount: int, bytes_per_s: float | None) -> None:
        """So many bytes more were received. Raises DiskFull or OutputRefused."""
        self.paid_bytes += amount
        self.bytes_per_s = int(bytes_per_s) if bytes_per_s else self.bytes_per_s
        if self._file:
            with OUTPUT.errors(self.path):
                self._put(_PAID_AT, _PAID.pack(self.paid_bytes, self.bytes_per_s or 0))

    def save(self, piece_offset: int, filled: int, data: bytes) -> None:
        """Saves the next bytes of a piece, of which `filled` were saved before. Raises DiskFull or OutputRefused."""
        if self._file is None:
            return
        if piece_offset not in self._slots:
            if not self._free and self._count == MAX_SLOTS:
                return
            self._slots[piece_offset] = self._free.pop() if self._free else self._count
            self._count = max(self._count, self._slots[piece_offset] + 1)
        at = self._slot_at(self._slots[piece_offset])
        with OUTPUT.errors(self.path):
            self._put(at + _SLOT.size + filled, data)
            self._put(at, _SLOT.pack(piece_offset - self._header_bytes, filled + len(data)))

    def release(self, piece_offset: int) -> None:
        """That piece is written, or was damaged. Its slot may be used for another. Raises DiskFull or OutputRefused."""
        if piece_offset in self._slots:
            number = self._slots.pop(piece_offset)
            self._free.append(number)
            with OUTPUT.errors(self.path):
                self._put(self._slot_at(number), _SLOT.pack(0, 0))

    def close(self) -> None:
        """Lets go of the file, which goes when the output is complete."""
        if self._file:
            self._file.close()
            self._file = None

    def _read_slots(self) -> Iterator[tuple[int, bytes]]:
        with suppress(OSError), open_plain(self.path) as file:
            for number in range(MAX_SLOTS):
                file.seek(self._slot_at(number))
                head = file.read(_SLOT.size)
                if len(head) < _SLOT.size:
                    return
                offset, length = _SLOT.unpack(head)
                if 0 < length <= self._piece_bytes:
                    data = file.read(length)
                    yield offset + self._header_bytes, data

    def _slot_at(self, number: int) -> int:
        return _HEAD.size + number * (_SLOT.size + self._piece_bytes)

    def _put(self, offset: int, data: bytes) -> None:
        assert self._file is not None  # noqa: S101 - of the callers
        self._file.seek(offset)
        self._file.write(data)
