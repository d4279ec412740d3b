"""How a site stands, in the words that a mate reads: the situations, and which of two comes first. [A-194]"""

import json
import sys
from pathlib import Path

import pytest

from apply.errors import AboardError, Degraded
from apply.hold import lift_hold, set_hold
from apply.site.lock import site_lock
from tests.support.observers.command import run
from tests.support.sites.mate_page import SITUATIONS, in_situation, mates_ship
from tests.support.sites.site import Ship, interrupted, shore
from unrep.agent.telling.standing import look_at
from unrep.mate.acknowledged import acknowledge
from unrep.page.situation import Kind, Situation, situation


def now(ship: Ship, job: str = "") -> Situation:
    return situation(ship.site, look_at(ship.site, 0.0, ask=not job), job)


@pytest.mark.parametrize("kind", SITUATIONS)
def test_each_situation(kind: str, tmp_path: Path) -> None:
    with in_situation(kind, tmp_path) as server:
        assert server.now().kind == kind
        assert len(server.now().sentence) < 140, "a tired person reads it once"


def test_what_is_left_of_a_dead_run_is_no_work(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    (ship.site.staging / "left").mkdir()
    assert now(ship).kind is Kind.WELL
    with site_lock(ship.site, "apply"):
        assert now(ship).kind is Kind.BUSY


def test_a_trial_that_was_cut_short(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    ship.order("wait-health")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.relieve("wait-health")
    found = now(ship)
    assert found.kind is Kind.BUSY and found.sentence == "Version 1.0.1 is being installed. You need not do anything."


def test_neither_version_works(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    ship.order("fail-restart")
    with pytest.raises(Degraded):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    found = now(ship)
    assert found.kind is Kind.TROUBLE and "could not go back" in found.sentence and "restart" in found.for_shore


def test_help_comes_before_a_hold_and_a_hold_is_noted(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0", "1.0.1")
    set_hold(ship.site, "in the canal")
    ship.order("fail-health")
    found = now(ship)
    assert found.kind is Kind.TROUBLE and found.back_to == "1.0.0" and found.is_held
    assert any("in the canal" in note for note in found.notes) and "you can go back" in found.sentence
    assert now(ship, "the stick is read").kind is Kind.BUSY


def test_a_release_that_failed_counts_until_a_newer_one_runs(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    with pytest.raises(AboardError):
        ship.apply(shore().bundle("dead", 2, "1.0.0"))
    assert now(ship).kind is Kind.BACK and "Version dead failed" in now(ship).sentence
    ship.apply(shore().bundle("1.0.2", 3, "1.0.0"))
    assert now(ship).kind is Kind.WELL


def test_what_shore_was_told_is_no_news(tmp_path: Path) -> None:
    """[A-217]: it stays a note, until there is other news."""
    ship = mates_ship(tmp_path, "1.0.0")
    with pytest.raises(AboardError):
        ship.apply(shore().bundle("dead", 2, "1.0.0"))
    acknowledge(ship.site, now(ship).told)
    assert now(ship).kind is Kind.WELL and now(ship).told == ()
    assert any("Version dead did not work here" in note for note in now(ship).notes)
    set_hold(ship.site, "in the canal")
    assert now(ship).kind is Kind.HOLD
    lift_hold(ship.site)
    with pytest.raises(AboardError):
        ship.apply(shore().bundle("sick", 3, "1.0.0", version="1.0.3"))
    assert now(ship).kind is Kind.BACK and "1.0.3" in now(ship).sentence
    ship.site.acknowledged_file.write_text("[[[")
    assert now(ship).kind is Kind.BACK and len(now(ship).told) == 1


def test_a_slow_application_is_no_dead_one(tmp_path: Path) -> None:
    """[A-218]: the page waits as long as `status` does."""
    ship = mates_ship(tmp_path, "1.0.0")
    slow = '[[health]]\ntype = "command"\nargv = [{python}, "-c", "import time; time.sleep(3.5)"]\ntimeout_s = 30\n'
    written = (ship.root / "unrep.toml").read_text()
    ship.write_config(written + slow.format(python=json.dumps(sys.executable)))
    assert now(ship).kind is Kind.WELL and run("status --site", ship.root)[0] == 0


def test_a_wanted_check_alarms_nobody(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    wanted = '[[health]]\nrequirement = "wanted"\n'
    ship.write_config((ship.root / "unrep.toml").read_text().replace("[[health]]\n", wanted))
    ship.order("fail-health")
    assert now(ship).kind is Kind.WELL


def test_a_fetch_that_is_under_way_is_noted(tmp_path: Path) -> None:
    ship = mates_ship(tmp_path, "1.0.0")
    ship.site.inbox.mkdir()
    (ship.site.inbox / "0-2-0123456789abcdef.unrep.part").touch()
    assert "A new version is being received." in now(ship).notes
