"""What the agent asks of its sources, and what it reports of them."""

import json
from pathlib import Path

import pytest

from apply.record.database import read_state
from tests.support.sites.site import Ship, shore
from unrep.agent.fetching import Fetching
from unrep.agent.inbox import Inbox
from unrep.agent.journal import Journal
from unrep.agent.settings import read_settings


def fetching(ship: Ship, *sources: Path, is_open: bool = True) -> Inbox:
    """Fetches once; the inbox."""
    trust = json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = {json.dumps(list(map(str, sources)))}\ntrust = {trust}\n")
    inbox = Inbox(ship.site)
    inbox.open()
    journal = Journal(lambda: 0.0, as_json=True)
    Fetching(ship.site, inbox, journal, lambda: is_open).fetch_newest(
        read_settings(ship.site, None), read_state(ship.site)
    )
    return inbox


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def kinds(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]


def test_the_newest_of_several(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-61]"""
    newest = shore().bundle("1.0.2", 3, "1.0.0")
    inbox = fetching(ship, shore().bundle("1.0.1", 2, "1.0.0"), ship.root / "missing", newest)
    (bundle,) = inbox.complete(read_state(ship.site))
    assert bundle.name.startswith("0-3-") and kinds(capsys) == ["refused", "fetched"]


def test_nothing_new(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = fetching(ship, shore().bundle("1.0.0", 1))
    assert inbox.complete(read_state(ship.site)) == [] and kinds(capsys) == []


def test_the_next_older_one_where_the_newest_cannot_be_had(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-61]: no delta of seq 3 starts from what the ship has, and the full release is not allowed."""
    useless = shore().bundle("1.0.2", 3, "1.0.1", full=True)
    inbox = fetching(ship, useless, shore().bundle("1.0.1", 2, "1.0.0"))
    (bundle,) = inbox.complete(read_state(ship.site))
    assert bundle.name.startswith("0-2-") and kinds(capsys) == ["incomplete", "fetched"]


def test_a_window_that_shuts_ends_the_fetch(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-62]"""
    inbox = fetching(ship, shore().bundle("1.0.1", 2, "1.0.0"), is_open=False)
    assert inbox.complete(read_state(ship.site)) == [] and kinds(capsys) == ["incomplete"]
