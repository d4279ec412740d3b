"""`unrep status` tells how a site stands: serving is asked; agent, sources and windows are named [A-157]."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from apply.errors import Degraded
from tests.support.observers.command import run
from tests.support.sites.agent_days import Days, sail
from tests.support.sites.site import Ship, shore
from unrep.agent.telling.bulletin import Bulletins


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path / "ship", "1.0.0", "1.0.1")


def status(ship: Ship, *options: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what a person reads, and what a program reads."""
    code, text, _ = run("status --site", ship.root, *options)
    again, out, _ = run("status --json --site", ship.root, *options)
    assert code == again
    return code, text, json.loads(out)


def test_serving_is_asked(ship: Ship) -> None:
    """An application that died is not ok."""
    code, text, told = status(ship)
    assert code == 0 and text.startswith("vms 1.0.1: ok\n") and told["serving"] == {"healthy": True, "why": ""}
    ship.order("fail-health")
    code, text, told = status(ship)
    assert code == 7 and text.startswith("vms 1.0.1: DOES NOT SERVE, a person is needed: ")
    assert told["serving"]["healthy"] is False and told["serving"]["why"] in text
    code, text, told = status(ship, "--no-health")
    assert code == 0 and told["serving"] == {"healthy": None, "why": ""}


def test_a_site_without_a_check_says_so(ship: Ship) -> None:
    ship.write_config("")
    code, text, told = status(ship)
    assert code == 0 and "no health check is configured" in text and told["serving"]["healthy"] is None


def test_a_configuration_that_is_broken_asks_nothing(ship: Ship) -> None:
    ship.write_config("nonsense = 1\n")
    code, text, _ = status(ship)
    assert code == 0 and "its health cannot be asked: " in text and "nonsense" in text


def test_degraded_needs_a_person_and_says_when_the_agent_tries_again(ship: Ship) -> None:
    ship.order("fail-restart")
    with pytest.raises(Degraded):
        ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert status(ship)[0] == 7
    Bulletins(ship.site, time.time).say(next_round_at=1_800_000_000.0)
    code, text, told = status(ship)
    assert code == 7 and "; the agent tries again at 2027-01-15 08:00 UTC" in text and told["state"] == "degraded"


def test_what_the_agent_says(ship: Ship) -> None:
    assert status(ship)[2]["agent"] is None
    bulletins = Bulletins(ship.site, time.time)
    bulletins.say(sources={"https://shore": "nothing arrives", "/stick": ""}, next_round_at=1_800_000_000.0)
    bulletins.download(0, 2_000)
    _, text, told = status(ship)
    assert "  the agent runs, and looks again at 2027-01-15 08:00 UTC\n" in text
    assert "  source https://shore: nothing arrives\n" in text and "/stick" not in text
    assert "  fetching: 0 of 2,000 bytes\n" in text and told["agent"]["alive"] is True
    bulletins.end()
    assert "the agent was stopped; last heard of at 20" in status(ship)[1]
    Bulletins(ship.site, lambda: 1_000_000_000.0).say()
    _, text, told = status(ship)
    assert "the agent does not run, or hangs; last heard of at 2001-09-09" in text and not told["agent"]["alive"]


def test_a_real_agent_is_heard_of(ship: Ship) -> None:
    """[A-156]: with the error of a source that is not there, and a window that is shut."""
    hour = time.gmtime(time.time() + 7200).tm_hour
    window = json.dumps(f"{hour:02}:30-{hour:02}:40")
    sources, trust = json.dumps([str(ship.root.parent / "gone")]), json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = {sources}\ntrust = {trust}\nmaintenance_windows = [{window}]\n")
    clock = Days(1, first=time.time())
    seen: list[str] = []
    clock.at_hour = {0.1: lambda: seen.append(run("status --site", ship.root)[1])}
    sail(ship, clock)
    (text,) = seen
    assert "the agent runs, and looks again at " in text and "gone: " in text
    assert "the maintenance window opens at " in text
    assert "the agent was stopped" in status(ship)[1]


def test_what_was_found_at_rest(ship: Ship) -> None:
    """[A-151]"""
    sources, trust = json.dumps([str(ship.root.parent)]), json.dumps(str(shore().trust_file))
    watch = "[watch]\ninterval_s = 60\nfailures = 2\n"
    ship.configure(f"[agent]\nsources = {sources}\ntrust = {trust}\n{watch}")
    ship.order("fail-health")
    sail(ship, Days(1))
    code, text, told = status(ship, "--no-health")
    assert code == 7 and "  UNHEALTHY since 20" in text and told["troubles"][0]["kind"] == "unhealthy"
