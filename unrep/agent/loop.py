"""The unattended ship, round by round: spec/apply.md, section 8.

    recover     what a dead run left pending goes on to its end, restarts included, whatever windows and hold say
    fetch       while the fetch window is open
    apply       if the maintenance window is open and the master does not hold the running version
    clear       from the inbox what the site has settled
    wait        for the poll interval, or until a window opens or a hold is lifted

The maintenance window is looked at before an update begins, and not again: one that takes long may switch after it has
shut. The update itself looks at the hold once more.

The loop may be killed anywhere. What was fetched is in the inbox, what was begun is in the site's record, and the next
agent goes on from both.
"""

from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Final

from apply.audit import event_command
from apply.errors import AboardError, ConfigError, Degraded, RolledBack, StorageFailed
from apply.hold import read_hold
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.recover import recover
from apply.site import durable
from apply.site.layout import Site
from apply.site.lock import agent_lock
from apply.update import update
from bundle.errors import BundleError, InputError
from bundle.host import presence
from bundle.host.clock import WallClock
from bundle.read.reader import open_bundle
from bundle.trust.trust import Trust
from transfer.disk.output import describe
from unrep.agent import events
from unrep.agent.events import Held, HoldUnreadable, Obstacle, WindowShut
from unrep.agent.fetching import Fetching
from unrep.agent.inbox import Inbox
from unrep.agent.journal import Event, Journal, Kind
from unrep.agent.settings import Settings, read_settings
from unrep.agent.telling.bulletin import Bulletins
from unrep.agent.telling.delivery import ONCE_PATIENCE_S, Delivery
from unrep.agent.telling.observing import Observer
from unrep.agent.update_windows import UpdateWindows, Window

NAP_S: Final = 1.0  # how soon a window that opens and a hold that is lifted are noticed
FALLBACK_INTERVAL_S: Final = 60.0  # between rounds while the configuration cannot be read


class Step(Enum):
    """The steps of a round that may have to wait. These are not the windows themselves: APPLY needs more than one."""

    FETCH = auto()  # needs the fetch window
    APPLY = auto()  # needs the maintenance window, and that no hold is set


