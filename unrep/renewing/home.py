"""Where this program lies, and whether that is a version at a site of its own."""

from pathlib import Path
from typing import Final

import unrep
from apply.site.layout import CURRENT, Site
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
    if kit.parent.name != "versions" or not presence.exists(kit / MARK):
        return None
    return Site.at(root) if presence.is_directory(root / ".unrep") and presence.exists(root / CURRENT) else None
