"""Where a stick is: the directories that are configured, else what this system has mounted as removable."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.errors import InputError
from bundle.host import presence
from bundle.host.files import open_plain
from unrep.mate.stick import check_stick

_MOUNTS: Final = Path("/proc/self/mounts")
_MOUNTED_BELOW: Final = ("/media/", "/run/media/", "/mnt/")  # where desktops, udisks and people put media
_MOST_MOUNTS_BYTES: Final = 1024 * 1024
_REMOVABLE: Final = 2  # DRIVE_REMOVABLE of winbase.h


def sticks(site: Site, config: SiteConfig) -> list[Path]:
    """Those that are there now and may be taken in. Raises nothing: what cannot be read is no stick."""
    named = [site.root / name for name in config.page.sticks]
    found = []
    for place in named or _mounted():
        with suppress(InputError, OSError):
            if not presence.is_directory(place) or not any(place.iterdir()):
                continue  # a mount point without a medium
            check_stick(site, place)
            found.append(place)
    return found


def _linux_mounts() -> Iterator[Path]:
    try:
        with open_plain(_MOUNTS) as file:
            text = file.read(_MOST_MOUNTS_BYTES)
    except OSError:
        return
    for line in text.splitlines():
        fields = line.split(b" ")
        if len(fields) > 1:
            place = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), fields[1]))
            if place.startswith(_MOUNTED_BELOW):
                yield Path(place)


if sys.platform == "win32":

    def _mounted() -> list[Path]:
        kernel = ctypes.WinDLL("kernel32")
        drives = [
            f"{letter}:\\" for number, letter in enumerate(ascii_uppercase) if kernel.GetLogicalDrives() >> number & 1
        ]
        return [Path(drive) for drive in drives if kernel.GetDriveTypeW(drive) == _REMOVABLE]

else:

    def _mounted() -> list[Path]:
        return list(_linux_mounts())
