"""Who may change what root does here: the rule of sshd's StrictModes, for a site and the files that steer it [A-103].

Whoever may write a configuration, or put another in its place, decides what root runs. So for root each file that unrep
goes by, and each directory on the way to it, belongs to root, and no group and nobody else may write to it. Others may
write to a directory on the way whose sticky bit keeps them off what is not theirs, such as /tmp. For an ordinary user
nothing is judged, for she gives away only what is hers. Windows has access lists, which `unrep agent install` sets.
"""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from apply.errors import Unguarded
from apply.site.layout import Site

_MAX_LINKS: Final = 40
_ROOT: Final = 0


def check_guarded(*paths: Path | None, account: int = _ROOT) -> None:
    """Raises Unguarded, naming the file or directory and what to do, if anybody but root could change one of them.

    `account`: a user who may as well, because the work is done as that one. What is not there is passed over, though
    not the way to it.
    """
    if os.name != "nt" and os.geteuid() == _ROOT:
        for path in filter(None, paths):
            for place, status, is_last in _way(path.absolute()):
                _judge(place, status, is_last, account)


def check_named(*paths: Path | None) -> None:
    """`check_guarded` for what a person names by hand: it may be of the one who became root by sudo(8), for a file of
    hers decides no more than what she types."""
    person = os.environ.get("SUDO_UID", "")
    known = person.isascii() and person.isdecimal() and len(person) < 11
    check_guarded(*paths, account=int(person) if known else _ROOT)


def check_site(site: Site, account: int = _ROOT) -> None:
    """`check_guarded` for a site: where its versions, environments and record are, and the way there."""
    check_guarded(site.root, site.versions, site.venvs, site.private, account=account)


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Every directory, link and file that the system passes on the way to a path, and whether it is the last."""
    place, ahead, links = Path("/"), list(path.parts[:0:-1]), 0
    yield place, place.lstat(), not ahead
    while ahead:
        name = ahead.pop()
        if name == "..":
            place = place.parent
            continue
        found = place / name
        try:
            status = found.lstat()
            target = found.readlink() if stat.S_ISLNK(status.st_mode) else None
        except OSError:  # missing, by now perhaps, or no directory: for whoever opens it
            return
        if target:
            links += 1
            if links > _MAX_LINKS:
                return
            place = Path("/") if target.is_absolute() else place
            ahead += [part for part in reversed(target.parts) if part != "/"]
        else:
            place = found
        yield found, status, not ahead and place == found


def _judge(path: Path, status: os.stat_result, is_last: bool, account: int) -> None:
    shown, mode = shlex.quote(str(path)), stat.S_IMODE(status.st_mode)
    if status.st_uid not in (_ROOT, account):
        owner = _name(status.st_uid)
        # Not the directories on the way: a home, of which that would shut its owner out, is the most frequent one.
        advice = f"chown {_name(account)} {shown}" if is_last else "move what lies in there to a directory of root's"
        raise Unguarded(
            f"{path}: belongs to {owner}, who could change what unrep does here as {_name(account)}; "
            f"{advice}, or run unrep as {owner}"
        )
    is_sticky = stat.S_ISDIR(status.st_mode) and mode & stat.S_ISVTX and not is_last
    if mode & 0o022 and not is_sticky and not stat.S_ISLNK(status.st_mode):
        or_sticky = "" if is_last else f", or chmod +t {shown}"
        raise Unguarded(
            f"{path}: has mode {mode:04o}, so that others could change what unrep does here as {_name(account)}; "
            f"chmod go-w {shown}{or_sticky}"
        )


def _name(uid: int) -> str:
    import pwd  # there is none on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
