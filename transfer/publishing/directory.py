"""A directory as a backend: what a web server serves, a share, a stick."""

from collections.abc import Iterable
from pathlib import Path

from bundle.host import presence
from bundle.host.files import make_directory, read_plain
from transfer.disk.atomic_write import write_atomically
from transfer.disk.storage import PUBLISHED


class DirectoryBackend:
    """The files of one directory, which must be there."""

    def __init__(self, directory: Path) -> None:
        self.name = str(directory)
        self._directory = directory

    def read(self, name: str, max_bytes: int) -> bytes | None:
        path = self._directory / name
        with PUBLISHED.errors(path):
            try:
                return read_plain(path, max_bytes)
            except FileNotFoundError:
                return None

    def length_of(self, name: str) -> int | None:
        path = self._directory / name
        with PUBLISHED.errors(path):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return None

    def names(self) -> list[str]:
        with PUBLISHED.errors(self._directory):
            return sorted(path.name for path in self._directory.iterdir() if presence.is_file(path))

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        write_atomically(self._directory / name, chunks)

    def replace(self, name: str, data: bytes) -> None:
        path = self._directory / name
        if path.parent != self._directory:
            with PUBLISHED.errors(path.parent):
                if make_directory(path.parent):
                    PUBLISHED.sync_directory(self._directory)
        write_atomically(path, [data])

    def remove(self, name: str) -> None:
        PUBLISHED.remove_tree(self._directory / name)
