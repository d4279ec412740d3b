"""[L-30] to [L-37] A rollout on a real repository: channels move on evidence, and stop by themselves."""

import threading
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import RolloutRefused
from fleet.record.database import Database
from fleet.rollout.advancing import Progress, advance, begin, current, pause, resume
from fleet.rollout.decision import DAY_S, Conditions
from tests.support.fleet.office import Office

ASKED = Conditions(after=2, within_s=7 * DAY_S, steady_s=0, stop_on=1)


@pytest.fixture
def office(tmp_path: Path, where: str | Path) -> Office:
    """Channel stable names 1.0.0, and 1.0.1 is there; three canaries, and two ships more."""
    made = Office.begun(tmp_path, where, versions=1)
    made.ashore.promote("1.0.0", "canary")
    made.ashore.release(1, channel="canary")
    made.ashore.promote("1.0.0", "canary", go_back=True)
    for name, ring in {"a": "canary", "b": "canary", "c": "canary", "d": "stable", "e": "stable"}.items():
        made.ship(name, ring)
        made.says(name, "applied", "1.0.0", days_ago=20)
    return made


def started(office: Office, **asked: Any) -> None:
    release = office.shore.release("1.0.1")
    assert release
    begin(office.database, release, ["canary", "stable"], Conditions(**(vars(ASKED) | asked)), "office", office.now)


def goes_on(office: Office, days: float = 0.0) -> Progress:
    def move(version: str, ring: str) -> None:
        office.ashore.promote(version, ring)

    office.now += days * DAY_S
    found = advance(office.database, move, office.now)
    assert found
    return found


def named(office: Office) -> dict[str, str]:
    return {name: release.version for name, release in office.shore.channels.items()}


def test_ring_by_ring(office: Office) -> None:
    started(office)
    assert goes_on(office).moved == ("canary",) and named(office) == {"canary": "1.0.1", "stable": "1.0.0"}
    office.says("a", "applied", "1.0.1")
    assert goes_on(office).decision.action == "wait" and named(office)["stable"] == "1.0.0"
    office.says("b", "applied", "1.0.1")
    assert goes_on(office, days=1).moved == ("stable",) and named(office)["stable"] == "1.0.1"
    channel = office.ashore.channel("stable")
    assert channel and channel.release.version == "1.0.1", "its file, too"
    for name in "de":
        office.says(name, "applied", "1.0.1")
    assert goes_on(office).rollout.state == "done"
    assert goes_on(office).moved == ()


def test_a_failure_stops_it_and_a_person_lets_it_go_on(office: Office) -> None:
    started(office)
    goes_on(office)
    office.says("a", "rolled-back", "1.0.1", runs="1.0.0")
    for name in "bc":
        office.says(name, "applied", "1.0.1")
    stopped = goes_on(office)
    assert stopped.rollout.state == "paused" and "1 ship failed on it: a" in stopped.rollout.why
    assert goes_on(office, days=1).moved == () and named(office)["stable"] == "1.0.0"
    resume(office.database, "office", office.now)
    assert goes_on(office).moved == ("stable",)


def test_a_failure_that_comes_after_it_was_resumed_counts_whatever_its_time(office: Office) -> None:
    """It came by mail; the person who resumed did not know of it."""
    started(office)
    goes_on(office)
    pause(office.database, "by hand", "office", office.now)
    resume(office.database, "office", office.now + DAY_S)
    office.now += 2 * DAY_S
    office.says("a", "rolled-back", "1.0.1", runs="1.0.0", days_ago=2)
    assert goes_on(office).rollout.state == "paused"


@pytest.mark.parametrize(
    ("outcome", "code", "stops"),
    [
        ("rolled-back", 2, True),
        ("degraded", 1, True),
        ("unhealthy", 2, True),
        ("refused", 16, True),  # malformed
        ("refused", 7, False),  # the ship's disk is full
        ("refused", 10, False),  # held
        ("config-broken", 12, False),
        ("drifted", 14, False),
    ],
)
def test_the_ships_own_fault_is_not_the_releases(office: Office, outcome: str, code: int, stops: bool) -> None:
    """[L-33]"""
    started(office)
    goes_on(office)
    office.says("a", outcome, "1.0.1", runs="1.0.0", code=code)
    assert (goes_on(office).rollout.state == "paused") == stops


def test_late_receipts_of_another_release_change_nothing(office: Office) -> None:
    """[L-35]"""
    started(office)
    goes_on(office)
    late = office.ships["a"].says("rolled-back", office.now, to="1.0.0", tree=office.tree("1.0.0")[:8])
    for name in "abc":
        office.says(name, "applied", "1.0.1")
    office.take([late])
    assert goes_on(office).moved == ("stable",)


def test_too_little_is_heard_in_time(office: Office) -> None:
    started(office)
    goes_on(office)
    office.says("a", "applied", "1.0.1")
    assert goes_on(office, days=6).decision.action == "wait"
    assert "after 7 days only 1 of 2" in goes_on(office, days=2).rollout.why


def test_health_may_have_to_last(office: Office) -> None:
    started(office, steady_s=2 * DAY_S)
    goes_on(office)
    for name in "ab":
        office.says(name, "applied", "1.0.1")
    assert "2 more not for long enough" in goes_on(office, days=1).decision.sentence
    for name in "ab":
        office.says(name, "alive")
    assert goes_on(office, days=1.5).moved == (), "silence is no evidence of health"
    for name in "ab":
        office.says(name, "alive")
    assert goes_on(office).moved == ("stable",)


def test_a_kill_between_the_channel_and_the_record(office: Office) -> None:
    """[L-34]"""
    started(office)

    def killed(version: str, ring: str) -> None:
        office.ashore.promote(version, ring)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance(office.database, killed, office.now)
    before = office.ashore.channel("canary")
    assert goes_on(office).moved == ("canary",) and office.ashore.channel("canary") == before


def test_a_newer_release_takes_its_place(office: Office) -> None:
    started(office)
    goes_on(office)
    office.ashore.release(2, channel="canary")
    newer = office.shore.release("1.0.2")
    assert newer
    begin(office.database, newer, ["canary", "stable"], ASKED, "office", office.now)
    assert goes_on(office).rollout.version == "1.0.2"
    with pytest.raises(RolloutRefused, match="other rings or conditions"):
        begin(office.database, newer, ["stable"], ASKED, "office", office.now)
    begin(office.database, newer, ["canary", "stable"], ASKED, "office", office.now)


def test_a_channel_that_names_a_newer_release_stops_it(office: Office) -> None:
    started(office)
    office.ashore.release(2, channel="canary")
    assert "is older" in goes_on(office).rollout.why and named(office)["canary"] == "1.0.2"


def test_nothing_to_pause(office: Office) -> None:
    assert current(office.database) is None
    with pytest.raises(RolloutRefused, match="no rollout under way"):
        pause(office.database, "", "office")


def test_two_offices_begin_and_advance_at_once(office: Office, where: str | Path) -> None:
    """[L-37]"""

    def desk() -> None:
        other = Office(office.ashore, Database(where), office.ships, office.now)
        started(other)
        with_lock_retries(other)
        other.database.close()

    threads = [threading.Thread(target=desk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = current(office.database, office.now)
    assert found and found.rollout.id == 1 and named(office) == {"canary": "1.0.1", "stable": "1.0.0"}


def with_lock_retries(office: Office) -> None:
    from repository.errors import RepositoryBusy

    for _ in range(50):
        try:
            goes_on(office)
        except RepositoryBusy:
            threading.Event().wait(0.1)
        else:
            return
