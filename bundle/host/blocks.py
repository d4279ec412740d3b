"""Blocks on disk: shared with another file where the file system can, and left out where all their bytes are zero.

Btrfs, XFS and some more share blocks: ioctl_ficlone(2), ioctl_ficlonerange(2). A file with blocks left out is sparse:
its holes read as zeros and take no room. NTFS fills holes unless a file is marked as sparse, which nobody does here.
"""

import contextlib
import errno
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

UNIT: Final = 64 * 1024  # what is shared or left out, at least: a multiple of the blocks of every file system
_PIECE: Final = 16 * UNIT
_ZEROS: Final = bytes(UNIT)
_FICLONE: Final = 0x40049409
_FICLONERANGE: Final = 0x4020940D
# Of the file system as a whole, not of one file.
_NEVER: Final = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EXDEV})


class Sharing:
    """Shares blocks between files of two directories, until the file system says that it never does."""

    def __init__(self) -> None:
        self.possible = sys.platform.startswith("linux")

    def whole(self, source: BinaryIO, written: BinaryIO) -> bool:
        """Whether the empty file `written` has all blocks of the source now."""
        return self._call(_FICLONE, source, written, source.fileno())

    def stretch(self, source: BinaryIO, written: BinaryIO, start: int, length: int) -> bool:
        """The same for a stretch that stands at the same place in both. Both numbers are multiples of UNIT."""
        return self._call(_FICLONERANGE, source, written, struct.pack("=qQQQ", source.fileno(), start, length, start))

    def _call(self, request: int, source: BinaryIO, written: BinaryIO, argument: int | bytes) -> bool:
        if not self.possible or sys.platform == "win32":
            return False
        import fcntl

        try:
            fcntl.ioctl(written, request, argument)
        except OSError as error:
            self.possible = error.errno not in _NEVER
            return False
        return True


def shares_blocks(file: BinaryIO, directory: Path) -> bool:
    """Whether a file in that directory could share the blocks of this one. A file without a name tries it."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags:
        return False
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, flags | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as unnamed:
            return Sharing().whole(file, unnamed)
    return False


def fetch_ahead(file: BinaryIO) -> None:
    """Has the system read the file while other work is done, where it takes such advice."""
    if sys.platform != "win32" and hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


class SparseWriter:
    """Writes a new file from its start, and leaves out units of zeros. `close` ends it; the file stays open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left_out = False
        self.at = 0

    def write(self, data: bytes) -> None:
        """Writes the next bytes. Raises OSError."""
        start = 0
        for begin, end in _zeros(data):
            self._put(memoryview(data)[start:begin])
            self.pass_over(end - begin)
            start = end
        self._put(memoryview(data)[start:])

    def pass_over(self, length: int) -> None:
        """Leaves so many bytes as they are: zeros, or what was put there otherwise."""
        self.at += length
        self._left_out = True

    def close(self) -> None:
        """Gives the file its length, also if it ends with a hole. Raises OSError."""
        if self._left_out:
            self._file.truncate(self.at)

    def _put(self, data: memoryview) -> None:
        if data and self._left_out:
            self._file.seek(self.at)
        self.at += len(data)
        while data:
            data = data[self._file.write(data) :]


class SharingWriter:
    """The same, and shares with `source` what that has at the same place. `shared`: so many bytes, of that time.

    The source may have changed just then, so whoever shared anything hashes what came of it [A-19].
    """

    def __init__(self, file: BinaryIO, source: BinaryIO, sharing: Sharing) -> None:
        self._file, self._source, self._sharing = file, source, sharing
        self._writer = SparseWriter(file)
        self._waiting = bytearray()
        self.shared = 0

    def write(self, data: bytes) -> None:
        """Takes the next bytes. Raises OSError."""
        self._waiting += data
        whole = len(self._waiting) // _PIECE * _PIECE
        for start in range(0, whole, _PIECE):
            self._settle(bytes(self._waiting[start : start + _PIECE]))
        del self._waiting[:whole]

    def close(self) -> None:
        """Writes what is left, and gives the file its length. Raises OSError."""
        self._settle(bytes(self._waiting))
        self._writer.close()

    def _settle(self, piece: bytes) -> None:
        if not self._sharing.possible:
            self._writer.write(piece)
            return
        self._source.seek(self._writer.at)
        other, start = self._source.read(len(piece)), 0
        for begin, end in _runs(len(piece), lambda at: piece[at : at + UNIT] == other[at : at + UNIT]):
            self._writer.write(piece[start:begin])
            if self._sharing.stretch(self._source, self._file, self._writer.at, end - begin):
                self._writer.pass_over(end - begin)
                self.shared += end - begin
            else:
                self._writer.write(piece[begin:end])
            start = end
        self._writer.write(piece[start:])


def _zeros(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each run of zeros in whole units of the data."""

    def is_zero(at: int) -> bool:
        # Two bytes tell nearly always, so that data which is no hole costs nothing.
        return not data[at] and not data[at + UNIT - 1] and data[at : at + UNIT] == _ZEROS

    return _runs(len(data), is_zero)


def _runs(length: int, holds: Callable[[int], bool]) -> list[tuple[int, int]]:
    """(start, end) of each run of whole units for whose starts that holds."""
    runs: list[tuple[int, int]] = []
    for start in range(0, length - UNIT + 1, UNIT):
        if not holds(start):
            continue
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + UNIT)
        else:
            runs.append((start, start + UNIT))
    return runs
