"""What the system refuses of files, in a package's own errors: one sentence that names the path and what to do.

Each package makes a `Storage` of its errors, and calls `durable` through it. Only here is it decided when a disk counts
as full, and which of an error's paths is named.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundle.host import durable, removal

_WINDOWS_DISK_FULL: Final = frozenset({39, 112, 1295})  # winerror.h: handle disk full, disk full, quota exceeded


def _no_advice(error: OSError, path: str) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Durable files, whose errors leave as the caller's own.

    full     makes the error for a file system, or quota, that has no room left, of a sentence
    failed   makes the error for all else, of a sentence
    refusal  what stands before the system's own reason, such as "cannot be written: "
    comfort  what is added for a full disk, such as what was kept
    advice   what to do about an error at a path, "" where the reason says enough
    """

    full: Callable[[str], Exception]
    failed: Callable[[str], Exception]
    refusal: str = ""
    comfort: str = ""
    advice: Callable[[OSError, str], str] = _no_advice

    @contextmanager
    def errors(self, path: Path) -> Iterator[None]:
        """Turns an OSError into `full` or `failed`, naming the error's own path, or else this one."""
        try:
            yield
        except OSError as error:
            shown = _named(error, path)
            if is_full(error):
                raise self.full(
                    f"{shown}: no space left on its file system: free some and run again{self.comfort}"
                ) from error
            reason = error.strerror or str(error)
            raise self.failed(f"{shown}: {self.refusal}{reason}{self.advice(error, shown)}") from error

    def write_file(
        self, path: Path, content: bytes | Iterable[bytes], mode: int | None = None, draft: Path | None = None
    ) -> None:
        """See `durable.write_file`."""
        with self.errors(path):
            durable.write_file(path, content, mode, draft)

    def replace(self, source: Path, destination: Path) -> None:
        """See `durable.replace`."""
        with self.errors(destination):
            durable.replace(source, destination)

    def sync_directory(self, path: Path) -> None:
        """See `durable.sync_directory`."""
        with self.errors(path):
            durable.sync_directory(path)

    def sync_tree(self, root: Path) -> None:
        """See `durable.sync_tree`."""
        with self.errors(root):
            durable.sync_tree(root)

    def remove_tree(self, path: Path) -> None:
        """Remove a file, a link or a whole directory, as `bundle.host.removal` does; nothing if it is not there."""
        with self.errors(path):
            removal.remove_tree(path)


def is_full(error: OSError) -> bool:
    """Whether space or quota ran out."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "winerror", 0) in _WINDOWS_DISK_FULL


def _named(error: OSError, path: Path) -> str:
    named = error.filename2 or error.filename or path  # of a rename's two names, the one that was wanted
    return _plain(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else str(named)


def _plain(path: str) -> str:
    """A path of Windows without the prefix of extended length, for messages."""
    if path.startswith("\\\\?\\UNC\\"):
        return "\\\\" + path[8:]
    return path.removeprefix("\\\\?\\")
