"""A release directory on disk: its tree manifest, and its objects as a base."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from bundle.errors import BaseMismatch, InputError, Malformed
from bundle.format.contents import Content
from bundle.format.manifest import EMPTY_HASH, Entry, Kind, TreeManifest, check_link_target
from bundle.format.objects import FileObject, MemoryObject, Readable
from bundle.host import presence
from bundle.host.directories import Descent, Directory
from bundle.host.files import is_name_surrogate
from bundle.host.progress import Progress, Quiet
from bundle.names.paths import MAX_PATH_UNITS
from bundle.read.hashing import hash_in_order

CHUNK_BYTES = 1024 * 1024


def scan(directory: Path, platform: str = "any", progress: Progress = Quiet()) -> TreeManifest:  # noqa: B008
    """Hashes a release directory. On Windows no file counts as executable.

    Raises InputError naming the path that cannot be read or cannot be part of a release.
    """
    if not presence.is_directory(directory):
        raise InputError(f"{directory}: not a directory; name the directory that holds the release")
    entries: list[Entry] = []
    try:
        place = directory.resolve()  # a person may name the release by a link; within it none is followed
        with Directory.open(place) as top:
            found = list(_walk(top, top.entries(), ""))
        progress.start(f"hashing {directory.name}", len(found), "files")
        for entry in _entries(place, found):
            entries.append(entry)
            progress.advance(1)
        progress.finish()
        return TreeManifest.of(entries, platform)
    except Malformed as error:
        raise InputError(f"{directory}: {error}{_hint(entries, platform)}") from error
    except OSError as error:
        raise InputError(f"{error.filename or directory}: cannot be read: {error.strerror}") from error


def _hint(entries: list[Entry], platform: str) -> str:
    try:
        TreeManifest.of(entries, "posix")
    except Malformed:
        return ""
    return "" if platform == "posix" else " (a release for Linux alone can be built with --platform posix)"


def object_bytes(directory: Path, entry: Entry) -> bytes:
    """The object of an entry: a file's content, or a symbolic link's target. Raises BaseMismatch."""
    with Descent(directory) as descent:
        return read_object(descent, entry, directory)


def read_object(descent: Descent, entry: Entry, directory: Path) -> bytes:
    """The same by a descent into that directory, for many entries in a row."""
    with _as_mismatch(directory / entry.path):
        within, name = descent.to(entry.path)
        if entry.kind == Kind.SYMLINK:
            return _target(within, name)
        with within.read(name) as file:
            return file.read()


def open_object(descent: Descent, entry: Entry, directory: Path) -> Readable:
    """The object of an entry, to be read part by part. Raises BaseMismatch if it is missing or was changed in size."""
    path = directory / entry.path
    with _as_mismatch(path):
        if entry.kind == Kind.SYMLINK:
            return MemoryObject(read_object(descent, entry, directory))
        within, name = descent.to(entry.path)
        return FileObject(within.read(name), entry.size, path)


class DirectoryBase:
    """A release directory as the base of a delta section."""

    def __init__(self, directory: Path, manifest: TreeManifest) -> None:
        self.directory = directory
        self.manifest = manifest

    @property
    def name(self) -> str:
        """The directory, for messages."""
        return str(self.directory)

    def content(self, place: int) -> Content:
        """Where the bytes of an object are, for other processes."""
        return self.directory.absolute() / self.manifest.entry(place).path

    def open(self, place: int) -> Readable:
        """The object at a place. Raises BaseMismatch if it is missing or was changed in size."""
        with Descent(self.directory) as descent:
            return open_object(descent, self.manifest.entry(place), self.directory)


@contextmanager
def _as_mismatch(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BaseMismatch(f"{path}: cannot be read: {error.strerror}") from error


def _walk(directory: Directory, entries: list[tuple[str, bool]], prefix: str) -> Iterator[tuple[str, bool]]:
    """(path within the release, whether it is an empty directory) of everything that becomes an entry."""
    if len(prefix) > MAX_PATH_UNITS:
        raise Malformed(f"path {prefix[:60]!r}…: longer than {MAX_PATH_UNITS} UTF-16 units")
    for name, is_directory in sorted(entries):
        path = prefix + name
        if not is_directory:
            yield path, False
            continue
        with directory.enter(name) as inner:
            if held := inner.entries():
                yield from _walk(inner, held, f"{path}/")
            else:
                yield path, True


def _entries(directory: Path, found: Iterable[tuple[str, bool]]) -> Iterator[Entry]:
    """The entries of what `_walk` found, in its order."""

    def apart(item: tuple[str, os.stat_result | None]) -> Entry:
        with Descent(directory) as own:
            return _entry(own, directory, *item)

    with Descent(directory) as descent:
        known = ((path, None if is_empty else _status(descent, path)) for path, is_empty in found)
        items = (((path, status), status.st_size if status else 0) for path, status in known)
        yield from hash_in_order(items, lambda item: _entry(descent, directory, *item), apart)


def _status(descent: Descent, path: str) -> os.stat_result:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed(f"path {path!r}: not valid UTF-8") from error
    within, name = descent.to(path)
    return within.status(name)


def _entry(descent: Descent, directory: Path, path: str, status: os.stat_result | None) -> Entry:
    """`status`: None for an empty directory."""
    if status is None:
        return Entry(path, Kind.EMPTY_DIRECTORY, 0, EMPTY_HASH)
    shown, (within, name) = directory / path, descent.to(path)
    if is_name_surrogate(status):
        return _link_entry(within, name, shown, path, status)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{shown}: neither a file nor a directory; a release holds only those")
    with within.read(name) as file:
        executable = os.name == "posix" and bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)
        size, digest = _hash_file(file)
    return Entry(path, Kind.EXECUTABLE if executable else Kind.FILE, size, digest)


def _link_entry(within: Directory, name: str, shown: Path, path: str, status: os.stat_result) -> Entry:
    if not stat.S_ISLNK(status.st_mode):
        raise InputError(f"{shown}: a junction; a release holds only files, directories and symbolic links")
    target = _target(within, name)
    entry = Entry(path, Kind.SYMLINK, len(target), sha256(target).digest())
    check_link_target(entry, target)
    return entry


def _target(within: Directory, name: str) -> bytes:
    """Where a symbolic link points, without the "./" and "//" that change nothing."""
    return os.fsencode(Path(within.target(name)))


def _hash_file(file: BinaryIO) -> tuple[int, bytes]:
    digest, size = sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.digest()
