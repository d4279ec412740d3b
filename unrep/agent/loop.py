"""The unattended ship, round by round: spec/apply.md, section 8.

    recover     what a dead run left pending, at any time of the day
    fetch       while the fetch window is open
    apply       while the maintenance window is open and the master does not hold the running version
    wait        for the poll interval, or until a window opens or a hold is lifted

Nothing here has to survive a kill: what was fetched is in the inbox, what was begun is in the site's record, and the
next agent goes on from both.
"""

from pathlib import Path

from apply.errors import AboardError, Degraded, RolledBack, StorageFailed
from apply.hold import read_hold
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.recover import recover
from apply.site import durable
from apply.site.layout import Site
from apply.site.lock import agent_lock
from apply.update import update
from bundle.errors import BundleError
from bundle.host.clock import WallClock
from bundle.read.reader import open_bundle
from bundle.trust.trust import Trust
from transfer.disk.output import describe
from unrep.agent.fetching import Fetching
from unrep.agent.gates import Gates
from unrep.agent.inbox import Inbox
from unrep.agent.journal import Event, Journal
from unrep.agent.settings import Settings, read_settings
from unrep.terminal.aboard import sentence

NAP_S = 1.0  # how soon a window that opens and a hold that is lifted are noticed


class Agent:
    """The agent of one site. `config`: a configuration file instead of the site's own."""

    def __init__(self, site: Site, config: Path | None, journal: Journal, clock: WallClock) -> None:
        self._site = site
        self._config = config
        self._journal = journal
        self._clock = clock
        self._inbox = Inbox(site)
        self._gates = Gates(site, clock)
        self._fetching = Fetching(site, self._inbox, journal, lambda: self._may("fetch"))

    def run(self, once: bool = False) -> None:
        """Works until it is interrupted, anywhere: KeyboardInterrupt goes on to the caller; or for one round.

        Raises SiteBusy if the site has an agent already; ConfigError, InputError, StorageFailed before the first round.
        """
        settings = read_settings(self._site, self._config)
        self._site.make_directories()
        with agent_lock(self._site):
            self._inbox.open()
            self._gates.follow(settings.agent)
            version = read_state(self._site).current_version or "nothing"
            self._journal.tell(
                Event("started", f"{self._site.root} runs {version}; asks {', '.join(settings.sources)}")
            )
            try:
                before, interval_s = self._possible(), self._round()
                while not once:
                    self._wait(interval_s, before)
                    before, interval_s = self._possible(), self._round()
            finally:
                self._gates.save()

    def _round(self) -> float:
        """One round; how many seconds to wait for the next."""
        interval_s = 60.0  # where the configuration cannot be read any more
        try:
            settings = read_settings(self._site, self._config)
            interval_s = settings.agent.poll_interval_s
            self._gates.follow(settings.agent)
            self._gates.tick()
            self._work(settings)
        except (AboardError, BundleError) as error:
            self._journal.stands("round", Event("refused", str(error)))
        else:
            self._journal.stands("round", None)
        return interval_s

    def _work(self, settings: Settings) -> None:
        for name in ("fetch", "maintenance"):
            late = name in self._gates.overdue()
            what = (
                f"the {name} window was shut for two days of running: the clock may be wrong, so it opens for an hour"
            )
            self._journal.stands(f"{name} overdue", Event("overdue", what) if late else None)
        self._recover(settings)
        if self._may("fetch"):
            self._fetching.fetch_newest(settings, read_state(self._site))
        self._apply(settings)
        self._inbox.clear(read_state(self._site))

    def _recover(self, settings: Settings) -> None:
        if not _is_due(self._site, read_state(self._site)):
            return
        try:
            report = recover(self._site.root, settings.config)
        except (RolledBack, Degraded) as error:
            self._tell_bad_end(error)
        else:
            self._journal.stands("degraded", None)
            self._journal.tell(Event("recovered", sentence(report), report.document()))

    def _apply(self, settings: Settings) -> None:
        """The newest bundle in the inbox that can be applied."""
        ready = self._inbox.complete(read_state(self._site))
        reason = self._why_not_now() if ready else ""
        what = f"{_named(ready[0], settings.trust)} is ready; {reason}" if reason else ""
        self._journal.stands("waiting", Event("waiting", what) if what else None)
        if ready and not reason:
            any(self._apply_one(path, settings) for path in ready)
            self._gates.used("maintenance")

    def _apply_one(self, bundle: Path, settings: Settings) -> bool:
        """Whether the bundle was tried: then older ones have no turn."""
        try:
            report = update(bundle, self._site.root, settings.trust, settings.config)
        except (RolledBack, Degraded) as error:
            self._tell_bad_end(error)
        except (AboardError, BundleError) as error:
            self._journal.stands(bundle.name, Event("refused", str(error), error.document or {}))
            return False
        else:
            self._journal.stands("degraded", None)
            self._journal.tell(Event(report.outcome, sentence(report).split(": ", 1)[1], report.document()))
        return True

    def _tell_bad_end(self, error: RolledBack | Degraded) -> None:
        if isinstance(error, Degraded):
            self._journal.stands("degraded", Event("degraded", str(error), error.document or {}))
        else:
            self._journal.stands("degraded", None)
            self._journal.tell(Event("rolled-back", str(error), error.document or {}))

    def _wait(self, seconds: float, before: set[str]) -> None:
        """Until the time is over, or something becomes possible that was not when the round began."""
        until = self._clock.now() + seconds
        while (left_s := until - self._clock.now()) > 0:
            now = self._possible()
            if now - before:
                return
            before = now
            self._clock.sleep(min(left_s, NAP_S))

    def _possible(self) -> set[str]:
        possible = {"fetch"} if self._may("fetch") else set()
        return possible if self._why_not_now() else possible | {"apply"}

    def _may(self, name: str) -> bool:
        try:
            self._gates.tick()
        except StorageFailed as error:
            self._journal.stands("shut.json", Event("refused", str(error)))
        return self._gates.is_open(name)

    def _why_not_now(self) -> str:
        """Why no release may be switched now; "" if one may."""
        if not self._may("maintenance"):
            return "it waits for the maintenance window"
        try:
            hold = read_hold(self._site)
        except StorageFailed as error:
            return str(error)
        return f"the running version is {hold}" if hold else ""


def _is_due(site: Site, state: SiteState) -> bool:
    """Whether a run died here. Raises StorageFailed."""
    with durable.storage_errors(site.staging):
        return state.pending is not None or (site.staging.is_dir() and any(site.staging.iterdir()))


def _named(bundle: Path, trust: Trust) -> str:
    try:
        with open_bundle(bundle, trust) as opened:
            return describe(opened.root)
    except BundleError:
        return bundle.name  # `update` says what is wrong with it
