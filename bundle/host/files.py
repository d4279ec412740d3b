"""Files that unrep makes and opens again [A-110]: never through a link, judged by the descriptor that is then used.

Any account may have put something under a name that unrep is about to write to: a link to a file of root's, a second
name of it, a pipe. So the last component is never followed, and nothing is truncated before it was looked at. A file
is ours only if it is a regular one, with one name, of this account or of the owner of its directory. The latter is
for file systems without owners, such as a stick's. It lets in nobody who could not replace the file anyway.

The file system's own errors leave as OSError, and ForeignFile is one, so that every room tells of it in its own words.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

from bundle.host import presence

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_ATTEMPTS: Final = 100

# Not there on Windows: links need a privilege there, and the look at the descriptor finds them.
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
# What a shell gives a name to is here; /dev/shm, where any account may plant a link, is not.
_DEVICES: Final = frozenset({Path("/dev"), Path("/dev/fd")})
# Opening a pipe must not wait for its other end; of no effect on a regular file.
PLAIN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)

MAX_GIVEN_BYTES: Final = 64 * 1024 * 1024  # of keys, settings and lists: nobody has more
_HANDED_OVER: Final = ("/dev", "/proc")
_NO_MODES: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})


class Closable(Protocol):
    """A file, or a directory."""

    def close(self) -> None: ...


class ForeignFile(OSError):
    """What stands under a name is not the plain file or directory that is to be there. `strerror` says what it is."""

    def __init__(self, path: os.PathLike[str] | str, what: str) -> None:
        super().__init__(errno.EPERM, what, os.fspath(path))


def create(path: Path, mode: int = PUBLIC) -> BinaryIO:
    """A new file for writing and reading, unbuffered, of that mode less the umask. Raises FileExistsError, OSError."""
    return _as_file(_create(path, mode))


def create_anew(path: Path, mode: int = PUBLIC) -> BinaryIO:
    """The same in the place of whatever stands there, which loses that name and nothing else.

    Raises ForeignFile for a device, OSError.
    """
    _give_up(path)
    return create(path, mode)


def create_buffered(path: Path, mode: int = PUBLIC) -> BinaryIO:
    """As `create_anew`, for many small writes: it is complete once it is closed. Raises OSError."""
    _give_up(path)
    return cast(BinaryIO, os.fdopen(_create(path, mode), "w+b"))


def reopen(path: Path) -> BinaryIO:
    """A file that unrep has made, to read and write, unbuffered. Raises FileNotFoundError, ForeignFile, OSError."""
    file = _as_file(_opened(path, os.O_RDWR))
    with closed_on_error(file):
        _check_ours(path, os.fstat(file.fileno()))
    return file


def reopen_or_create(path: Path, mode: int = PUBLIC) -> tuple[BinaryIO, bool]:
    """The file, and whether it is new. Raises ForeignFile, OSError."""
    for _ in range(_ATTEMPTS):  # another process may make it, or remove it, between the two calls
        with contextlib.suppress(FileNotFoundError):
            return reopen(path), False
        with contextlib.suppress(FileExistsError):
            return create(path, mode), True
    raise ForeignFile(path, "what stands there can be neither opened nor made; move it away")


def open_plain(path: Path, *, buffered: bool = False) -> BinaryIO:
    """A regular file for reading. A link that a person has named is followed.

    A pipe or a device is refused rather than waited for. What is no path, such as bytes in memory, opens as it can.
    Raises FileNotFoundError, ForeignFile, OSError.
    """
    if not isinstance(path, os.PathLike):
        return path.open("rb")
    return regular(os.open(path, os.O_RDONLY | PLAIN), path, buffered=buffered)


def regular(descriptor: int, path: Path, *, buffered: bool = False) -> BinaryIO:
    """The regular file that a descriptor has open for reading. Closes anything else, and raises ForeignFile."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # not left to fdopen, which refuses a directory and leaves it open
        raise ForeignFile(path, "not a regular file")
    return os.fdopen(descriptor, "rb", buffering=-1 if buffered else 0)


def read_plain(path: Path, max_bytes: int = -1) -> bytes:
    """The first bytes of a regular file, all by default. Raises as `open_plain`."""
    with open_plain(path) as file:
        return _read(file, max_bytes)


def read_given(path: Path, max_bytes: int = MAX_GIVEN_BYTES) -> bytes:
    """The first bytes of what a person named: a plain file, or what a shell hands over, such as `<(command)`.

    Those have their places in /dev/fd and the like. A pipe elsewhere may be anybody's, and is not waited for. Raises as
    `open_plain`.
    """
    if not any(map(path.is_relative_to, _HANDED_OVER)):
        return read_plain(path, max_bytes)
    with path.open("rb") as handed:
        return handed.read(max_bytes)


