"""What the agent asks of its sources, and what it reports of them."""

import json
import threading
import time
from pathlib import Path

import pytest

from apply.audit.metrics import Tally, families
from apply.record.database import read_state
from apply.site.layout import Site
from bundle.host.clock import SystemClock
from bundle.names.exposition import exposition
from bundle.recipients.sidecars import listed_steps
from tests.support.sites.site import Ship, shore
from transfer.serving.server import BundleServer
from unrep.agent import loop
from unrep.agent.fetching import Fetching
from unrep.agent.inbox import Inbox
from unrep.agent.journal import Journal
from unrep.agent.loop import Agent
from unrep.agent.settings import read_settings
from unrep.agent.telling.bulletin import Bulletins


def fetching(ship: Ship, *sources: Path | str, is_open: bool = True) -> Inbox:
    """Fetches once; the inbox."""
    trust = json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = {json.dumps(list(map(str, sources)))}\ntrust = {trust}\n")
    inbox = Inbox(ship.site)
    inbox.open()
    journal = Journal(lambda: 0.0, as_json=True)
    Fetching(ship.site, inbox, journal, lambda: is_open, Bulletins(ship.site, time.time)).fetch_newest(
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


def test_a_bundle_that_needs_a_newer_unrep_makes_the_agent_ask_for_one(
    ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """[A-236]: at once, and once for each reason."""
    data = shore().bundle("1.0.1", 2, "1.0.0").read_bytes()
    source = tmp_path / "sent"
    source.mkdir()
    (source / "next.unrep").write_bytes(b"UNREP" + bytes([data[5] + 1]) + data[6:])
    trust = json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = [{json.dumps(str(source))}]\ntrust = {trust}\n")
    asked: list[Path] = []

    def ask(site: Site) -> bool:
        asked.append(site.root)
        return True

    monkeypatch.setattr(loop, "renew_now", ask)
    agent = Agent(ship.site, None, Journal(lambda: 0.0, as_json=True), SystemClock())
    for _ in range(2):
        agent.run_once()
    assert asked == [ship.root]
    assert "a newer unrep was looked for" in capsys.readouterr().out


def test_nothing_new(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = fetching(ship, shore().bundle("1.0.0", 1))
    assert inbox.complete(read_state(ship.site)) == [] and kinds(capsys) == []


def test_the_next_older_one_where_the_newest_cannot_be_had(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-61]: nothing leads to seq 3."""
    useless = shore().bundle("1.0.2", 3, "1.0.9")
    inbox = fetching(ship, useless, shore().bundle("1.0.1", 2, "1.0.0"))
    (bundle,) = inbox.complete(read_state(ship.site))
    assert bundle.name.startswith("0-2-") and kinds(capsys) == ["stranded", "fetched"]
    assert read_state(ship.site).out_of_reach is None, "it goes on"


def test_over_a_step_from_another_source(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-142], [T-149], [A-130]"""
    inbox = fetching(ship, shore().bundle("1.0.2", 3, "1.0.1"), shore().bundle("1.0.1", 2, "1.0.0"))
    (bundle,) = inbox.complete(read_state(ship.site))
    assert bundle.name.startswith("0-3-") and kinds(capsys) == ["fetched"]
    assert [path.name[:6] for path in listed_steps(bundle)] == ["1.0.1-"]
    ship.apply(bundle)
    assert ship.current == "1.0.2"
    ship.check_sound()


def test_a_ship_to_which_nothing_leads_is_stranded_until_shore_sends_what_it_says(
    ship: Ship, capsys: pytest.CaptureFixture[str]
) -> None:
    """[A-131]: in the event, the status, the history, a receipt, the metrics; once, not at every poll."""
    useless = shore().bundle("1.0.2", 3, "1.0.1")
    for _ in range(2):
        assert fetching(ship, useless).complete(read_state(ship.site)) == []
    tree = shore().tree("1.0.0")
    sentence = f"have shore send 1.0.2 (seq 3) from base 1.0.0 (tree {tree[:4]} {tree[4:8]})"
    state = read_state(ship.site)
    assert state.out_of_reach and state.out_of_reach.version == "1.0.2" and sentence in state.out_of_reach.reason
    assert [run["outcome"] for run in ship.runs].count("stranded") == 1 and sentence in ship.runs[-1]["reason"]
    assert kinds(capsys) == ["stranded", "stranded"], "each of these is a new agent"
    text = exposition(families(state, Tally(), program="1", intact=True, receipts=0))
    assert "unrep_stranded 1" in text
    fetching(ship, useless, shore().bundle("1.0.1", 2, "1.0.0"))
    assert read_state(ship.site).out_of_reach is None and kinds(capsys) == ["fetched"]


def test_a_window_that_shuts_ends_the_fetch(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-62]"""
    inbox = fetching(ship, shore().bundle("1.0.1", 2, "1.0.0"), is_open=False)
    assert inbox.complete(read_state(ship.site)) == [] and kinds(capsys) == ["incomplete"]


def test_after_its_window_no_older_release_is_asked_for(ship: Ship, capsys: pytest.CaptureFixture[str]) -> None:
    """[A-62]"""
    newest, older = shore().bundle("1.0.2", 3, "1.0.0"), shore().bundle("1.0.1", 2, "1.0.0")
    inbox = fetching(ship, newest, older, is_open=False)
    assert inbox.complete(read_state(ship.site)) == [] and kinds(capsys) == ["incomplete"]


def test_sources_that_say_nothing_leave_on_record_that_the_site_is_stranded(
    ship: Ship, capsys: pytest.CaptureFixture[str]
) -> None:
    """[A-131]: neither a source that is gone nor a release that is refused leads on."""
    fetching(ship, shore().bundle("1.0.2", 3, "1.0.1"))
    fetching(ship, ship.root / "missing")
    fetching(ship, shore().bundle("1.0.1", 1, "1.0.0"))
    assert kinds(capsys) == ["stranded", "refused", "refused"] and read_state(ship.site).out_of_reach


def test_a_full_release_that_nobody_has_allowed_is_said_as_stranded(
    ship: Ship, capsys: pytest.CaptureFixture[str]
) -> None:
    """[A-131]: over a link, where it would cost something."""
    bundle = shore().bundle("1.0.2", 3, full=True)
    with BundleServer(bundle.parent, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fetching(ship, f"{server.url}{bundle.name}")
        server.shutdown()
    found = read_state(ship.site).out_of_reach
    assert kinds(capsys) == ["stranded"] and found and "only the full release" in found.reason
