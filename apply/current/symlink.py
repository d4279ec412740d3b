"""`current` on POSIX: a relative symlink `versions/1.0.1`, so that the site may be moved as a whole.

A new link is made under a temporary name and renamed over the old one. rename(2) promises that this is never seen half
done.
"""

import os
from pathlib import Path

from apply.current.contract import qualified, refused
from apply.errors import SiteInvalid, StorageFailed
from apply.site import durable
from apply.site.layout import CURRENT, TEMPORARY, VERSIONS


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
        # symlink(2) replaces nothing, so the new link is made under another name in the same directory and renamed.
        temporary = self._site / TEMPORARY
        temporary.unlink(missing_ok=True)  # left by a run that was killed
        temporary.symlink_to(target)
        try:
            durable.replace(temporary, self._current)
        except StorageFailed:
            temporary.unlink(missing_ok=True)
            raise
