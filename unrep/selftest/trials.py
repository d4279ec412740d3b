"""What is tried, and the figures of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from apply.application.checks import check_once
from apply.application.health import watch
from apply.application.restart import restarter
from apply.current.opening import open_switch
from apply.errors import PreflightRefused, RolledBack
from apply.record.database import read_state
from apply.rollback import roll_back
from apply.site.config import SiteConfig
from apply.site.layout import CURRENT, Site
from apply.site.lock import site_lock
from apply.update import update
from unrep.errors import SelfTestFailed
from unrep.selftest.readers import Count, reading
from unrep.selftest.scratch import BAD, GOOD, Scratch


@dataclass(frozen=True)
class Switching:
    """So many switches under readers; `seconds` of each, ascending."""

    seconds: tuple[float, ...]
    count: Count

    def quantile_ms(self, share: float) -> float:
        """Milliseconds within which so large a share of the switches was done."""
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))] * 1000


@dataclass(frozen=True)
class Updating:
    """Seconds of a first install, an update, and a rollback by hand; and from a failure to the old version's path."""

    install_s: float
    update_s: float
    back_s: float
    rollback_s: float


def try_updates(scratch: Scratch) -> Updating:
    """An install, an update, a release that fails, a rollback. Raises what they raise, SelfTestFailed."""
    site, config = scratch.site.root, scratch.config
    first = update(scratch.bundle(GOOD[0]), site, scratch.trust, config)
    second = update(scratch.bundle(GOOD[1], GOOD[0]), site, scratch.trust, config)
    try:
        update(scratch.bundle(BAD, GOOD[1]), site, scratch.trust, config)
    except RolledBack as error:
        back_s = (error.document or {})["steps"]["switch_back"]
    else:
        raise SelfTestFailed(f"{site}: a release that cannot be started was taken for a good one")
    _expect(scratch, GOOD[1])
    third = roll_back(site, config)
    _expect(scratch, GOOD[0])
    return Updating(first.seconds, second.seconds, back_s, third.seconds)


def try_switches(scratch: Scratch, switches: int, tick: Callable[[int], None]) -> Switching:
    """Moves `current` to and fro while readers read. Raises SwitchFailed, SiteInvalid, PreflightRefused."""
    switch, seconds = open_switch(scratch.site.root, scratch.config.switch.current), []
    with reading(scratch.site.root / CURRENT, scratch.directory, GOOD) as count:
        for number in range(switches):
            tree = scratch.site.tree(GOOD[number % 2])
            began = time.perf_counter()
            switch.point_to(tree)
            seconds.append(time.perf_counter() - began)
            tick(1)
    return Switching(tuple(sorted(seconds)), count)


def try_restart(site: Site, config: SiteConfig) -> tuple[float, str]:
    """Restarts the real application as a switch would: the seconds that took, and how its health was then.

    Raises StepFailed, SiteBusy; PreflightRefused where nothing is installed; SelfTestFailed if it is not healthy.
    """
    version = read_state(site).current_version
    if not version:
        raise PreflightRefused(f"{site.root}: nothing is installed here that could be restarted")
    with site_lock(site, "selftest"):
        began = time.perf_counter()
        restarter(config)(site.context(version))
        restart_s = time.perf_counter() - began
        context = site.context(version)
        verdict = watch(config.health, config.health_window, lambda check, limit_s: check_once(check, context, limit_s))
    if not verdict.healthy:
        raise SelfTestFailed(f"{site.root}: after a restart version {version} is {verdict.reason}")
    return restart_s, verdict.reason


def _expect(scratch: Scratch, version: str) -> None:
    found = open_switch(scratch.site.root, scratch.config.switch.current).read()
    if found is None or found.name != version:
        raise SelfTestFailed(f"{scratch.site.root / CURRENT}: names {found and found.name}, not {version}")
