"""The agent's rounds through days of windows, by a clock that is handed in; site, bundles and switches are real."""

import json
from pathlib import Path
from typing import Any

import pytest

from apply.errors import StorageFailed
from apply.hold import lift_hold, set_hold
from apply.rebuild.reconstruct import reconstruct
from apply.site.maintenance_windows import MAX_SHUT_S
from bundle.write.resign import resign
from tests.support.contents.tiny_bundle import KEY
from tests.support.links.bad_server import BadServer
from tests.support.sites.agent_days import HOUR_S, MINUTE_S, Days, sail, told
from tests.support.sites.site import Ship, shore
from unrep.agent.update_windows import UpdateWindows


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    made = Ship.sailing(tmp_path, "1.0.0")
    configure(made, 'maintenance_windows = ["02:00-03:00"]')
    (tmp_path / "latest.unrep").write_bytes(shore().bundle("1.0.1", 2, "1.0.0").read_bytes())
    return made


def configure(ship: Ship, windows: str) -> None:
    source, trust = json.dumps(str(ship.root.parent / "latest.unrep")), json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = [{source}]\ntrust = {trust}\npoll_interval_s = 86400\n{windows}\n")


def test_a_release_waits_for_its_window(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-62]"""
    sail(ship, Days(13))
    assert ship.current == "1.0.0"
    assert told(capsys) == [("12:00", "started"), ("12:00", "fetched"), ("12:00", "waiting")]
    sail(ship, Days(24))
    assert ship.current == "1.0.1"
    assert told(capsys) == [("12:00", "started"), ("12:00", "waiting"), ("02:00", "applied")]


def test_mirrors_that_signed_apart_are_mirrors(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-133], [A-61]: one that adds a signature is no reason to leave the other out of the fetch."""
    plain = ship.root.parent / "latest.unrep"
    resign(plain, padded := plain.with_name("padded.unrep"), [shore().key, KEY], None)
    with BadServer(padded.read_bytes(), ["honest"]) as one, BadServer(plain.read_bytes(), ["honest"]) as other:
        sources = json.dumps([one.url("b"), other.url("b")])
        trust = json.dumps(str(shore().trust_file))
        ship.configure(f"[agent]\nsources = {sources}\ntrust = {trust}\npoll_interval_s = 86400\n")
        sail(ship, Days(1))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (fetched,) = [event for event in events if event["event"] == "fetched"]
    assert [source["source"] for source in fetched["sources"]] == [one.url("b"), other.url("b")]
    assert ship.current == "1.0.1"


def test_a_hold_that_is_lifted_is_noticed_at_once(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-64]"""
    configure(ship, "")
    set_hold(ship.site, "narrow waters")
    clock = Days(10)
    clock.at_hour[4] = lambda: lift_hold(ship.site)
    sail(ship, clock)
    assert told(capsys)[-1] == ("16:00", "applied") and ship.current == "1.0.1"


def test_a_clock_that_stands_still(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-63]"""
    sail(ship, Days(MAX_SHUT_S / HOUR_S - 1, stands_still=True))
    assert ship.current == "1.0.0"
    sail(ship, Days(2, stands_still=True))
    assert ship.current == "1.0.1", "the hours before the restart count"
    kinds = [kind for _, kind in told(capsys)]
    assert kinds.index("overdue") < kinds.index("applied")


def test_the_fetch_window(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-62]"""
    configure(ship, 'fetch_windows = ["22:00-06:00"]')
    sail(ship, Days(24))
    assert told(capsys) == [("12:00", "started"), ("22:00", "fetched"), ("22:00", "applied")]


def test_a_year_that_cannot_be_is_no_obstacle(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-63]"""
    sail(ship, Days(24, first=0.0))
    assert told(capsys)[-1] == ("02:00", "applied")


def test_what_a_lost_memory_of_windows_costs(ship: Ship) -> None:
    """[A-63]"""
    ship.site.shut_file.write_bytes(b'{"fetch": "x"}')
    sail(ship, Days(1))
    assert json.loads(ship.site.shut_file.read_bytes())["maintenance"] >= HOUR_S - MINUTE_S


def test_times_that_cannot_be_saved_stop_neither_a_round_nor_the_end(
    ship: Ship, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-60]: the release comes aboard, and being told to stop stays that."""

    def refuse(self: UpdateWindows) -> None:
        raise StorageFailed("shut.json: Input/output error")

    configure(ship, "")
    monkeypatch.setattr(UpdateWindows, "tick", refuse)
    monkeypatch.setattr(UpdateWindows, "save", refuse)
    sail(ship, Days(hours=1))
    kinds = [kind for _, kind in told(capsys)]
    assert kinds.count("refused") == 1 and "applied" in kinds and ship.current == "1.0.1"


def test_a_window_that_shuts_during_a_long_rebuild_keeps_what_was_built(
    ship: Ship, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-62]: it is switched the next night, and nothing is built twice."""
    clock = Days(40)
    built: list[str] = []

    def prepare(*arguments: object) -> None:
        built.append(str(arguments[-1]))
        clock.elapsed_s += HOUR_S  # it takes longer than what is left of the window

    monkeypatch.setattr("apply.update.prepare", prepare)
    rebuilt: list[object] = []

    def counted(*arguments: Any, **options: Any) -> None:
        rebuilt.append(arguments)
        reconstruct(*arguments, **options)

    monkeypatch.setattr("apply.making.reconstruct", counted)

    def quick(*arguments: object) -> None:
        built.append(str(arguments[-1]))

    clock.at_hour = {20.0: lambda: monkeypatch.setattr("apply.update.prepare", quick)}
    sail(ship, clock)
    kinds = told(capsys)
    assert ship.current == "1.0.1" and len(rebuilt) == 1 and built == ["1.0.1", "1.0.1"]
    assert [kind for _, kind in kinds if kind in ("waiting", "applied", "refused")] == ["waiting", "waiting", "applied"]
    assert ("02:00", "applied") in kinds
