r"""`current` on Windows: an NTFS junction, retargeted in place by one control call.

Setting the reparse point of an existing junction again is documented to modify it. It needs no right to create
symlinks, and it touches one file record, so there is no moment without `current`. The other ways are worse. Deleting
and creating it anew leaves such a moment. MoveFileEx does not replace a directory link. FileRenameInfoEx does, and
fails on Windows Server 2016 and on ReFS.

The reparse point, little-endian, as FSCTL_SET_REPARSE_POINT takes it and FSCTL_GET_REPARSE_POINT gives it:

    offset  size  meaning
    0       4     tag, 0xA0000003 for a junction
    4       2     bytes that follow this header of 8
    6       2     reserved, 0
    8       2     substitute name: offset in the names, 0
    10      2     substitute name: bytes, without its NUL
    12      2     print name: offset in the names
    14      2     print name: bytes, without its NUL
    16            names, UTF-16: \??\C:\site\versions\1.0 NUL, C:\site\versions\1.0 NUL
"""

import contextlib
import struct
import time
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from typing import Final, Protocol, TypeVar

from apply.current.contract import refused
from apply.errors import SiteInvalid, SwitchFailed
from apply.site.layout import CURRENT, TEMPORARY, VERSIONS

JUNCTION_TAG: Final = 0xA0000003
_HEADER: Final = struct.Struct("<LHHHHHH")
_COMMON_BYTES: Final = 8
_OBJECT_PREFIX: Final = "\\??\\"
MAX_REPARSE_BYTES: Final = 16 * 1024

FILE_NOT_FOUND: Final = 2
PATH_NOT_FOUND: Final = 3
NOT_A_REPARSE_POINT: Final = 4390
# Access denied, sharing violation, lock violation: antivirus, an indexer or a backup holds the link for a moment.
PASSING_ERRORS: Final = frozenset({5, 32, 33})
_PAUSES_S: Final = (0.01, 0.02, 0.04, 0.08, 0.15, 0.2, 0.3)  # 0.8 s in all

T = TypeVar("T")


