r"""Under which account an agent runs: root or LocalSystem, or one with fewer rights that needs no password [A-104].

unrep keeps no passwords. On POSIX any user of the machine will do. Windows has accounts whose passwords nobody knows:
LocalService and NetworkService, the service's own (`NT SERVICE\NAME`), and group managed ones (`DOMAIN\NAME$`).
"""

import os
import re
from typing import Final

from apply.site.layout import Site
from bundle.host import presence
from unrep.errors import UsageRefused

LOCAL_SYSTEM: Final = "LocalSystem"
_BUILT_IN: Final = {
    "localsystem": LOCAL_SYSTEM,
    "localservice": r"NT AUTHORITY\LocalService",
    "networkservice": r"NT AUTHORITY\NetworkService",
}
_MANAGED: Final = re.compile(r"[^\\\s\"/\[\]:;|=,+*?<>@]+\\[^\\\s\"/\[\]:;|=,+*?<>@]+\$")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")


def windows_account(named: str | None, service: str) -> str:
    """The account as the service manager names it; LocalSystem unless one is named. Raises UsageRefused."""
    if named is None:
        return LOCAL_SYSTEM
    plain = re.sub(r"^NT AUTHORITY\\", "", named, flags=re.IGNORECASE).replace(" ", "").casefold()
    if plain in _BUILT_IN:
        return _BUILT_IN[plain]
    own = rf"NT SERVICE\{service}"
    if named.casefold() == own.casefold():
        return own
    if _MANAGED.fullmatch(named):
        return named
    raise UsageRefused(
        f"--account {named!r}: would need a password, and unrep keeps none; name LocalService, NetworkService, "
        rf"'{own}', or a group managed account, DOMAIN\NAME$"
    )


def posix_account(named: str | None, site: Site) -> int:
    """The number of that user, 0 for none named. Raises UsageRefused for one that there is not, or whose the site is
    not, for then it could not work there."""
    if named is None or os.name == "nt":
        return 0
    uid = _number(named) if _USER.fullmatch(named) else None
    if uid is None:
        raise UsageRefused(f"--account {named!r}: there is no such user on this machine; make it first")
    for place in (site.root, site.versions, site.venvs, site.private):
        if presence.exists(place) and place.stat().st_uid != uid:
            raise UsageRefused(
                f"--account {named}: {place} is not that user's, who must write there; chown -R {named} {site.root}"
            )
    return uid


def _number(user: str) -> int | None:
    import pwd  # there is none on Windows

    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
