"""What an agent finds out at rest: alive, drifted, a broken configuration, an application that died [A-151], [A-152],
[A-158], [A-159]."""

import json
from pathlib import Path

import pytest

from apply.audit.outbox import waiting
from apply.errors import ConfigError
from bundle.receipts.chains import Ledger
from bundle.receipts.receipt import Receipt
from bundle.receipts.site_keys import load_site_keys
from tests.support.sites.agent_days import Days, sail
from tests.support.sites.site import Ship, shore

AGENT = "[agent]\nsources = [{sources}]\ntrust = {trust}\npoll_interval_s = 3600\n"
WATCH = "[watch]\ninterval_s = 60\nfailures = 3\n"


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    made = Ship.sailing(tmp_path / "ship", "1.0.0", "1.0.1")
    (made.root.parent / "sources").mkdir()
    return made


def configure(ship: Ship, more: str = "") -> None:
    sources, trust = json.dumps(str(ship.root.parent / "sources")), json.dumps(str(shore().trust_file))
    ship.configure(AGENT.format(sources=sources, trust=trust) + more)


def receipts(ship: Ship) -> list[Receipt]:
    ledger = Ledger(load_site_keys([ship.site.public_key_file]))
    for path in waiting(ship.site):
        ledger.read(path.name, path.read_bytes())
    (chain,) = ledger.chains()
    assert not ledger.wrong and not chain.forks and not chain.missing
    return [opened.receipt for opened in chain.receipts]


def said(ship: Ship) -> list[tuple[str, str]]:
    """Kind and reason code of what was said after the updates."""
    return [(receipt.kind, receipt.code_name) for receipt in receipts(ship)[2:]]


def test_a_ship_says_every_day_that_it_is_alive(ship: Ship) -> None:
    """[A-152] [C-14]"""
    configure(ship)
    before = len(ship.runs)
    sail(ship, Days(49))
    assert said(ship) == [("alive", "none")] * 3, "at the start, for the clock has moved; then once a day"
    assert len(ship.runs) == before, "a sign of life is no run"


def test_drift_is_said_once_and_so_is_its_end(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-151]"""
    configure(ship)
    guide = ship.root / "versions/1.0.1/docs/guide.txt"
    sound = guide.read_bytes()
    guide.write_bytes(b"changed")
    clock = Days(73)
    clock.at_hour = {30.0: lambda: guide.write_bytes(sound)}
    sail(ship, clock)
    kinds = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert kinds.count("drifted") == 1 and ship.state.troubles == ()
    assert said(ship).count(("drifted", "drifted")) == 1 and said(ship)[-1] == ("alive", "none")
    assert [run["outcome"] for run in ship.runs[2:]] == ["drifted"]


def test_a_broken_configuration_is_said_until_it_is_mended(ship: Ship) -> None:
    """[A-151]: at the start of the agent, and while it runs."""
    configure(ship, "nonsense = 1\n")
    for _ in range(2):
        with pytest.raises(ConfigError):
            sail(ship, Days(1))
    assert said(ship) == [("config-broken", "config")] and ship.state.trouble("config-broken")
    configure(ship)
    clock = Days(4)
    clock.at_hour = {1.5: lambda: configure(ship, "nonsense = 2\n"), 2.5: lambda: configure(ship)}
    sail(ship, clock)
    kinds = [kind for kind, _ in said(ship)]
    assert kinds.count("config-broken") == 2 and kinds[1] == kinds[-1] == "alive"
    assert ship.state.troubles == ()


def test_an_application_that_dies_later_is_said_and_stays(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-158]: told once, on record, and nothing is rolled back; its end is told, too."""
    configure(ship, WATCH)
    clock = Days(6)
    clock.at_hour = {2.0: lambda: ship.order("fail-health"), 4.0: lambda: ship.relieve("fail-health")}
    sail(ship, clock)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds.count("unhealthy") == kinds.count("healthy") == 1 and ship.current == "1.0.1"
    assert said(ship).count(("unhealthy", "unhealthy")) == 1 and said(ship)[-1] == ("alive", "none")
    (unhealthy,) = (run for run in ship.runs if run["outcome"] == "unhealthy")
    assert unhealthy["reason"].startswith("version 1.0.1 became unhealthy: ")


def test_it_goes_back_only_where_that_is_configured(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-159]"""
    configure(ship, WATCH + "roll_back = true\n")
    clock = Days(4)
    clock.at_hour = {2.0: lambda: ship.order("fail-health-1.0.1")}
    sail(ship, clock)
    assert ship.current == "1.0.0" and ship.state.troubles == ()
    (out,) = ship.state.quarantined
    assert out.version == "1.0.1" and "became unhealthy" in out.reason and "the agent went back to 1.0.0" in out.reason


def test_nothing_is_asked_unless_that_is_configured(ship: Ship) -> None:
    """[A-158]"""
    configure(ship)
    clock = Days(4)
    clock.at_hour = {1.0: lambda: ship.order("fail-health")}
    sail(ship, clock)
    assert ("unhealthy", "unhealthy") not in said(ship)
