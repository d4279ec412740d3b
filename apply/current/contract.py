"""`SITE/current`: the one name through which the application finds its version, moved in one step [A-2].

The contract of every switch, and what each of them needs: the check of a directory, and the error for a refusal.
"""

import contextlib
import errno
import stat
from pathlib import Path
from typing import Final, Protocol

from apply.errors import DiskRefusedSwitch, StorageFailed, SwitchFailed
from apply.site.layout import VERSIONS

_DISK_ERRORS: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_WINDOWS_DISK_ERRORS: Final = frozenset({19, 23, 39, 112, 1117, 1295})  # write-protected, damaged, full: winerror.h


class Switch(Protocol):
    """Reads and moves `current`. One writer at a time (the site's lock), any number of readers at any moment."""

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
        does not qualify or a system that refuses. Then `current` may be old or new: read() it.
        """
        ...


def refused(current: object, directory: object, error: Exception) -> SwitchFailed:
    """The error for a `current` that the system did not move: DiskRefusedSwitch if its number says so [A-100]."""
    # The difference matters: a version whose switch fails is put into quarantine, and a full disk is no fault of it.
    cause = error.__cause__ if isinstance(error, StorageFailed) and error.__cause__ else error
    windows_code = getattr(cause, "code", None) or getattr(cause, "winerror", None)
    for_disk = getattr(cause, "errno", None) in _DISK_ERRORS or windows_code in _WINDOWS_DISK_ERRORS
    kind = DiskRefusedSwitch if for_disk else SwitchFailed
    return kind(f"{current} could not be pointed to {directory}: {error}")


def qualified(site: Path, version_directory: Path) -> Path:
    """The directory SITE/versions/NAME, if that is what is given. Raises SwitchFailed."""
    directory = site / VERSIONS / version_directory.name
    # By identity, not by spelling: the site may be reached through links or be given as a relative path.
    with contextlib.suppress(OSError):
        beside = version_directory.name != ".." and version_directory.parent.samefile(directory.parent)
        status = directory.lstat()
        is_link = getattr(status, "st_reparse_tag", 0) != 0  # S_ISDIR is true for a junction on Windows
        if beside and stat.S_ISDIR(status.st_mode) and not is_link:
            return directory
    raise SwitchFailed(f"{version_directory} is not the directory of a version in {directory.parent}")
