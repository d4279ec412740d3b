"""The files of a server of pull: found by path once, and by handle from then on [T-162].

A handle is a hash of the path and of what tells one content from another: length, time and file number. So a server
that was restarted gives the same handle for the same file. Which file a handle stands for is known once it was granted.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from transfer.pull.datagrams import TOKEN_BYTES
from transfer.serving.server import entity_tag, open_inside

MAX_OPEN = 64
CHECKED_S = 1.0  # so long a file is taken to be what it was


class GrantedFile:
    """A file as it is now. It stays open, but on Windows, where nobody could replace an open one."""

    def __init__(self, path: str, file: BinaryIO, checked_at: float, reopen: Callable[[], BinaryIO | None]) -> None:
        self.path = path
        self.checked_at = checked_at
        status = os.fstat(file.fileno())
        self.total_bytes = status.st_size
        self._tag = entity_tag(status)
        self.handle = blake2b(f"{path} {self._tag}".encode(), digest_size=TOKEN_BYTES).digest()
        self._file: BinaryIO | None = file
        self._reopen: Callable[[], BinaryIO | None] = reopen
        if os.name == "nt":
            file.close()
            self._file = None

    def read(self, offset: int, length: int) -> bytes:
        """Those bytes; fewer or none if they cannot be read any more."""
        try:
            if self._file:
                return _read(self._file, offset, length)
            with self._reopen() or nullcontext() as file:
                is_same = file is not None and entity_tag(os.fstat(file.fileno())) == self._tag
                return _read(file, offset, length) if file and is_same else b""
        except (OSError, ValueError):
            return b""

    def close(self) -> None:
        """Lets go of it: from now on there is nothing to read."""
        if self._file:
            self._file.close()
        self._file, self._reopen = None, lambda: None


class GrantedFiles:
    """The files for ships below a directory, as `open_inside` finds them. `clock`: seconds."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._by_path: OrderedDict[str, GrantedFile] = OrderedDict()
        self._by_handle: dict[bytes, str] = {}

    def by_path(self, path: str) -> GrantedFile | None:
        """The file that a URL names, if there is one for ships."""
        found = self._by_path.get(path)
        if found is None or self._clock() >= found.checked_at + CHECKED_S:
            found = self._looked_up(path)
        if found is not None:
            self._by_path.move_to_end(path)
        return found

    def by_handle(self, handle: bytes) -> GrantedFile | None:
        """The file that was granted under this handle, if it is still the same."""
        path = self._by_handle.get(handle)
        found = self.by_path(path) if path is not None else None
        return found if found is not None and found.handle == handle else None

    def close(self) -> None:
        """Lets go of all."""
        for path in list(self._by_path):
            self._drop(path)

    def _looked_up(self, path: str) -> GrantedFile | None:
        file = open_inside(self._directory, path)
        if file is None:
            self._drop(path)
            return None
        new = GrantedFile(path, file, self._clock(), partial(open_inside, self._directory, path))
        old = self._by_path.get(path)
        if old is not None and old.handle == new.handle:  # what is due of it is read from the old one
            new.close()
            old.checked_at = new.checked_at
            return old
        self._drop(path)
        self._by_path[path] = new
        self._by_handle[new.handle] = path
        while len(self._by_path) > MAX_OPEN:
            self._drop(next(iter(self._by_path)))
        return new

    def _drop(self, path: str) -> None:
        found = self._by_path.pop(path, None)
        if found is not None:
            del self._by_handle[found.handle]
            found.close()


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
