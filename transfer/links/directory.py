"""A bundle file on a medium: a disk, a USB stick, a share. Reading may fail at any time, as a stick is pulled out."""

from pathlib import Path
from typing import BinaryIO

from bundle.errors import Malformed, Unsupported
from bundle.layout import PREAMBLE_BYTES, read_preamble
from transfer.errors import Dropped, PastEnd, SourceRefused
from transfer.partial import PARTIAL_SUFFIX

NAMES_SHOWN = 5


class FileAnswer:
    """A stretch of an open file."""

    def __init__(self, file: BinaryIO, length: int, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._file = file
        self._left = length

    def read(self, max_bytes: int) -> bytes:
        try:
            data = self._file.read(min(max_bytes, self._left))
        except OSError as error:
            raise Dropped(f"cannot be read: {error.strerror}") from error
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


class FileLink:
    """Opens the file anew for each range, so that a stick that was pulled out can be put back [T-29].

    Raises SourceRefused if it is not there, or not a file, at first.
    """

    connections = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        if path.exists() and not path.is_file():
            raise SourceRefused(f"{path}: is not a file; name a bundle, or a directory that holds one")
        try:
            path.open("rb").close()
        except OSError as error:
            raise SourceRefused(f"{path}: cannot be read: {error.strerror}; name a bundle that is there") from error

    def open(self, offset: int, length: int, idle_s: float) -> FileAnswer:
        try:
            file = self.path.open("rb")
            total = file.seek(0, 2)
            file.seek(offset)
        except OSError as error:
            raise Dropped(f"cannot be read: {error.strerror}") from error
        if offset >= total:
            file.close()
            raise PastEnd(f"ends at byte {total}")
        return FileAnswer(file, length, total)

    def close(self) -> None:
        pass


def find_bundle(directory: Path) -> Path:
    """The one bundle file in a directory, by its first bytes, whatever its name; partial files do not count.

    Raises SourceRefused if there is none, or more than one: which was meant is for a person to say [T-29].
    """
    try:
        found = sorted(path for path in directory.iterdir() if path.is_file() and _is_bundle(path))
    except OSError as error:
        raise SourceRefused(f"{error.filename or directory}: cannot be read: {error.strerror}") from error
    if not found:
        raise SourceRefused(f"{directory}: there is no bundle in this directory; name the file or another directory")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:NAMES_SHOWN]) + (", ..." if len(found) > NAMES_SHOWN else "")
        raise SourceRefused(f"{directory}: holds {len(found)} bundles ({names}); name the one to fetch")
    return found[0]


def _is_bundle(path: Path) -> bool:
    if path.suffix == PARTIAL_SUFFIX:
        return False
    try:
        with path.open("rb") as file:
            read_preamble(file.read(PREAMBLE_BYTES))
    except Malformed:
        return False
    except Unsupported:
        return True  # for the session to refuse by name
    return True
