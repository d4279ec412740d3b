"""How soon an update is tried again that the ship was not fit for [A-160]."""

import json
from pathlib import Path

import pytest

from apply.site.config import AgentConfig, SiteConfig
from tests.support.sites.agent_days import Days, sail
from tests.support.sites.site import Ship, shore
from unrep.agent.patience import LONGEST_PAUSE_S, Patience

CONFIG = SiteConfig(agent=AgentConfig(poll_interval_s=900))


def test_the_pause_doubles_and_has_an_end() -> None:
    patience, bundle, now, pauses = Patience(), Path("a"), 0.0, []
    for _ in range(8):
        assert patience.may_try(bundle, CONFIG, now)
        patience.failed(bundle, CONFIG, now)
        begun = now
        while not patience.may_try(bundle, CONFIG, now):
            now += 900
        pauses.append(now - begun)
    assert pauses == [900, 1800, 3600, 7200, *[LONGEST_PAUSE_S] * 4]


def test_another_bundle_another_configuration_and_a_verdict_end_it() -> None:
    patience = Patience()
    patience.failed(Path("a"), CONFIG, 0)
    assert not patience.may_try(Path("a"), CONFIG, 1)
    assert patience.may_try(Path("b"), CONFIG, 1)
    assert patience.may_try(Path("a"), SiteConfig(product="vms"), 1)
    patience.forget()
    assert patience.may_try(Path("a"), CONFIG, 1)


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    ship = Ship.sailing(tmp_path / "ship", "1.0.0")
    sources = ship.root.parent / "sources"
    sources.mkdir()
    for name, seq, base in (("1.0.1", 2, "1.0.0"), ("1.0.2", 3, "1.0.0")):
        (sources / f"{name}.unrep").write_bytes(shore().bundle(name, seq, base).read_bytes())
    return ship


def configure(ship: Ship, more: str = "") -> None:
    sources, trust = json.dumps([str(ship.root.parent / "sources")]), json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = {sources}\ntrust = {trust}\npoll_interval_s = 900\n{more}")


def test_a_ship_at_fault_tries_no_older_bundle_and_not_at_each_poll(ship: Ship) -> None:
    """Ten hours are 40 polls; the record has a handful of tries, all of the newest release."""
    configure(ship)
    ship.order("fail-prepare")
    sail(ship, Days(10))
    tried = [run["release"]["version"] for run in ship.runs if run["outcome"] == "refused"]
    assert set(tried) == {"1.0.2"} and 4 <= len(tried) <= 6


def test_a_configuration_that_is_mended_ends_the_pause(ship: Ship) -> None:
    configure(ship)
    ship.order("fail-prepare")
    clock = Days(9)

    def mend() -> None:
        ship.relieve("fail-prepare")
        configure(ship, "[watch]\nfailures = 4\n")

    clock.at_hour = {7.9: mend}
    sail(ship, clock)
    assert ship.current == "1.0.2"
