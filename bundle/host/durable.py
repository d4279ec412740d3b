"""Making files survive a power cut: the one place that writes whole files, renames and syncs directories [A-6].

POSIX: a file's bytes, its name and its directory's name each become durable by a sync of their own. So a new tree is
written, synced bottom-up and only then renamed into place, and the rename is synced in the parent. Windows: files are
flushed. NTFS journals names itself and has no call for directories, so recovery there goes by recorded intent and by
hashes. A sync that fails is never tried again on the same pages: the kernel may already have dropped them as clean.

Every function raises OSError. `bundle.host.storage` turns that into a package's own errors.
"""

import contextlib
import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bundle.host import files
from bundle.host.directories import Directory
from bundle.host.sharing_violations import retry_on_sharing_violation

_WINDOWS: Final = os.name == "nt"
# Before this kernel syncfs(2) returned success even when writing back had failed.
_SYNCFS_REPORTS_ERRORS: Final = (5, 8)


def write_file(
    path: Path, content: bytes | Iterable[bytes], mode: int | None = None, draft: Path | None = None
) -> None:
    """Write the whole file: after a power cut the path holds the old bytes or the new, never a mixture.

    `mode`: exactly that, whatever the umask; None for a public file, less the umask. On Windows the directory's access
    list decides. `draft`: where the bytes stand until they are complete, `.NAME.new` beside the path by default. One
    writer at a time: the draft's name is fixed, so that killed runs leave one at most.

    Raises ForeignFile for a device, OSError, or what `content` raises; then the old bytes stay.
    """
    draft = draft or path.with_name(f".{path.name}.new")
    files.check_replaceable(path)
    try:
        with files.create_anew(draft, files.PUBLIC if mode is None else mode) as file:
            if mode is not None:
                files.set_mode(file.fileno(), mode)
            for chunk in [content] if isinstance(content, bytes) else content:
                files.write_all(file, chunk)
            os.fsync(file.fileno())
        replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            draft.unlink(missing_ok=True)
        raise


def replace(source: Path, destination: Path) -> None:
    """Rename in one step, over a file or link if there is one, durable when it returns; links are not followed."""
    retry_on_sharing_violation(lambda path: path.replace(destination), source)
    sync_directory(destination.parent)
    if source.parent != destination.parent:
        sync_directory(source.parent)


def sync_directory(path: Path) -> None:
    """Make the names in the directory durable; nothing on Windows, where no call does that."""
    if not _WINDOWS:
        _sync(path, os.O_RDONLY)


def sync_tree(root: Path) -> None:
    """Make every byte and name below root durable; root's own name follows with `replace` or `sync_directory`.

    One syncfs(2) where it can be trusted: a release has thousands of files, and a sync for each costs minutes on a
    disk. It also waits for what other programs have written to the file system.
    """
    if not _syncfs(root):
        _sync_each(root)


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
