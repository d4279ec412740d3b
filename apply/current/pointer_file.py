"""`current` as a plain file that names the version, for a system or a server that will not go through links.

    versions/1.0.1

That one line, relative to the site as a symlink would be; `unrep run` reads it and starts the application in the real
directory. The file is replaced in one step, like any other [A-6], so that a reader finds the old version or the new.
"""

import stat
from pathlib import Path
from typing import Final

from apply.current.contract import qualified, refused
from apply.errors import SiteInvalid, StorageFailed
from apply.site import durable
from apply.site.layout import CURRENT, VERSIONS
from bundle.host import files
from bundle.host.sharing_violations import retry_on_sharing_violation

_MAX_BYTES: Final = 4096


class PointerSwitch:
    """`current` as a pointer file; see Switch for the contract."""

    def __init__(self, site: Path) -> None:
        self._site = site.absolute()
        self._current = self._site / CURRENT

    def read(self) -> Path | None:
        """See Switch.read."""
        try:
            if not stat.S_ISREG(self._current.lstat().st_mode):
                raise SiteInvalid(
                    f"{self._current} is not the pointer file that the configuration asks for; "
                    "if it is a link that unrep made, remove it, and the next run makes the file"
                )
            found: list[bytes] = []  # on Windows it cannot be opened while it is being replaced, for a moment
            retry_on_sharing_violation(lambda path: found.append(_start_of(path)), self._current)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SiteInvalid(f"{self._current} cannot be read: {error.strerror}") from error
        # Strictly the one spelling that unrep writes. Anything else was written by hand and might lead out of the site.
        target = found[-1].decode(errors="replace").removesuffix("\n")
        name = target.removeprefix(f"{VERSIONS}/")
        if target == name or name in ("", ".", "..") or any(character in name for character in "/\\\n\0"):
            raise SiteInvalid(f"{self._current} holds {target[:80]!r}, which is not a version in {VERSIONS}")
        return self._site / VERSIONS / name

    def point_to(self, version_directory: Path) -> None:
        """See Switch.point_to."""
        directory = qualified(self._site, version_directory)
        try:
            if self.read() == directory:
                durable.sync_directory(self._site)  # the run that moved it may have been killed before its own sync
            else:
                durable.write_file(self._current, f"{VERSIONS}/{directory.name}\n".encode(), files.PUBLIC)
        except StorageFailed as error:
            raise refused(self._current, directory, error) from error


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)
