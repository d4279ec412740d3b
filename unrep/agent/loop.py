"""The unattended ship, round by round: spec/apply.md, section 8.

    recover     what a dead run left pending goes on to its end, restarts included, whatever windows and hold say
    fetch       while the fetch window is open
    apply       if the maintenance window is open and the master does not hold the running version
    clear       from the inbox what the site has settled
    wait        for the poll interval, or until a window opens or a hold is lifted

The update itself looks at the hold and at the maintenance window once more, just before its intent. What it built stays
then, and is switched when the window opens [A-62].

The loop may be killed anywhere. What was fetched is in the inbox, what was begun is in the site's record, and the next
agent goes on from both.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Final, NoReturn

from apply.audit import event_command
from apply.errors import AboardError, ConfigError, Degraded, Postponed, RolledBack, SiteBusy, StorageFailed
from apply.errors import Held as MasterHolds
from apply.hold import read_hold
from apply.record.database import check_predecessor, read_state
from apply.record.state import SiteState
from apply.recover import recover
from apply.site import durable
from apply.site.layout import Site
from apply.site.lock import agent_lock
from apply.update import update
from bundle.errors import BundleError, InputError, Unsupported
from bundle.host import presence
from bundle.host.clock import WallClock
from bundle.read.reader import open_for_display
from transfer.disk.output import describe
from unrep.agent import events
from unrep.agent.events import Held, HoldUnreadable, Obstacle, WindowShut
from unrep.agent.fetching import Fetching
from unrep.agent.inbox import Inbox
from unrep.agent.journal import About, Event, Journal, Kind
from unrep.agent.patience import Patience
from unrep.agent.probe import import_all
from unrep.agent.settings import Settings, read_settings
from unrep.agent.telling.bulletin import Bulletins
from unrep.agent.telling.delivery import ONCE_PATIENCE_S, Delivery
from unrep.agent.telling.observing import Observer
from unrep.agent.update_windows import UpdateWindows, Window
from unrep.renewing.asking import renew_now
from unrep.renewing.home import home_site, program_directory
from unrep.renewing.installing import is_good

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
        self._fetching = Fetching(site, self._inbox, journal, self._may_fetch_on, self._bulletins)
        self._patience = Patience()
        self._delivery = Delivery(site, journal)
        self._observer = Observer(site, journal, clock)
        self._asked: set[str] = set()  # why a newer unrep was asked for

    def run(self) -> NoReturn:
        """Makes rounds until it is interrupted, anywhere: KeyboardInterrupt goes on to the caller.

        Before the first round it raises what `read_settings` raises, Unguarded among that; SiteBusy if the site has an
        agent already; SiteInvalid or StorageFailed.
        """
        with self._at_work():
            while True:
                # Before the round, so that a window that opens or a hold that is lifted during it ends the wait at
                # once.
                allowed_before = self._allowed()
                self._wait(self._round(), allowed_before)

    def run_once(self) -> SiteState:
        """Makes one round, and returns how the site stands then. Raises as `run`."""
        with self._at_work():
            self._round()
            self._delivery.wait(ONCE_PATIENCE_S)
            return read_state(self._site)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """As the one agent of the site, from its first word to its last."""
        settings = self._read_settings()
        if (home := home_site()) and not is_good(home, program_directory().parent.name):
            import_all()  # what is not whole ends here, and is not alive to its judge
            check_predecessor(self._site)  # which may have to go on with what we leave
        self._site.make_directories()
        with agent_lock(self._site):
            self._inbox.open()
            self._windows.follow(settings.agent)
            version = read_state(self._site).current_version
            self._journal.report(events.started(self._site, version, settings.sources))
            self._bulletins.begin()
            try:
                yield
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
            if self._windows.is_open(Window.FETCH):
                self._fetching.fetch_newest(settings, read_state(self._site))
                self._renew_for(self._fetching.unsupported)
            self._apply(settings)
            self._inbox.clear(read_state(self._site))
            self._observer.look(settings)
            self._delivery.start(settings)
            self._report_commands()
        except (AboardError, BundleError) as error:
            self._journal.report_change((About.AGENT, "round"), events.problem(error))
        else:
            self._journal.clear((About.AGENT, "round"))
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

        Where the ship is at fault, no older one is tried: it would find the same ship.
        """
        self._tick()
        ready = self._inbox.complete(read_state(self._site))
        obstacle = self._obstacle() if ready else None
        waiting = events.waiting(_name(ready[0]), obstacle) if obstacle else None
        self._journal.report_change((About.AGENT, "waiting"), waiting)
        if not ready or obstacle:
            return
        for bundle in ready:
            if not self._patience.may_try(bundle, settings.config, self._clock.now()):
                break
            if self._try(bundle, settings):
                break
        # A window that opened against the clock is used up by this, even if every bundle was refused.
        self._windows.shut_if_overdue(Window.MAINTENANCE)

    def _try(self, bundle: Path, settings: Settings) -> bool:
        """Applies a bundle, and says whether that is all for this round: False for one that is at fault itself."""
        subject = (About.BUNDLE, bundle.name)
        try:
            self._report_run(
                events.applied(
                    update(bundle, self._site.root, settings.trust, settings.config, obstacle=self._reason_to_wait)
                )
            )
        except Postponed as error:
            self._journal.report_change((About.AGENT, "waiting"), Event(Kind.WAITING, str(error)))
            return True
        except (RolledBack, Degraded) as error:
            self._report_run(events.run_failed(error))
        except BundleError as error:
            self._journal.report_change(subject, events.run_failed(error))
            if isinstance(error, Unsupported):
                self._renew_for(str(error))
            return False
        except AboardError as error:
            self._journal.report_change(subject, events.run_failed(error))
            if not isinstance(error, (SiteBusy, MasterHolds)):  # which end by themselves
                self._patience.failed(bundle, settings.config, self._clock.now())
            return True
        self._patience.forget()
        return True

    def _renew_for(self, why: str) -> None:
        """Asks for a newer unrep, once for each reason, because a release needs it. If one comes, this one ends here,
        and the new one begins with a round [A-236]."""
        if why and why not in self._asked:
            self._asked.add(why)
            if renew_now(self._site):
                self._journal.report(Event(Kind.WAITING, f"{why}; a newer unrep was looked for, and none has come"))

    def _wait(self, seconds: float, allowed_before: set[Step]) -> None:
        """Until the time is over, or a step is allowed that was not a moment ago.

        allowed_before: the steps that were allowed as the round began.
        """
        until = self._clock.now() + seconds
        self._bulletins.say(next_round_at=self._clock.wall() + seconds, download=None)
        while (left_s := until - self._clock.now()) > 0:
            self._tick()
            allowed = self._allowed()
            if allowed - allowed_before:
                break
            allowed_before = allowed
            self._observer.watch()
            self._clock.sleep(min(left_s, NAP_S))
        self._bulletins.say(next_round_at=0.0)

    def _allowed(self) -> set[Step]:
        """The steps that windows and hold allow now."""
        allowed = {Step.FETCH} if self._windows.is_open(Window.FETCH) else set()
        return allowed if self._obstacle() else allowed | {Step.APPLY}

    def _obstacle(self) -> Obstacle | None:
        """Why no update may begin now; None if one may."""
        if not self._windows.is_open(Window.MAINTENANCE):
            return WindowShut()
        try:
            hold = read_hold(self._site)
        except StorageFailed as error:
            return HoldUnreadable(error)
        return Held(hold) if hold else None

    def _tick(self) -> None:
        """Counts the time up to now for the windows. Called before each look at them that may be late."""
        self._keep_times(self._windows.tick)

    def _may_fetch_on(self) -> bool:
        """Whether a fetch that is under way may go on: it lasts, so time is counted."""
        self._tick()
        return self._windows.is_open(Window.FETCH)

    def _reason_to_wait(self) -> str:
        """Why a release that was built meanwhile may not be switched now; "" if it may [A-62]."""
        self._tick()
        return "" if self._windows.is_open(Window.MAINTENANCE) else "the maintenance window has shut meanwhile"

    def _keep_times(self, keep: Callable[[], None]) -> None:
        """Times of the windows that cannot be saved are reported, and stop nothing: they only begin again."""
        try:
            keep()
        except StorageFailed as error:
            self._journal.report_change((About.AGENT, "shut.json"), events.problem(error))

    def _report_overdue(self) -> None:
        for window in Window:
            event = events.overdue(window) if self._windows.is_overdue(window) else None
            self._journal.report_change((About.AGENT, f"{window} overdue"), event)

    def _report_commands(self) -> None:
        """What went wrong with the commands that were told of events."""
        for failure in event_command.failures():
            self._journal.report_change((About.AGENT, "on_event"), Event(Kind.REFUSED, failure))

    def _report_run(self, event: Event) -> None:
        """That a person is needed is reported once, until a run ends otherwise."""
        is_degraded = event.kind is Kind.DEGRADED
        self._journal.report_change((About.AGENT, "degraded"), event if is_degraded else None)
        if not is_degraded:
            self._journal.report(event)


def _needs_recovery(site: Site, state: SiteState) -> bool:
    """Whether a switch is pending or staging is not empty: a run died here, or is at work now. Raises StorageFailed."""
    with durable.storage_errors(site.staging):
        return state.pending is not None or (presence.is_directory(site.staging) and any(site.staging.iterdir()))


def _name(bundle: Path) -> str:
    """The release in a bundle, in words, by what it says itself; the file's name if it cannot be read, for then
    `update` says why."""
    try:
        with open_for_display(bundle) as opened:
            return describe(opened.root)
    except BundleError:
        return bundle.name
