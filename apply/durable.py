"""Making files survive a power cut, and removing them for good: the only module here that syncs or renames [A-6].

POSIX: a file's bytes, its name and its directory's name each become durable by a sync of their own, so a new tree is
written, synced bottom-up and only then renamed into place, and the rename is synced in the parent. Windows: files are
flushed; NTFS journals names itself and gives no call for directories, so recovery there goes by recorded intent and
hashes. A sync that fails is never tried again on the same pages: the kernel may already have dropped them as clean.

Every OSError leaves as StorageFailed, or DiskFull where space or quota ran out, naming the path.
"""

import contextlib
import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from apply.errors import DiskFull, StorageFailed
from bundle.held_files import patiently

_WINDOWS: Final = os.name == "nt"
_WINDOWS_DISK_FULL: Final = frozenset({39, 112, 1295})
# Set in the tag of every reparse point that stands for another name: symlinks, junctions, mounted volumes.
_NAME_SURROGATE: Final = 0x20000000
# Before this kernel syncfs(2) returned success even when writing back had failed.
_SYNCFS_REPORTS_ERRORS: Final = (5, 8)


def write_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write the whole file so that after a power cut the path holds the old bytes or the new, never a mixture.

    One writer at a time: the temporary file beside the path has a fixed name, so that a killed run leaves one at most.
    mode: as of open(2), less the umask; on Windows the directory's access list decides.
    """
    temporary = path.with_name(f".{path.name}.new")
    with storage_errors(path):
        try:
            temporary.unlink(missing_ok=True)
            with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to report
                temporary.unlink(missing_ok=True)
            raise


def replace(source: Path, destination: Path) -> None:
    """Rename in one step, over a file or link if there is one, durable when it returns; links are not followed."""
    with storage_errors(destination):
        patiently(lambda path: path.replace(destination), source)
        sync_directory(destination.parent)
        if source.parent != destination.parent:
            sync_directory(source.parent)


def sync_directory(path: Path) -> None:
    """Make the names in the directory durable; nothing on Windows, where no call does that."""
    if not _WINDOWS:
        with storage_errors(path):
            _sync(path, os.O_RDONLY)


def sync_tree(root: Path) -> None:
    """Make every byte and name below root durable; root's own name follows with `replace` or `sync_directory`.

    One syncfs(2) where it can be trusted: a release has thousands of files, and a sync for each costs minutes on a
    disk. It also waits for what other programs have written to the file system.
    """
    with storage_errors(root):
        if not _syncfs(root):
            _sync_each(_extended(root))


def remove_tree(path: Path) -> None:
    """Remove a file, a link or a whole directory; nothing if it is not there.

    Never goes through a symlink or junction: those are removed as links, wherever they point. Read-only files and
    directories are no obstacle. On Windows a file that another program holds is tried again for about 10 s.
    """
    with storage_errors(path):
        root = _extended(path)
        if not os.path.lexists(root):
            return
        if not is_directory(root):
            _unlink(root)
            return
        directories = [root]
        for directory in directories:  # grows while it is walked, parents before children
            directories += _remove_files(directory)
        for directory in reversed(directories):
            patiently(Path.rmdir, directory)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into StorageFailed or DiskFull that names the error's own path, or else this one."""
    try:
        yield
    except OSError as error:
        named = error.filename2 or error.filename or path  # of a rename's two names, the one that was wanted
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "winerror", 0) in _WINDOWS_DISK_FULL
        shown = _plain(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else named
        if full:
            raise DiskFull(f"{shown}: no space left on its file system: free some and run again") from error
        raise StorageFailed(f"{shown}: {error.strerror or error}") from error


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    if not _WINDOWS:
        _sync(path, os.O_RDONLY)
        return
    mode = path.lstat().st_mode  # flushing needs a handle for writing, which a read-only file does not grant
    read_only = not mode & stat.S_IWRITE
    if read_only:
        path.chmod(mode | stat.S_IWRITE)
    try:
        _sync(path, os.O_RDWR)
    finally:
        if read_only:
            path.chmod(mode)


def _sync_each(root: Path) -> None:
    directories = [root]
    for directory in directories:  # grows while it is walked, parents before children
        for path in directory.iterdir():
            if is_directory(path):
                directories.append(path)
            elif stat.S_ISREG(path.lstat().st_mode):
                _sync_file(path)
    for directory in reversed(directories):
        sync_directory(directory)


def _syncfs(root: Path) -> bool:
    """Whether syncfs(2) exists, can be trusted, and has synced the file system of root."""
    if not sys.platform.startswith("linux") or _kernel_version(os.uname().release) < _SYNCFS_REPORTS_ERRORS:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor) == 0:
            return True
    finally:
        os.close(descriptor)
    code = ctypes.get_errno()
    if code == errno.ENOSYS:
        return False
    raise OSError(code, os.strerror(code), root)


def _kernel_version(release: str) -> tuple[int, int]:
    numbers = re.match(r"(\d+)\.(\d+)", release)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _remove_files(directory: Path) -> list[Path]:
    """Remove all that the directory holds but its real directories, which are returned."""
    mode = directory.lstat().st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:  # its owner removes names from it only with all three
        directory.chmod(mode | stat.S_IRWXU)
    directories = []
    for path in list(directory.iterdir()):
        if is_directory(path):
            directories.append(path)
        else:
            _unlink(path)
    return directories


def is_directory(path: Path) -> bool:
    """Whether it is a directory and no link of any kind to one. Raises OSError."""
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and not getattr(status, "st_reparse_tag", 0) & _NAME_SURROGATE


def _unlink(path: Path) -> None:
    if _WINDOWS and not path.lstat().st_mode & stat.S_IWRITE:  # Windows refuses to unlink a read-only file
        path.chmod(stat.S_IWRITE)
    patiently(Path.unlink, path)  # removes a junction, too, as the link that it is


def _extended(path: Path) -> Path:
    """On Windows the path in the spelling that may exceed 260 characters; elsewhere as it is."""
    # Not resolve(): it would go through the very link that is to be removed.
    return Path(extended_length(os.path.abspath(path))) if _WINDOWS else path  # noqa: PTH100


def _plain(path: str) -> str:
    """The inverse of extended_length, for messages."""
    if path.startswith("\\\\?\\UNC\\"):
        return "\\\\" + path[8:]
    return path.removeprefix("\\\\?\\")


def extended_length(path: str) -> str:
    r"""An absolute Windows path with the prefix that lifts the limit of 260 characters: \\?\ or \\?\UNC\."""
    if path.startswith("\\\\?\\"):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC\\" + path[2:]
    return "\\\\?\\" + path