class Agent:
    """The agent of one site. `config_file`: instead of the site's own."""

    def __init__(self, site: Site, config_file: Path | None, journal: Journal, clock: WallClock) -> None:
        self._site = site
        self._config_file = config_file
        self._journal = journal
        self._clock = clock
        self._inbox = Inbox(site)
        self._windows = UpdateWindows(site, clock)
        self._bulletins = Bulletins(site, clock.wall)
        self._fetching = Fetching(
            site, self._inbox, journal, lambda: self._tick_and_check(Window.FETCH), self._bulletins
        )
        self._delivery = Delivery(site, journal)
        self._observer = Observer(site, journal, clock)

    def run(self, once: bool = False) -> bool:
        """Makes rounds until it is interrupted, anywhere: KeyboardInterrupt goes on to the caller. Or makes one round,
        and returns whether the site is stranded [A-131].

        Before the first round it raises what `read_settings` raises, Unguarded among that; SiteBusy if the site has an
        agent already; SiteInvalid or StorageFailed.
        """
        settings = self._read_settings()
        self._site.make_directories()
        with agent_lock(self._site):
            self._inbox.open()
            self._windows.follow(settings.agent)
            version = read_state(self._site).current_version
            self._journal.report(events.started(self._site, version, settings.sources))
            self._bulletins.begin()
            try:
                while True:
                    # Before the round, so that a window that opens or a hold that is lifted during it ends the wait
                    # at once.
                    allowed_before = self._allowed()
                    interval_s = self._round()
                    if once:
                        self._delivery.wait(ONCE_PATIENCE_S)
                        return read_state(self._site).out_of_reach is not None
                    self._wait(interval_s, allowed_before)
            finally:
                self._bulletins.end()
                self._keep_times(self._windows.save)

    def _round(self) -> float:
        """Recovers, fetches, applies, clears the inbox. Returns the seconds to wait for the next round.

        A refusal or a failing disk ends the round, never the agent.
        """
        interval_s = FALLBACK_INTERVAL_S
        try:
            settings = self._read_settings()
            self._journal.follow(self._site, settings.config)
            interval_s = settings.agent.poll_interval_s
            self._windows.follow(settings.agent)
            self._keep_times(self._windows.tick)  # by the windows just read
            self._report_overdue()
            self._recover(settings)
            if self._tick_and_check(Window.FETCH):
                self._fetching.fetch_newest(settings, read_state(self._site))
            self._apply(settings)
            self._inbox.clear(read_state(self._site))
            self._observer.look(settings)
            self._delivery.start(settings)
            self._report_commands()
        except (AboardError, BundleError) as error:
            self._journal.report_change("round", events.problem(error))
        else:
            self._journal.clear("round")
        return interval_s

    def _read_settings(self) -> Settings:
        """As `read_settings`. What is wrong with the configuration is on record, for shore to hear of [A-151]."""
        try:
            return read_settings(self._site, self._config_file)
        except (ConfigError, InputError) as error:
            self._observer.broken(error)
            raise

    def _recover(self, settings: Settings) -> None:
        """Finishes or undoes a run that died here, or only removes its leftovers.

        Raises SiteBusy if the run is alive after all, such as an `unrep apply` by hand: then the round ends.
        """
        if not _needs_recovery(self._site, read_state(self._site)):
            return
        try:
            self._report_run(events.recovered(recover(self._site.root, settings.config)))
        except (RolledBack, Degraded) as error:
            self._report_run(events.run_failed(error))

    def _apply(self, settings: Settings) -> None:
        """Applies the newest complete bundle that is not refused, if an update may begin now.

        The maintenance window may shut while it is at work: it goes on to its verdict.
        """
        ready = self._inbox.complete(read_state(self._site))
        obstacle = self._obstacle() if ready else None
        waiting = events.waiting(_name(ready[0], settings.trust), obstacle) if obstacle else None
        self._journal.report_change("waiting", waiting)
        if not ready or obstacle:
            return
        for bundle in ready:
            outcome = self._try(bundle, settings)
            if outcome.kind is not Kind.REFUSED:
                self._report_run(outcome)
                break
            self._journal.report_change(bundle.name, outcome)
        # A window that opened against the clock is used up by this, even if every bundle was refused.
        self._windows.shut_if_overdue(Window.MAINTENANCE)

    def _try(self, bundle: Path, settings: Settings) -> Event:
        """Applies a bundle, and returns how that ended."""
        try:
            return events.applied(update(bundle, self._site.root, settings.trust, settings.config))
        except (AboardError, BundleError) as error:
            return events.run_failed(error)

    def _wait(self, seconds: float, allowed_before: set[Step]) -> None:
        """Until the time is over, or a step is allowed that was not a moment ago.

        allowed_before: the steps that were allowed as the round began.
        """
        until = self._clock.now() + seconds
        self._bulletins.say(next_round_at=self._clock.wall() + seconds, download=None)
        while (left_s := until - self._clock.now()) > 0:
            allowed = self._allowed()
            if allowed - allowed_before:
                break
            allowed_before = allowed
            self._observer.watch()
            self._clock.sleep(min(left_s, NAP_S))
        self._bulletins.say(next_round_at=0.0)

    def _allowed(self) -> set[Step]:
        """The steps that windows and hold allow now."""
        allowed = {Step.FETCH} if self._tick_and_check(Window.FETCH) else set()
        return allowed if self._obstacle() else allowed | {Step.APPLY}

    def _obstacle(self) -> Obstacle | None:
        """Why no update may begin now; None if one may."""
        if not self._tick_and_check(Window.MAINTENANCE):
            return WindowShut()
        try:
            hold = read_hold(self._site)
        except StorageFailed as error:
            return HoldUnreadable(error)
        return Held(hold) if hold else None

    def _tick_and_check(self, window: Window) -> bool:
        """Counts the time up to now, then says whether the window is open."""
        self._keep_times(self._windows.tick)
        return self._windows.is_open(window)

    def _keep_times(self, keep: Callable[[], None]) -> None:
        """Times of the windows that cannot be saved are reported, and stop nothing: they only begin again."""
        try:
            keep()
        except StorageFailed as error:
            self._journal.report_change("shut.json", events.problem(error))

    def _report_overdue(self) -> None:
        for window in Window:
            event = events.overdue(window) if self._windows.is_overdue(window) else None
            self._journal.report_change(f"{window} overdue", event)

    def _report_commands(self) -> None:
        """What went wrong with the commands that were told of events."""
        for failure in event_command.failures():
            self._journal.report_change("on_event", Event(Kind.REFUSED, failure))

    def _report_run(self, event: Event) -> None:
        """That a person is needed is reported once, until a run ends otherwise."""
        is_degraded = event.kind is Kind.DEGRADED
        self._journal.report_change("degraded", event if is_degraded else None)
        if not is_degraded:
            self._journal.report(event)


def _needs_recovery(site: Site, state: SiteState) -> bool:
    """Whether a switch is pending or staging is not empty: a run died here, or is at work now. Raises StorageFailed."""
    with durable.storage_errors(site.staging):
        return state.pending is not None or (presence.is_directory(site.staging) and any(site.staging.iterdir()))


def _name(bundle: Path, trust: Trust) -> str:
    """The release in a bundle, in words; the file's name if the bundle is refused, for then `update` says why.

    Raises AboardError if what its header teaches about trust cannot be saved.
    """
    try:
        with open_bundle(bundle, trust) as opened:
            return describe(opened.root)
    except BundleError:
        return bundle.name