def write_new(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """A whole new file, or none. Raises FileExistsError, OSError."""
    with whole_or_none(path, create(path, mode)) as file:
        write_all(file, data)


def write_anew(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """A whole file in the place of whatever stands there. /dev/stdout and its like are written to, and no disk is.

    Raises ForeignFile, OSError.
    """
    if path.parent in _DEVICES and not (presence.exists(path) and stat.S_ISBLK(path.stat().st_mode)):
        with path.open("wb") as device:
            device.write(data)
        return
    with whole_or_none(path, create_anew(path, mode)) as file:
        write_all(file, data)


@contextlib.contextmanager
def whole_or_none(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """Closes a file that was just made, and removes it if the block fails, as on a full disk: what is left of it would
    be taken for the whole, or be in the way of the next run."""
    try:
        with file:
            yield file
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            path.unlink()
        raise


def write_all(file: BinaryIO, data: bytes) -> None:
    """All of the data, though an unbuffered file may take it in parts. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


@contextlib.contextmanager
def closed_on_error(opened: Closable) -> Iterator[None]:
    """For what is done with something open before its caller has it: whatever goes wrong, it does not stay open."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def check_replaceable(path: Path) -> None:
    """Raises ForeignFile for what no file of unrep's may take the name of, though root could: a device, or /dev/stdout,
    which the whole machine would miss; OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = path.lstat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or (stat.S_ISLNK(mode) and path.parent in _DEVICES):
            raise ForeignFile(path, "a device stands there; name a file")


def set_mode(descriptor: int, mode: int) -> None:
    """Gives what is open exactly that mode, whatever the umask is. Does nothing on Windows. Raises OSError.

    A file system that has no modes, such as a folder that a virtual machine shares, may refuse that even to the owner:
    there its mount decides who may do what.
    """
    if os.name != "posix" or stat.S_IMODE((status := os.fstat(descriptor)).st_mode) == mode:
        return
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in _NO_MODES or os.geteuid() not in (0, status.st_uid):
            raise


def make_directory(path: Path, mode: int = 0o777) -> bool:
    """Makes a directory unless a real one is there, and says whether it did. Raises ForeignFile for a link, OSError."""
    try:
        path.mkdir(mode)
    except FileExistsError:
        if not is_directory(path):
            raise ForeignFile(path, "a link or a file stands there, where a directory should; move it away") from None
        return False
    return True


def is_directory(path: Path) -> bool:
    """Whether it is a directory and no link of any kind to one. Raises OSError, FileNotFoundError among it."""
    return is_real_directory(path.lstat())


def is_real_directory(status: os.stat_result) -> bool:
    """The same of what lstat(2) said."""
    return stat.S_ISDIR(status.st_mode) and not is_name_surrogate(status)


def is_name_surrogate(status: os.stat_result) -> bool:
    """Whether that is a name for another place: a symbolic link, or on Windows a junction or mounted volume."""
    return stat.S_ISLNK(status.st_mode) or bool(getattr(status, "st_reparse_tag", 0) & _NAME_SURROGATE)


# Set in the tag of every reparse point that stands for another name ([MS-FSCC] 2.1.2.1).
_NAME_SURROGATE: Final = 0x20000000


def _give_up(path: Path) -> None:
    check_replaceable(path)
    path.unlink(missing_ok=True)


def _create(path: Path, mode: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW | PLAIN, mode)


def _opened(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | NO_FOLLOW | PLAIN)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # the latter on FreeBSD
            raise ForeignFile(path, "a symbolic link stands there; move it away") from error
        if error.errno == errno.ENXIO:
            raise ForeignFile(path, "no regular file stands there; move it away") from error
        raise


def _check_ours(path: Path, status: os.stat_result) -> None:
    named = path.lstat()
    if is_name_surrogate(named):
        raise ForeignFile(path, "a symbolic link stands there; move it away")
    if not stat.S_ISREG(status.st_mode):
        raise ForeignFile(path, "no regular file stands there; move it away")
    if status.st_nlink > 1:
        raise ForeignFile(path, "the file there has a second name elsewhere; move it away")
    if os.name == "posix" and status.st_uid not in (os.geteuid(), path.parent.stat().st_uid):
        raise ForeignFile(path, f"the file there belongs to another account, number {status.st_uid}; move it away")


def _as_file(descriptor: int) -> BinaryIO:
    return cast(BinaryIO, os.fdopen(descriptor, "r+b", buffering=0))


def _read(file: BinaryIO, max_bytes: int) -> bytes:
    if max_bytes < 0:
        return file.read()
    found = bytearray()
    while len(found) < max_bytes and (data := file.read(max_bytes - len(found))):
        found += data
    return bytes(found)
