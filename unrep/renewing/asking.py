"""A release that needs a newer unrep: the agent asks for that at once, and does not wait for the timer [A-236]."""

import os
import subprocess
from typing import Final

from apply.site.layout import Site
from bundle.host import presence
from unrep.renewing.home import home_site
from unrep.renewing.installing import PROVEN_S, launcher

PATIENCE_S: Final = 6 * 3600  # on a slow link
_LOOKED: Final = (0, 8)  # exit codes of a round that found out what there is; 8: nothing leads to it


def renew_now(site: Site) -> bool:
    """Makes one round of unrep's own site, and whether that round looked for a newer unrep.

    False as well where this unrep has no site of its own, or is at work there: then this very agent looks for it.
    Where a newer unrep came, the round restarts this very agent and survives it, for it has a session of its own. It
    goes on by itself, too, if this agent is told to stop.
    """
    home = home_site()
    if home is None or _is_same(home, site) or not presence.exists(launcher(home, "renew")):
        return False
    try:
        # Neither `run` nor `with`, which would kill it, or wait for it, when this agent is interrupted.
        round_of_home = subprocess.Popen(
            [launcher(home, "renew"), str(site.root), str(PROVEN_S)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        return round_of_home.wait(PATIENCE_S) in _LOOKED
    except (OSError, subprocess.TimeoutExpired):
        return False  # the timer tries again


def _is_same(home: Site, site: Site) -> bool:
    """Also by another path: where unrep lies is known with all links followed."""
    return os.path.realpath(home.root) == os.path.realpath(site.root)
