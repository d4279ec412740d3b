"""`SITE/current`: the one name through which the application finds its version, moved in one step [A-2].

POSIX: a relative symlink `versions/1.0.1`, so that the site may be moved as a whole. A new link is made under a
temporary name and renamed over the old one, which rename(2) promises is never seen half done. Windows: a junction, see
`apply.junction`. Either, where the site is configured so: a file that names the version, see `apply.pointer`.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final, Literal, Protocol

from apply import durable
from apply.errors import DiskRefusedSwitch, SiteInvalid, StorageFailed, SwitchFailed

CURRENT: Final = "current"
VERSIONS: Final = "versions"
TEMPORARY: Final = ".current.new"
_DISK_ERRORS: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_WINDOWS_DISK_ERRORS: Final = frozenset({19, 23, 39, 112, 1117, 1295})  # write-protected, damaged, full: winerror.h


class Switch(Protocol):
    """Reads and moves `current`. One writer at a time (the site's lock); any number of readers at any moment."""

    def read(self) -> Path | None:
        """The absolute directory SITE/versions/NAME that `current` names, or None if there is no `current`.

        Reads the link and nothing else: that directory may be missing, which is for the caller to judge. Changes
        nothing, and may be called at any time. Raises SiteInvalid if `current` is a real directory or a file, or
        points anywhere but to a direct child of SITE/versions.
        """
        ...

    def point_to(self, version_directory: Path) -> None:
        """Make `current` name this version, durably, in one step: a reader finds the old version or the new, always.

        The directory must be a real one, directly in SITE/versions, and already durable. Repeats are harmless, also
        after a run that was killed half way. Raises SiteInvalid as read() does, and SwitchFailed for a directory that
        does not qualify or a system that refuses; `current` may then be old or new, and read() tells.
        """
        ...


def open_switch(site: Path, current: Literal["link", "pointer"] = "link") -> Switch:
    """The switch for the site: the link of this operating system, or a pointer file."""
    if current == "pointer":
        from apply.pointer import PointerSwitch

        return PointerSwitch(site)
    if os.name == "nt":
        from apply.junction import JunctionSwitch
        from apply.kernel32 import Kernel32

        return JunctionSwitch(site, Kernel32())
    return PosixSwitch(site)


def refused(current: object, directory: object, error: Exception) -> SwitchFailed:
    """The error for a `current` that the system did not move: whether that was for the disk, its number tells."""
    cause = error.__cause__ if isinstance(error, StorageFailed) and error.__cause__ else error
    windows_code = getattr(cause, "code", None) or getattr(cause, "winerror", None)
    for_disk = getattr(cause, "errno", None) in _DISK_ERRORS or windows_code in _WINDOWS_DISK_ERRORS
    kind = DiskRefusedSwitch if for_disk else SwitchFailed
    return kind(f"{current} could not be pointed to {directory}: {error}")


def qualified(site: Path, version_directory: Path) -> Path:
    """The directory SITE/versions/NAME, if that is what is given. Raises SwitchFailed."""
    directory = site / VERSIONS / version_directory.name
    with contextlib.suppress(OSError):
        beside = version_directory.name != ".." and version_directory.parent.samefile(directory.parent)
        status = directory.lstat()
        is_link = getattr(status, "st_reparse_tag", 0) != 0  # a junction is a directory to Windows' Python
        if beside and stat.S_ISDIR(status.st_mode) and not is_link:
            return directory
    raise SwitchFailed(f"{version_directory} is not the directory of a version in {directory.parent}")


class PosixSwitch:
    """`current` as a relative symlink."""

    def __init__(self, site: Path) -> None:
        self._site = site.absolute()
        self._current = self._site / CURRENT

    def read(self) -> Path | None:
        """See Switch.read."""
        try:
            target = self._current.readlink()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SiteInvalid(f"{self._current} is not a symbolic link that unrep made: {error.strerror}") from error
        # Not resolve(): the link itself is judged, whatever lies behind it.
        directory = self._site / os.path.normpath(target)
        if directory.parent != self._site / VERSIONS:
            raise SiteInvalid(f"{self._current} points to {target}, which is not a version in {self._site / VERSIONS}")
        return directory

    def point_to(self, version_directory: Path) -> None:
        """See Switch.point_to."""
        directory = qualified(self._site, version_directory)
        before = self.read()
        try:
            if before == directory:
                durable.sync_directory(self._site)  # the run that moved it may have been killed before its own sync
            else:
                self._replace(f"{VERSIONS}/{directory.name}")
        except (OSError, StorageFailed) as error:
            raise refused(self._current, directory, error) from error

    def _replace(self, target: str) -> None:
        temporary = self._site / TEMPORARY
        temporary.unlink(missing_ok=True)  # left by a run that was killed
        temporary.symlink_to(target)
        try:
            durable.replace(temporary, self._current)
        except StorageFailed:
            temporary.unlink(missing_ok=True)
            raise
