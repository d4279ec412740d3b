"""Where this program lies, and whether that is a version at a site of its own."""

from pathlib import Path
from typing import Final

import unrep
from apply.site.layout import CURRENT, VERSIONS, Site
from bundle.host import presence
from unrep.kit.folder import MARK

PRODUCT: Final = "unrep"


def program_directory() -> Path:
    """The directory that holds the packages of this program, links followed: it tells versions of it apart."""
    return Path(unrep.__file__).resolve().parent.parent


def home_site() -> Site | None:
    """The site of which this program is a version; None for a program that was installed in another way."""
    kit = program_directory().parent
    root = kit.parent.parent
    if kit.parent.name != VERSIONS or not presence.exists(kit / MARK):
        return None
    site = Site(root)
    return site if presence.is_directory(site.private) and presence.exists(root / CURRENT) else None
