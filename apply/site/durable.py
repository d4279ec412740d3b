"""Making files survive a power cut, and removing them for good: the only module here that syncs or renames [A-6].

POSIX: a file's bytes, its name and its directory's name each become durable by a sync of their own, so a new tree is
written, synced bottom-up and only then renamed into place, and the rename is synced in the parent. Windows: files are
flushed; NTFS journals names itself and gives no call for directories, so recovery there goes by recorded intent and
hashes. A sync that fails is never tried again on the same pages: the kernel may already have dropped them as clean.

Every OSError leaves as StorageFailed, or DiskFull where space or quota ran out, naming the path. Files and directories
are opened, made and removed by `bundle.host` [A-110].
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
from bundle.host import files, removal
from bundle.host.directories import Directory
from bundle.host.sharing_violations import retry_on_sharing_violation
from bundle.names.paths import RESERVED_TOP

KEPT_MODE: Final = 0o640  # its directory is the account's alone, or also its group's
_WINDOWS: Final = os.name == "nt"
_WINDOWS_DISK_FULL: Final = frozenset({39, 112, 1295})
# Before this kernel syncfs(2) returned success even when writing back had failed.
_SYNCFS_REPORTS_ERRORS: Final = (5, 8)


def write_file(path: Path, data: bytes, mode: int = KEPT_MODE) -> None:
    """Write the whole file so that after a power cut the path holds the old bytes or the new, never a mixture.

    One writer at a time: the temporary file beside the path has a fixed name, so that a killed run leaves one at most.
    mode: whatever the umask; on Windows the directory's access list decides.
    """
    temporary = path.with_name(f".{path.name}.new")
    with storage_errors(path):
        try:
            files.check_replaceable(path)
            with files.create_anew(temporary, mode) as file:
                files.set_mode(file.fileno(), mode)
                files.write_all(file, data)
                os.fsync(file.fileno())
            replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to report
                temporary.unlink(missing_ok=True)
            raise


def replace(source: Path, destination: Path) -> None:
    """Rename in one step, over a file or link if there is one, durable when it returns; links are not followed."""
    with storage_errors(destination):
        retry_on_sharing_violation(lambda path: path.replace(destination), source)
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
            _sync_each(root)


def remove_tree(path: Path) -> None:
    """Remove a file, a link or a whole directory, as `bundle.host.removal` does; nothing if it is not there."""
    with storage_errors(path):
        removal.remove_tree(path)


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
        raise StorageFailed(f"{shown}: {error.strerror or error}{_advice(error, str(shown))}") from error


def _advice(error: OSError, path: str) -> str:
    """What to do about a site's own directory, which is closed to other accounts [A-111]."""
    is_closed = error.errno == errno.EACCES and RESERVED_TOP in Path(path).parts
    return "; run unrep as the account whose site it is" if is_closed else ""


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def _sync_each(root: Path) -> None:
    """Each file, then each directory, the deepest first. Stays within one release, so a directory for each level."""
    with Directory.open(root) as directory:
        _sync_below(directory)


def _sync_below(directory: Directory) -> None:
    for name, is_directory in directory.entries():
        if is_directory:
            with directory.enter(name) as inner:
                _sync_below(inner)
        elif stat.S_ISREG(directory.status(name).st_mode):
            directory.sync_file(name)
    directory.sync()


def _syncfs(root: Path) -> bool:
    """Whether syncfs(2) exists, can be trusted, and has synced the file system of root."""
    if not sys.platform.startswith("linux") or _kernel_version(os.uname().release) < _SYNCFS_REPORTS_ERRORS:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
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


def _plain(path: str) -> str:
    """The inverse of extended_length, for messages."""
    if path.startswith("\\\\?\\UNC\\"):
        return "\\\\" + path[8:]
    return path.removeprefix("\\\\?\\")
