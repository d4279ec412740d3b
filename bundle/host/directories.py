"""Directories by descriptor [A-110]: to swap a directory for a link meanwhile has no effect on what is done.

Each step down a tree opens one name in the directory that is open already, and never through a link. So a walk that
has begun in a release stays in it, even if a part of that release belongs to another account.

POSIX has openat(2) and its like for that. Windows has no such calls for Python. There a directory is held open by a
handle, which was seen to be no reparse point. Nobody can rename or remove the directory while it is held.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

from bundle.host import handles
from bundle.host.files import (
    NO_FOLLOW,
    PLAIN,
    ForeignFile,
    closed_on_error,
    is_name_surrogate,
    is_real_directory,
    regular,
    reopen,
    set_mode,
)
from bundle.host.sharing_violations import retry_on_sharing_violation

DIRECTORY_MODE: Final = 0o755
_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW | getattr(os, "O_CLOEXEC", 0)
_WINDOWS: Final = os.name == "nt"
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_NO_LINKS_ON_WINDOWS: Final = frozenset({1, 50, 1142})  # winerror.h: invalid function, not supported, too many links


class Directory:
    """One open directory, as a context manager. Names are those of its own entries, never paths.

    Every method raises OSError, with the whole path in `filename`. Where a link or another kind of file stands in the
    way, that is a ForeignFile.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """`descriptor`: on Windows a handle, and calls go by the path. Elsewhere the path is for messages alone."""
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens a real directory. The names above it are followed. The last one is not."""
        if _WINDOWS:
            return cls(path, _pinned(path))
        try:
            return cls(path, os.open(path, os.O_RDONLY | _DIRECTORY))
        except OSError as error:
            raise _as_found(error, path, path.lstat) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes it."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            handles.close(descriptor) if _WINDOWS else os.close(descriptor)

    def entries(self) -> list[tuple[str, bool]]:
        """The name of each entry, and whether it is a real directory."""
        try:
            with os.scandir(handles.long_path(self.path) if _WINDOWS else self._descriptor) as listing:
                return [(item.name, item.is_dir(follow_symlinks=False) and not _is_junction(item)) for item in listing]
        except OSError as error:
            error.filename = os.fspath(self.path)
            raise

    def status(self, name: str) -> os.stat_result:
        """What lstat(2) says of an entry."""
        return cast(os.stat_result, self._call(os.stat, name, follow_symlinks=False))

    def enter(self, name: str) -> Self:
        """The real directory of that name, opened."""
        if _WINDOWS:
            return type(self)(self.path / name, _pinned(self.path / name))
        return type(self)(self.path / name, self._call(os.open, name, os.O_RDONLY | _DIRECTORY))

    def make(self, name: str, mode: int = DIRECTORY_MODE) -> Self:
        """A new directory of exactly that mode, opened."""
        self._call(os.mkdir, name, mode)
        made = self.enter(name)
        with closed_on_error(made):
            made.set_mode(mode)
        return made

    def set_mode(self, mode: int) -> None:
        """Gives the directory itself exactly that mode. Does nothing on Windows, where its access list decides."""
        if not _WINDOWS:
            set_mode(self._descriptor, mode)

    def set_group(self, group: int) -> None:
        """Gives the directory itself to that group. Does nothing on Windows."""
        if not _WINDOWS:
            os.fchown(self._descriptor, -1, group)

    def own_status(self) -> os.stat_result:
        """What fstat(2) says of the directory itself."""
        return Path(handles.long_path(self.path)).stat() if _WINDOWS else os.fstat(self._descriptor)

    def create(self, name: str, mode: int) -> BinaryIO:
        """A new file of exactly that mode, for writing and reading, unbuffered."""
        descriptor = self._call(os.open, name, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW | PLAIN, mode)
        file = cast(BinaryIO, os.fdopen(descriptor, "r+b", buffering=0))
        with closed_on_error(file):
            set_mode(descriptor, mode)
        return file

    def read(self, name: str) -> BinaryIO:
        """The regular file of that name, for reading, unbuffered. A pipe or a device is refused, not waited for."""
        file = regular(self._call(os.open, name, os.O_RDONLY | NO_FOLLOW | PLAIN), self.path / name)
        with closed_on_error(file):
            if _WINDOWS and is_name_surrogate(self.status(name)):
                raise ForeignFile(self.path / name, "a symbolic link")
        return file

    def link_again(self, name: str, into: "Directory", new_name: str) -> bool:
        """Gives a file of this directory a second name, in another one. False where the file system has no such links,
        or none more for this file."""
        try:
            if _WINDOWS:
                os.link(handles.long_path(self.path / name), handles.long_path(into.path / new_name))
            else:
                descriptors = {"src_dir_fd": self._descriptor, "dst_dir_fd": into._descriptor}
                os.link(name, new_name, **descriptors, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINKS or getattr(error, "winerror", 0) in _NO_LINKS_ON_WINDOWS:
                return False
            raise _as_found(error, into.path / new_name, lambda: self.status(name)) from None
        return True

    def link(self, target: str, name: str) -> None:
        """A new symbolic link."""
        self._call(lambda place, **at: os.symlink(target, place, **at), name)  # noqa: PTH211

    def set_time(self, name: str, seconds: int) -> None:
        """Gives the regular file of that name so many seconds since 1970 as the time of its last change."""
        if _WINDOWS:
            with self.read(name):  # no link stands there, and none can come while it is open
                self._call(os.utime, name, (seconds, seconds))
        else:
            self._call(os.utime, name, (seconds, seconds), follow_symlinks=False)

    def target(self, name: str) -> str:
        """Where the symbolic link of that name points."""
        return cast(str, self._call(os.readlink, name))

    def unlink(self, name: str) -> None:
        """Removes a name that is no directory's: a link as a link, on Windows a junction, too, and a read-only file."""
        if _WINDOWS and not self.status(name).st_mode & stat.S_IWRITE:
            self._call(os.chmod, name, stat.S_IWRITE)
        retry_on_sharing_violation(lambda _: self._call(os.unlink, name), self.path)

    def remove_directory(self, name: str) -> None:
        """Removes an empty directory."""
        retry_on_sharing_violation(lambda _: self._call(os.rmdir, name), self.path)

    def unlock(self, name: str) -> None:
        """Gives its owner all rights to the directory of that name, which cannot be opened without them."""
        if hasattr(os, "O_PATH"):  # Linux has no fchmodat(2) that leaves links alone; /proc stands for the descriptor
            descriptor = self._call(os.open, name, os.O_PATH | _DIRECTORY)
            try:
                os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IRWXU)  # noqa: PTH101
            finally:
                os.close(descriptor)
        elif not _WINDOWS:
            self._call(os.chmod, name, stat.S_IRWXU, follow_symlinks=False)

    def move(self, name: str, into: "Directory", new_name: str) -> None:
        """Renames an entry into another directory of the same file system, over a file of that name."""
        if _WINDOWS:
            os.replace(handles.long_path(self.path / name), handles.long_path(into.path / new_name))  # noqa: PTH105
        else:
            os.rename(name, new_name, src_dir_fd=self._descriptor, dst_dir_fd=into._descriptor)

    def sync(self) -> None:
        """Makes its names durable. Does nothing on Windows, which has no call for that."""
        if not _WINDOWS:
            _synced(self._descriptor, self.path)

    def sync_file(self, name: str) -> None:
        """Makes the bytes of a regular file durable."""
        if _WINDOWS:
            if self.status(name).st_nlink == 1:  # one with a second name was made durable under that
                _flush(handles.long_path(self.path / name))
            return
        with self.read(name) as file:
            _synced(file.fileno(), self.path / name)

    def _call(self, call: Callable[..., Any], name: str, *arguments: object, **options: object) -> Any:
        """Makes the call for an entry."""
        try:
            if _WINDOWS:
                return call(handles.long_path(self.path / name), *arguments, **options)
            return call(name, *arguments, **options, dir_fd=self._descriptor)
        except OSError as error:
            raise _as_found(error, self.path / name, lambda: self.status(name)) from None


