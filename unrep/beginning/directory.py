"""Which directory may become a site [A-177]: a new one, an empty one, or one that is a site already."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from apply.errors import SiteInvalid
from apply.site import durable
from apply.site.guarded import check_site
from apply.site.layout import CURRENT, VERSIONS, Site
from bundle.errors import InputError
from bundle.host import presence
from bundle.host.files import make_directory
from bundle.names.paths import RESERVED_TOP

SETTINGS: Final = "unrep.toml"
KEY_NAME: Final = "shore.pub"
CHAIN_NAME: Final = "shore.trust"
_NAMED: Final = 3
_OWN: Final = frozenset({SETTINGS, KEY_NAME, CHAIN_NAME, RESERVED_TOP, ".venvs", VERSIONS, CURRENT})
_DRAFTS: Final = frozenset(f".{name}.new" for name in (KEY_NAME, CHAIN_NAME))
_OF_A_DISK: Final = frozenset({"lost+found", "System Volume Information", "$RECYCLE.BIN", ".DS_Store"})


def check_may_begin(root: Path, beside: Collection[Path]) -> None:
    """Raises InputError or SiteInvalid for what may not become a site, StorageFailed. Changes nothing.

    `beside`: files that may lie there all the same, for a person has named them.
    """
    with durable.storage_errors(root):
        if not presence.exists(root):
            if not presence.is_directory(root.parent):
                raise InputError(f"{root}: {root.parent} is no directory; make that first, or name another place")
            return
        if not presence.is_directory(root):
            raise InputError(f"{root}: is a file; name a directory for the site")
        if is_site(root):
            return
        theirs = {path.absolute() for path in beside}
        found = sorted(path.name for path in root.iterdir() if path.absolute() not in theirs)
    foreign = [name for name in found if name not in _OWN | _DRAFTS | _OF_A_DISK]
    if foreign:
        more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
        raise SiteInvalid(
            f"{root}: is something else already, for it holds {', '.join(foreign[:_NAMED])}{more}; name a new or an "
            "empty directory for the site"
        )


def is_site(root: Path) -> bool:
    """Whether unrep has a configuration or a record there. Raises OSError."""
    return presence.exists(root / SETTINGS) or presence.exists(root / RESERVED_TOP / "state.db")


def make_site(root: Path) -> Site:
    """The directory, and unrep's own in it. Raises StorageFailed, SiteInvalid; Unguarded for root."""
    with durable.storage_errors(root):
        make_directory(root, 0o755)
    durable.sync_directory(root.absolute().parent)
    site = Site.at(root)
    check_site(site)
    site.make_directories()
    return site
