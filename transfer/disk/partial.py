"""The file that grows: full length from the start, with holes where nothing has arrived. It is its own journal [T-9].

The only module here that writes and syncs an output. After a kill or a power cut nothing has to be known but
the file: whatever in it matches its hash is kept.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bundle.host import durable
from bundle.host.clock import Clock
from bundle.host.files import reopen_or_create, write_all
from transfer.disk.storage import OUTPUT
from transfer.errors import DiskFull
from transfer.plan import VerifiedPiece

PARTIAL_SUFFIX = ".part"


class Partial:
    """An output that is being filled, as a context manager. Every method raises DiskFull or OutputRefused.

    `is_new`: the file was not there before, so there is nothing in it to be examined.

    `sync_share`: the share of the time that making pieces durable may take. On a slow link that is each one as it
    comes; on a fast one a sync for each would be the bottleneck [T-12].
    """

    def __init__(self, path: Path, header: bytes, total_bytes: int, clock: Clock, sync_share: float) -> None:
        self.path = path
        self._clock = clock
        self._sync_share = sync_share
        self._sync_due = clock.now()
        with OUTPUT.errors(path):
            self._file, self.is_new = reopen_or_create(path)
            try:
                self._prepare(header, total_bytes)
                if self.is_new:
                    durable.sync_directory(path.parent)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> "Partial":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._file.closed:
            with suppress(OSError):  # what is lost by this is fetched again
                os.fsync(self._file.fileno())
            self._file.close()

    def read(self, offset: int, length: int) -> bytes:
        """Unverified bytes, or fewer if they cannot be read: a piece on a bad sector is fetched again."""
        with suppress(OSError):
            self._file.seek(offset)
            return self._file.read(length) or b""
        return b""

    def check_space(self, missing_bytes: int) -> None:
        """Raises DiskFull, before anything is paid for, if so many bytes more will not fit [T-28]."""
        with OUTPUT.errors(self.path):
            status = os.fstat(self._file.fileno())
            free = shutil.disk_usage(self.path.parent).free
        if not hasattr(status, "st_blocks") or status.st_blocks * 512 >= status.st_size:
            return  # no holes: the room was taken when the file got its length
        if missing_bytes > free:
            raise DiskFull(
                f"{self.path}: {missing_bytes:,} bytes are to come and {free:,} are free on its file system; "
                "free some and run the same command again"
            )

    def write(self, piece: VerifiedPiece) -> None:
        """Puts a piece in its place, and makes it durable unless the last sync was too costly to have another yet."""
        with OUTPUT.errors(self.path):
            self._put(piece.offset, piece.data)
            before = self._clock.now()
            if before >= self._sync_due:
                os.fsync(self._file.fileno())
                after = self._clock.now()
                self._sync_due = after + (after - before) * (1 / self._sync_share - 1)

    def finish(self, output: Path) -> None:
        """Makes all of it durable and gives it its name, if it has another one yet."""
        with OUTPUT.errors(output):
            os.fsync(self._file.fileno())
            self._file.close()
            if self.path != output:
                durable.replace(self.path, output)
            symbols_path(output).unlink(missing_ok=True)
            state_path(output).unlink(missing_ok=True)

    def _prepare(self, header: bytes, total_bytes: int) -> None:
        if self._file.seek(0, 2) != total_bytes:
            self._file.truncate(total_bytes)
        if self.read(0, len(header)) != header:
            self._put(0, header)
        os.fsync(self._file.fileno())

    def _put(self, offset: int, data: bytes) -> None:
        self._file.seek(offset)
        write_all(self._file, data)


def partial_path(output: Path) -> Path:
    """Where an output grows until it is complete."""
    return output.with_name(output.name + PARTIAL_SUFFIX)


def state_path(output: Path) -> Path:
    """Where the state file of a fetch stands while the output grows."""
    return output.with_name(output.name + ".state")


def symbols_path(output: Path) -> Path:
    """Where symbols of a broadcast wait while the output grows."""
    return output.with_name(f"{output.name}.symbols{PARTIAL_SUFFIX}")


def remove_partial(path: Path) -> None:
    """Gives up a partial file. Raises OutputRefused."""
    with OUTPUT.errors(path):
        path.unlink(missing_ok=True)