class Descent:
    """Goes down a tree to one path after the other, keeping the directories of the last one open. Not for threads.

    A context manager. Paths are relative, with "/" between their names, as in a tree manifest. Raises as Directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: list[str] = []
        self._open: list[Directory] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close_beyond(0)

    def to(self, path: str, *, make: bool = False) -> tuple[Directory, str]:
        """The directory that a path lies in, and its last name. `make`: directories that are missing on the way."""
        *parents, name = path.split("/")
        if not self._open:
            self._open.append(Directory.open(self._root))
        kept = 0
        while kept < min(len(parents), len(self._names)) and parents[kept] == self._names[kept]:
            kept += 1
        self._close_beyond(kept + 1)
        for parent in parents[kept:]:
            self._open.append(_entered(self._open[-1], parent, make))
            self._names.append(parent)
        return self._open[-1], name

    def _close_beyond(self, count: int) -> None:
        while len(self._open) > count:
            self._open.pop().close()
        del self._names[max(0, count - 1) :]


def _entered(directory: Directory, name: str, make: bool) -> Directory:
    try:
        return directory.enter(name)
    except FileNotFoundError:
        if not make:
            raise
        return directory.make(name)


def _synced(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def _flush(path: str) -> None:
    """Windows flushes by a handle for writing, which a read-only file does not grant."""
    mode = os.lstat(path).st_mode
    read_only = not mode & stat.S_IWRITE
    if read_only:
        os.chmod(path, mode | stat.S_IWRITE)  # noqa: PTH101
    try:
        with reopen(Path(path)) as file:
            os.fsync(file.fileno())
    finally:
        if read_only:
            os.chmod(path, mode)  # noqa: PTH101


def _pinned(path: Path) -> int:
    """A handle of Windows. Waits for another program that renames or removes something there."""
    found: list[int] = []
    retry_on_sharing_violation(lambda place: found.append(handles.open_directory(place)), path)
    return found[0]


def _as_found(error: OSError, path: Path, look: Callable[[], os.stat_result]) -> OSError:
    """The error with the whole path; a ForeignFile where a link or the like stands in the way."""
    if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO):
        with contextlib.suppress(OSError):
            status = look()
            if stat.S_ISLNK(status.st_mode):
                return ForeignFile(path, "a symbolic link")
            if not is_real_directory(status):
                return ForeignFile(path, "a file of another kind than is to be there")
    error.filename, error.filename2 = os.fspath(path), None
    return error


def _is_junction(item: "os.DirEntry[str]") -> bool:
    return _WINDOWS and is_name_surrogate(item.stat(follow_symlinks=False))
