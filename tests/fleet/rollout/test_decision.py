"""[L-32] to [L-36] What a rollout does next, and why."""

from typing import Any

import pytest

from fleet.rollout.decision import DAY_S, Conditions, Decision, Ring, State, decide

ASKED = Conditions(after=3, within_s=7 * DAY_S, steady_s=0, stop_on=1)


def decided(*rings: Ring, state: State = "running", now: float = DAY_S, **asked: Any) -> Decision:
    conditions = Conditions(**(vars(ASKED) | asked))
    return decide("1.0.3", state, "by hand", conditions, rings, now)


def canary(**more: Any) -> Ring:
    known: dict[str, Any] = {"name": "canary", "moved": 0.0, "ships": 5}
    return Ring(**(known | more))


ALL = Ring("all", None, 40)


@pytest.mark.parametrize(
    ("rings", "action", "sentence"),
    [
        ((canary(moved=None), ALL), "move", "begins with ring canary, 5 ships"),
        (
            (canary(healthy=2), ALL),
            "wait",
            "2 of 3 ships of ring canary are healthy on it; stops in 6.0 days otherwise",
        ),
        ((canary(healthy=2, fresh=2), ALL), "wait", "2 more not for long enough"),
        ((canary(healthy=3), ALL), "move", "goes on to ring all, 40 ships, for 3 of 5 ships of ring canary are"),
        ((canary(healthy=1, ships=1), ALL), "move", "for 1 of 1 ship of ring canary are"),
        ((canary(healthy=4, failed=("Mercy",)), ALL), "pause", "1 ship failed on it: Mercy"),
        ((canary(ships=0), ALL), "pause", "ring canary has no ship to try it"),
        ((canary(healthy=3), Ring("all", 0.0, 40, 3)), "finish", "is out in all rings: canary, all"),
        ((canary(healthy=3), Ring("all", 0.0, 40, 2)), "wait", "2 of 3 ships of ring all"),
        ((canary(healthy=3), Ring("all", 0.0, 0)), "finish", "is out in all rings"),
    ],
)
def test_what_follows(rings: tuple[Ring, ...], action: str, sentence: str) -> None:
    found = decided(*rings)
    assert found.action == action and sentence in found.sentence and found.sentence.startswith("1.0.3: ")


def test_time_runs_out_for_every_ring_but_the_last() -> None:
    late = 8 * DAY_S
    assert decided(canary(healthy=2), ALL, now=late).sentence == (
        "1.0.3: stops, for after 7 days only 2 of 3 ships of ring canary are healthy on it"
    )
    assert decided(canary(healthy=3), Ring("all", 0.0, 40, 2), now=late).action == "wait"


def test_failures_are_counted_over_all_rings_and_may_be_allowed() -> None:
    rings = canary(healthy=3, failed=("a",)), Ring("all", 0.0, 40, 3, failed=("b", "c", "d", "e"))
    assert decided(*rings, stop_on=6).action == "finish"
    assert "5 ships failed on it: a, b, c and 2 more" in decided(*rings, stop_on=5).sentence
    assert decided(*rings, stop_on=0).action == "finish"


@pytest.mark.parametrize("state", ["paused", "done", "superseded"])
def test_what_stands_still_does_nothing(state: State) -> None:
    assert decided(canary(moved=None), ALL, state=state).action == "nothing"
