"""The sentences of the agent: what it did and found, as events."""

from dataclasses import dataclass

from apply.audit.run import Report
from apply.errors import AboardError, Degraded, RolledBack, StorageFailed
from apply.hold import Hold
from apply.site.layout import Site
from apply.site.maintenance_windows import MAX_SHUT_S, OVERDUE_OPEN_S
from bundle.errors import BundleError
from unrep.agent.journal import Event, Kind
from unrep.agent.update_windows import Window
from unrep.terminal.run_report import describe_run


@dataclass(frozen=True)
class WindowShut:
    """Nothing is switched before the maintenance window opens."""


@dataclass(frozen=True)
class Held:
    """The master holds the running version."""

    hold: Hold


@dataclass(frozen=True)
class HoldUnreadable:
    """Whether the master holds the running version cannot be seen."""

    error: StorageFailed


Obstacle = WindowShut | Held | HoldUnreadable  # why a release that is ready may not be switched now


def started(site: Site, version: str, sources: tuple[str, ...]) -> Event:
    """The agent of a site that runs `version`, "" for none."""
    return Event(Kind.STARTED, f"{site.root} runs {version or 'nothing'}; asks {', '.join(sources)}")


def stopped() -> Event:
    """By a request, at any point of a round."""
    return Event(Kind.STOPPED, "told to stop; what was under way goes on at the next start")


def overdue(window: Window) -> Event:
    """A window opens against the clock."""
    return Event(
        Kind.OVERDUE,
        f"the {window} window was shut for {MAX_SHUT_S / 3600:.0f} hours of running: the clock may be wrong, so it "
        f"opens for {OVERDUE_OPEN_S / 60:.0f} minutes",
    )


def waiting(release: str, obstacle: Obstacle) -> Event:
    """A release is ready, and may not be switched now."""
    match obstacle:
        case WindowShut():
            reason = "it waits for the maintenance window"
        case Held(hold):
            reason = f"the running version is {hold}"
        case HoldUnreadable(error):
            reason = str(error)
    return Event(Kind.WAITING, f"{release} is ready; {reason}")


def applied(report: Report) -> Event:
    """An update ended well."""
    return Event(Kind(report.outcome), describe_run(report), report.document())


def recovered(report: Report) -> Event:
    """Recovery ended well: what was pending is in service, or there were leftovers alone, and it had nothing to do."""
    return Event(Kind.RECOVERED, f"{report.outcome}: {describe_run(report)}", report.document())


def run_failed(error: AboardError | BundleError) -> Event:
    """A run ended badly: with the old version in service, with a person needed, or refused.

    Refused is also one that failed before it switched.
    """
    kind = Kind.REFUSED
    if isinstance(error, RolledBack):
        kind = Kind.ROLLED_BACK
    elif isinstance(error, Degraded):
        kind = Kind.DEGRADED
    return Event(kind, str(error), error.document or {})


def problem(error: Exception) -> Event:
    """Something kept the agent from its work, such as its configuration, a full disk, or a recovery that was refused.

    The event has no document, even if a run was made.
    """
    return Event(Kind.REFUSED, str(error))
