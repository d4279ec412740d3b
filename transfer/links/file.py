"""A bundle file on a medium: a disk, a USB stick, a share. Reading may fail at any time, as a stick is pulled out."""

from pathlib import Path
from typing import BinaryIO

from bundle.host import presence
from bundle.host.files import open_plain
from transfer.disk.volume import Volume
from transfer.errors import Dropped, PastEnd, SourceRefused
from transfer.links.budget import Meter
from transfer.links.threads import ThreadedConnection, Threads


class FileAnswer:
    """A stretch of an open file."""

    def __init__(self, file: BinaryIO, length: int, total_bytes: int, meter: Meter) -> None:
        self.total_bytes = total_bytes
        self._meter = meter
        self._file = file
        self._left = length

    def read(self, max_bytes: int) -> bytes:
        try:
            data = self._file.read(min(max_bytes, self._left))
        except OSError as error:
            raise Dropped(f"cannot be read: {error.strerror}") from error
        self._left -= len(data)
        self._meter.count(len(data))
        return data

    def close(self) -> None:
        self._file.close()


class FileReader:
    """Opens the file anew for each range, so that a stick that was pulled out can be put back [T-29]."""

    def __init__(self, path: Path, meter: Meter | None = None) -> None:
        self._path = path
        self._meter = meter or Meter()
        self._answer: FileAnswer | None = None

    def connect(self) -> None:
        """Raises Dropped if the file cannot be read now."""
        try:
            open_plain(self._path, buffered=True).close()
        except OSError as error:
            raise Dropped(f"cannot be read: {error.strerror}") from error

    def open(self, offset: int, length: int) -> FileAnswer:
        """Opens a stretch. Raises Dropped or PastEnd."""
        self.close()
        try:
            file = open_plain(self._path, buffered=True)
            total = file.seek(0, 2)
            file.seek(offset)
        except OSError as error:
            raise Dropped(f"cannot be read: {error.strerror}") from error
        self._answer = FileAnswer(file, length, total, self._meter)
        if offset >= total:
            self.close()
            raise PastEnd(f"ends at byte {total}", total)
        return self._answer

    def abort(self) -> None:
        """A read of a file that blocks cannot be ended; its thread is left to it."""

    def close(self) -> None:
        if self._answer:
            self._answer.close()
            self._answer = None


class FileLink:
    """One file on a medium. Raises SourceRefused if it is not there, or not a file, at first."""

    connections = 0
    max_connections = 1
    max_head_bytes = 0
    is_free = True

    def __init__(self, path: Path, threads: Threads) -> None:
        self.path = path
        self.name = str(path)
        self.meter = Meter()
        self._threads = threads
        if presence.exists(path) and not presence.is_file(path):
            raise SourceRefused(f"{path}: is not a file; name a bundle or a volume")
        try:
            open_plain(path, buffered=True).close()
        except OSError as error:
            raise SourceRefused(f"{path}: cannot be read: {error.strerror}; name a bundle that is there") from error

    def dial(self) -> ThreadedConnection:
        return self._threads.dial(lambda: FileReader(self.path, self.meter))


class VolumeReader(FileReader):
    """A volume of `unrep export`, which has some stretches of the bundle only."""

    def __init__(self, volume: Volume, meter: Meter | None = None) -> None:
        super().__init__(volume.path, meter)
        self._volume = volume

    def open(self, offset: int, length: int) -> FileAnswer:
        place, available = self._volume.find(offset)
        if not available:
            raise PastEnd("has no bytes there", 0)
        answer = super().open(place, min(length, available))
        answer.total_bytes = sum(self._volume.map.stretches[-1])
        return answer


class VolumeLink(FileLink):
    """The bundle's header, and what else is on a volume."""

    def __init__(self, volume: Volume, threads: Threads) -> None:
        super().__init__(volume.path, threads)
        self._volume = volume

    def dial(self) -> ThreadedConnection:
        return self._threads.dial(lambda: VolumeReader(self._volume, self.meter))
