"""A release that needs a newer unrep: the agent asks for that at once, and does not wait for the timer [A-236]."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from apply.site.layout import Site
from bundle.host import presence
from unrep.renewing.home import home_site
from unrep.renewing.installing import PROVEN_S, launching

PATIENCE_S: Final = 6 * 3600  # on a slow link
_NAP_S: Final = 0.5
_LOOKED: Final = (0, 8)  # exit codes of a round that found out what there is; 8: nothing leads to it


def renew_now(site: Site) -> bool:
    """Makes one round of unrep's own site, and whether that round looked for a newer unrep.

    False as well where this unrep has no site of its own, or is at work there: then this very agent looks for it.
    Where a newer unrep came, the round restarts this very agent and survives it, for it has a session of its own. It
    goes on by itself, too, if this agent is told to stop.
    """
    home = home_site()
    if home is None or _is_same(home, site):
        return False
    try:
        argv = launching(home, "renew", str(site.root), str(PROVEN_S))
        # Neither `run` nor `with`, which would kill it, or wait for it, when this agent is interrupted.
        if argv is None or not presence.exists(Path(argv[0])):
            return False
        return _waited(_started_apart(argv)) in _LOOKED
    except OSError:
        return False  # the timer tries again


def _started_apart(argv: list[str]) -> "subprocess.Popen[bytes]":
    """A process that no interrupt of ours reaches. Raises OSError."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    nothing = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=nothing, stdout=nothing, start_new_session=True, creationflags=flags)


def _waited(process: "subprocess.Popen[bytes]") -> int | None:
    """Its exit code; None if it takes too long. In naps, for a wait of Windows is interrupted by nothing."""
    until = time.monotonic() + PATIENCE_S
    while (code := process.poll()) is None and time.monotonic() < until:
        time.sleep(_NAP_S)
    return code


def _is_same(home: Site, site: Site) -> bool:
    """Also by another path: where unrep lies is known with all links followed."""
    return os.path.realpath(home.root) == os.path.realpath(site.root)
