"""What the agent looks for at rest: a day without a word, files that were changed, an application that died [A-151].

What it finds is on record, an event, and a receipt. None of it ends a round: where the site is at work, or its disk is
full, it is looked for again.
"""

from typing import Final

from apply.application.asking import complaint_of
from apply.errors import AboardError, Degraded, RolledBack, SiteBusy
from apply.observation import record_trouble, record_trouble_over, say_alive
from apply.rebuild.drift import find_drift
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.record.trouble import TroubleKind
from apply.rollback import roll_back
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.errors import BundleError
from bundle.host import presence
from bundle.host.clock import WallClock
from unrep.agent import events
from unrep.agent.journal import About, Event, Journal, Kind
from unrep.agent.settings import Settings

DRIFT_EVERY_S: Final = 86_400.0


class Observer:
    """Looks at one site. Times are the agent's own, so that no clock that is set keeps it from looking."""

    def __init__(self, site: Site, journal: Journal, clock: WallClock) -> None:
        self._site = site
        self._journal = journal
        self._clock = clock
        self._drift_at = 0.0
        self._watch_at = 0.0
        self._failures = 0
        self._config = SiteConfig()

    def broken(self, error: Exception) -> None:
        """The configuration is of no use, so nothing goes on here. Where nothing ever did, nothing is written."""
        if presence.is_directory(self._site.private):
            self._record("config-broken", str(error))

    def look(self, settings: Settings) -> None:
        """Once a round, with a configuration that is sound."""
        self._config = settings.config
        try:
            record_trouble_over(self._site, "config-broken")
            self._look_for_drift()
            say_alive(self._site, settings.config, self._clock.wall())
        except SiteBusy:
            pass  # the next round looks again
        except AboardError as error:
            self._journal.report_change((About.AGENT, "observation"), events.problem(error))
        else:
            self._journal.clear((About.AGENT, "observation"))

    def watch(self) -> None:
        """As often as possible: asks the health checks where their time has come [A-158]."""
        every_s = self._config.watch.interval_s
        if every_s is None or self._clock.now() < self._watch_at:
            return
        self._watch_at = self._clock.now() + every_s
        try:
            self._ask(read_state(self._site))
        except (AboardError, BundleError) as error:
            self._journal.report_change((About.AGENT, "watch"), events.problem(error))
        else:
            self._journal.clear((About.AGENT, "watch"))

    def _ask(self, state: SiteState) -> None:
        if state.pending or not state.current_version:
            return  # a trial has a window of its own
        if not (complaint := complaint_of(self._site, self._config, state.current_version)):
            self._failures = 0
            if record_trouble_over(self._site, "unhealthy"):
                self._journal.report(Event(Kind.HEALTHY, f"version {state.current_version} is healthy again"))
            return
        self._failures += 1
        if self._failures < self._config.watch.failures or state.trouble("unhealthy"):
            return
        if read_state(self._site) != state:
            return  # what was asked may be another version by now
        reason = f"version {state.current_version} became unhealthy: {complaint}"
        record_trouble(self._site, "unhealthy", reason)
        self._journal.report(Event(Kind.UNHEALTHY, reason))
        if self._config.watch.roll_back and state.last_good:
            self._go_back(complaint)

    def _go_back(self, complaint: str) -> None:
        """Once for each time that a version became unhealthy: the older one may be no better."""
        try:
            report = roll_back(self._site.root, self._config, because=f"became unhealthy: {complaint}")
        except (RolledBack, Degraded) as error:
            self._journal.report(events.run_failed(error))
        else:
            self._journal.report(events.applied(report))

    def _look_for_drift(self) -> None:
        if self._drift_at and self._clock.now() - self._drift_at < DRIFT_EVERY_S:
            return
        self._drift_at = self._clock.now()
        state = read_state(self._site)
        drift = find_drift(self._site, state)
        if not drift.paths:
            record_trouble_over(self._site, "drifted")
        elif record_trouble(self._site, "drifted", str(drift)):
            self._journal.report(Event(Kind.DRIFTED, str(drift)))

    def _record(self, kind: TroubleKind, reason: str) -> None:
        try:
            record_trouble(self._site, kind, reason)
        except AboardError as error:
            self._journal.report_change((About.AGENT, "observation"), events.problem(error))