class KernelError(Exception):
    """A Windows system call failed. code: the value of GetLastError."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call} failed with Windows error {code}")
        self.code = code


class Kernel(Protocol):
    r"""The system calls of the switch. Paths are absolute, such as C:\site\current. Links are never followed.

    Each call raises KernelError with the code of Windows, and changes nothing then.
    """

    def get_reparse_point(self, path: str) -> bytes:
        """The reparse point of a file or directory; NOT_A_REPARSE_POINT for one without."""
        ...

    def set_reparse_point(self, path: str, reparse_point: bytes) -> None:
        """Set that of an empty directory, or change that of a link with the same tag, in one step."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether it is a real directory, and no link."""
        ...

    def create_directory(self, path: str) -> None:
        """Make an empty directory where nothing is."""
        ...

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory, or a link, never what it points to."""
        ...

    def rename(self, source: str, destination: str) -> None:
        """Rename within one volume to a name that is free."""
        ...

    def flush(self, path: str) -> None:
        """Write the file record of the link to the disk."""
        ...


def reparse_buffer(target: str) -> bytes:
    """The reparse point of a junction to the target, an absolute local path.

    Raises SwitchFailed for a target that a junction cannot have: relative, on a share, or with a device prefix.
    """
    drive = PureWindowsPath(target).drive
    if not (len(drive) == 2 and drive[1] == ":" and PureWindowsPath(target).is_absolute()) or "\0" in target:
        raise SwitchFailed(f"{target} cannot be the target of a junction: it must be a path on a local drive")
    substitute = (_OBJECT_PREFIX + target).encode("utf-16-le", "surrogatepass")  # Windows lets names hold half letters
    shown = target.encode("utf-16-le", "surrogatepass")
    names = substitute + b"\0\0" + shown + b"\0\0"
    length = _HEADER.size - _COMMON_BYTES + len(names)
    return _HEADER.pack(JUNCTION_TAG, length, 0, 0, len(substitute), len(substitute) + 2, len(shown)) + names


def junction_target(reparse_point: bytes) -> str:
    """The absolute path that a junction points to. Raises ValueError, saying why, for any other reparse point."""
    if len(reparse_point) < _HEADER.size:
        raise ValueError(f"a reparse point of {len(reparse_point)} bytes is too short")
    tag, length, _, offset, size, _, _ = _HEADER.unpack_from(reparse_point)
    if tag != JUNCTION_TAG:
        raise ValueError(f"a reparse point with tag 0x{tag:08X} is not a junction")
    names = reparse_point[_HEADER.size :]
    if length != len(reparse_point) - _COMMON_BYTES or offset + size > len(names):
        raise ValueError("a reparse point whose lengths do not fit")
    name = names[offset : offset + size].decode("utf-16-le", "surrogatepass")
    if not name.startswith(_OBJECT_PREFIX):
        raise ValueError(f"a junction to {name} has no absolute target")
    return name.removeprefix(_OBJECT_PREFIX)


class JunctionSwitch:
    """`current` as a junction; see Switch for the contract. The site is an absolute path on a local drive."""

    def __init__(self, site: Path, kernel: Kernel, sleep: Callable[[float], None] = time.sleep) -> None:
        self._site = PureWindowsPath(str(site))
        self._current = str(self._site / CURRENT)
        self._kernel = kernel
        self._sleep = sleep

    def read(self) -> Path | None:
        """See Switch.read."""
        target = self._read(_Retries(self._sleep))
        return None if target is None else Path(str(target))

    def point_to(self, version_directory: Path) -> None:
        """See Switch.point_to."""
        directory = PureWindowsPath(str(version_directory))
        retries = _Retries(self._sleep)
        try:
            self._refuse_unqualified(directory)
            before = self._read(retries)
            if before is None:
                self._create(reparse_buffer(str(directory)), retries)
            elif before != directory:
                retries(lambda: self._kernel.set_reparse_point(self._current, reparse_buffer(str(directory))))
        except KernelError as error:
            raise refused(self._current, directory, error) from error
        # Nobody documents that the call is atomic, and filter drivers may interfere. So what counts is what is there.
        after = self._read(retries)
        if after != directory:
            raise SwitchFailed(f"{self._current} was pointed to {directory}, but reads back as {after}")
        with contextlib.suppress(KernelError):  # NTFS flushes directories only to some callers; recovery reads the link
            self._kernel.flush(self._current)

    def _refuse_unqualified(self, directory: PureWindowsPath) -> None:
        beside = directory.parent == self._site / VERSIONS and directory.name != ".."
        if not beside or not self._kernel.is_directory(str(directory)):
            raise SwitchFailed(f"{directory} is not the directory of a version in {self._site / VERSIONS}")

    def _read(self, retries: "_Retries") -> PureWindowsPath | None:
        try:
            target = PureWindowsPath(junction_target(retries(lambda: self._kernel.get_reparse_point(self._current))))
        except KernelError as error:
            if error.code in (FILE_NOT_FOUND, PATH_NOT_FOUND):
                return None
            # Also a real directory named `current`: it is not a reparse point, and what it holds may be a person's.
            raise SiteInvalid(f"{self._current} is not a junction that unrep made: {error}") from error
        except ValueError as error:
            raise SiteInvalid(f"{self._current} is not a junction that unrep made: {error}") from error
        if target.parent != self._site / VERSIONS or target.name == "..":
            raise SiteInvalid(f"{self._current} points to {target}, which is not a version in {self._site / VERSIONS}")
        return target

    def _create(self, reparse_point: bytes, retries: "_Retries") -> None:
        # A junction starts as an empty directory, which a reader must not find as `current`: it is made beside it.
        temporary = str(self._site / TEMPORARY)
        try:
            retries(lambda: self._kernel.remove_directory(temporary))  # left by a run that was killed
        except KernelError as error:
            if error.code != FILE_NOT_FOUND:
                raise
        self._kernel.create_directory(temporary)
        try:
            retries(lambda: self._kernel.set_reparse_point(temporary, reparse_point))
            retries(lambda: self._kernel.rename(temporary, self._current))
        except KernelError:
            with contextlib.suppress(KernelError):
                self._kernel.remove_directory(temporary)
            raise


class _Retries:
    """Repeats calls that fail with a transient error. All pauses together are at most 0.8 s."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._pauses = iter(_PAUSES_S)
        self._sleep = sleep

    def __call__(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except KernelError as error:
                pause_s = next(self._pauses, None) if error.code in PASSING_ERRORS else None
                if pause_s is None:
                    raise
            self._sleep(pause_s)
