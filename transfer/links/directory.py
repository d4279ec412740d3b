"""A bundle file on a medium: a disk, a USB stick, a share. Reading may fail at any time, as a stick is pulled out."""

import time
from collections import deque
from pathlib import Path
from typing import BinaryIO

from bundle.errors import Malformed, Unsupported
from bundle.layout import PREAMBLE_BYTES, read_preamble
from transfer.errors import Dropped, LinkFault, PastEnd, SourceRefused
from transfer.link import Answered, Arrived, Ended, Event, Failed, Opened
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
    most_lanes = 1

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        if path.exists() and not path.is_file():
            raise SourceRefused(f"{path}: is not a file; name a bundle, or a directory that holds one")
        try:
            path.open("rb").close()
        except OSError as error:
            raise SourceRefused(f"{path}: cannot be read: {error.strerror}; name a bundle that is there") from error
        self._events: deque[Event] = deque()
        self._reading: FileConnection | None = None

    def dial(self) -> "FileConnection":
        self._reading = FileConnection(self)
        self._events.append(Opened(self._reading))
        return self._reading

    def wait(self, timeout_s: float) -> Event | None:
        """Reads as much as one event is about; only with nothing to read does it wait."""
        if self._events:
            return self._events.popleft()
        event = self._reading.read() if self._reading else None
        if event is None:
            time.sleep(timeout_s)
        return event

    def open(self, offset: int, length: int) -> FileAnswer:
        """Opens a stretch. Raises Dropped or PastEnd."""
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
        if self._reading:
            self._reading.close()


class FileConnection:
    """Reads one stretch after the other, when it is waited for."""

    def __init__(self, link: FileLink) -> None:
        self._link = link
        self._order: tuple[int, int, int] | None = None
        self._answer: FileAnswer | None = None

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        self._order = offset, length, chunk_bytes

    def close(self) -> None:
        if self._answer:
            self._answer.close()
        self._order = self._answer = None

    def read(self) -> Event | None:
        """What comes next of the stretch that was asked for, if one was."""
        if self._order is None:
            return None
        offset, length, chunk_bytes = self._order
        try:
            if self._answer is None:
                self._answer = self._link.open(offset, length)
                return Answered(self, self._answer.total_bytes)
            if data := self._answer.read(chunk_bytes):
                return Arrived(self, data)
        except LinkFault as fault:
            self.close()
            return Failed(self, fault)
        self.close()
        return Ended(self)


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
