"""The sentences of the agent, and the kinds of its events."""

import pytest

from apply.audit.run import Report
from apply.errors import AboardError, Degraded, PreflightRefused, RolledBack, StorageFailed
from apply.hold import Hold
from apply.site.maintenance_windows import MAX_SHUT_S, OVERDUE_OPEN_S
from unrep.agent import events
from unrep.agent.events import Held, HoldUnreadable, Obstacle, WindowShut
from unrep.agent.journal import EVENTS, Kind
from unrep.agent.update_windows import Window


def test_every_kind_has_its_keys() -> None:
    assert EVENTS.keys() == {kind.value for kind in Kind}


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (WindowShut(), "it waits for the maintenance window"),
        (Held(Hold("2026-01-01", "master", "fog")), "the running version is held since 2026-01-01 by master: fog"),
        (HoldUnreadable(StorageFailed("hold: cannot be read")), "hold: cannot be read"),
    ],
)
def test_why_a_release_waits(obstacle: Obstacle, reason: str) -> None:
    event = events.waiting("vms 1.0.1", obstacle)
    assert (event.kind, event.message) == (Kind.WAITING, f"vms 1.0.1 is ready; {reason}")


def test_an_overdue_window_is_told_with_its_figures() -> None:
    """[A-63]"""
    event = events.overdue(Window.FETCH)
    assert event.kind is Kind.OVERDUE and event.message.startswith("the fetch window was shut for 48 hours")
    assert MAX_SHUT_S == 48 * 3600 and OVERDUE_OPEN_S == 60 * 60 and event.message.endswith("opens for 60 minutes")


def test_how_a_run_ended() -> None:
    report = Report("applied", "1.0.0", "1.0.1", "all is well", {}, 1.0)
    assert events.applied(report).kind is Kind.APPLIED
    assert events.applied(report).message == "1.0.0 -> 1.0.1, all is well (1.00 s)"
    assert events.recovered(report).kind is Kind.RECOVERED
    assert events.recovered(report).message == "applied: 1.0.0 -> 1.0.1, all is well (1.00 s)"
    assert events.applied(report).details == report.document()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RolledBack("x"), Kind.ROLLED_BACK), (Degraded("x"), Kind.DEGRADED), (PreflightRefused("x"), Kind.REFUSED)],
)
def test_how_a_run_failed(error: AboardError, kind: Kind) -> None:
    error.document = {"outcome": "so"}
    event = events.run_failed(error)
    assert (event.kind, event.message, event.details) == (kind, "x", {"outcome": "so"})


def test_start_and_stop() -> None:
    assert events.stopped().kind is Kind.STOPPED and events.problem(ValueError("x")).message == "x"
