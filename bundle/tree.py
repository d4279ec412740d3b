"""A release directory on disk: its tree manifest, and its objects as a base."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from bundle.errors import BaseMismatch, InputError, Malformed
from bundle.manifest import EMPTY_HASH, Entry, Kind, TreeManifest, check_link_target
from bundle.objects import FileObject, MemoryObject, Readable
from bundle.progress import Progress, Quiet

CHUNK_BYTES = 1024 * 1024
HASHING_THREADS = 4


def scan(directory: Path, platform: str = "any", progress: Progress = Quiet()) -> TreeManifest:  # noqa: B008
    """Hashes a release directory. On Windows no file counts as executable.

    Raises InputError naming the path that cannot be read or cannot be part of a release.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: not a directory; name the directory that holds the release")
    entries: list[Entry] = []
    try:
        found = list(_walk(directory, ""))
        progress.start(f"hashing {directory.name}", len(found), "files")
        with ThreadPoolExecutor(HASHING_THREADS) as pool:
            for entry in pool.map(lambda item: _entry(directory, *item), found):
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
    path = directory / entry.path
    try:
        return os.fsencode(path.readlink()) if entry.kind == Kind.SYMLINK else path.read_bytes()
    except OSError as error:
        raise BaseMismatch(f"{path}: cannot be read: {error.strerror}") from error


class DirectoryBase:
    """A release directory as the base of a delta section."""

    def __init__(self, directory: Path, manifest: TreeManifest) -> None:
        self.directory = directory
        self.manifest = manifest

    def open(self, place: int) -> Readable:
        """The object at a place. Raises BaseMismatch if it is missing or was changed in size."""
        entry = self.manifest.entry(place)
        if entry.kind == Kind.SYMLINK:
            return MemoryObject(object_bytes(self.directory, entry))
        return FileObject(self.directory / entry.path, entry.size)


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path within the release, directory entry) of everything that becomes an entry."""
    with os.scandir(directory) as listing:
        found = sorted(listing, key=lambda item: item.name)
    for item in found:
        path = prefix + item.name
        if not item.is_dir(follow_symlinks=False) or _is_link(item):
            yield path, item
        elif any(True for _ in os.scandir(item.path)):
            yield from _walk(Path(item.path), f"{path}/")
        else:
            yield path, item


def _is_link(item: os.DirEntry[str]) -> bool:
    """Whether it is a symbolic link or an NTFS junction (os.DirEntry.is_junction is 3.12+)."""
    tag = getattr(item.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return item.is_symlink() or tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _entry(directory: Path, path: str, item: os.DirEntry[str]) -> Entry:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed(f"path {path!r}: not valid UTF-8") from error
    if _is_link(item):
        return _link_entry(path, item)
    status = item.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, Kind.EMPTY_DIRECTORY, 0, EMPTY_HASH)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{directory / path}: neither a file nor a directory; a release holds only those")
    executable = os.name == "posix" and bool(status.st_mode & stat.S_IXUSR)
    size, digest = _hash_file(item.path)
    return Entry(path, Kind.EXECUTABLE if executable else Kind.FILE, size, digest)


def _link_entry(path: str, item: os.DirEntry[str]) -> Entry:
    if not item.is_symlink():
        raise InputError(f"{item.path}: a junction; a release holds only files, directories and symbolic links")
    target = os.fsencode(Path(item.path).readlink())
    entry = Entry(path, Kind.SYMLINK, len(target), sha256(target).digest())
    check_link_target(entry, target)
    return entry


def _hash_file(path: str) -> tuple[int, bytes]:
    digest, size = sha256(), 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.digest()
