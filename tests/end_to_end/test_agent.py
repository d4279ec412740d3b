"""The unattended ship: real agents, real releases, killed and stopped, held and kept waiting [A-60] to [A-65]."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from apply.hold import lift_hold, set_hold
from apply.record.database import read_state
from bundle.read.reader import open_for_display
from tests.support.links.authenticating_server import gatekeeper
from tests.support.links.bad_server import BadServer
from tests.support.repository import REPOSITORY
from tests.support.sites.agents import HEALTH_DEADLINE_S, Agency, sail
from tests.support.sites.site import PATIENCE_S, Ship, shore, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
SECOND = ("1.0.1", 2, "1.0.0")
THIRD = ("1.0.2", 3, "1.0.1")


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    made = Agency(Ship.sailing(tmp_path, "1.0.0"), tmp_path)
    yield made
    made.end()


def command(agency: Agency, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """`unrep ARGUMENTS --site S`, to its end."""
    argv = [sys.executable, "-m", "unrep", *map(str, arguments), "--site", str(agency.ship.root)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE_S)


def hours_from_now(first: int, last: int) -> str:
    """A window in UTC that begins and ends so many hours from now."""
    return "-".join(time.strftime("%H:%M", time.gmtime(time.time() + hours * 3600)) for hours in (first, last))


@pytest.mark.slow
def test_killed_at_random_once_a_release_it_needs_no_hand(agency: Agency) -> None:
    """[A-60]"""
    seed = Random().randrange(1 << 32)
    print(f"seed {seed}")
    agency.configure(deadline_s=HEALTH_DEADLINE_S)
    legs = list(sail(agency, 5, Random(seed)))
    assert [leg.runs for leg in legs] == ["2.0.1", "2.0.2", "2.0.3", "2.0.3", "2.0.5"]
    agency.ship.check_sound()
    assert not agency.ship.leftovers() and not list(agency.ship.site.inbox.iterdir())


def test_all_its_sources_are_asked_at_once_and_one_that_lies_is_no_hindrance(agency: Agency) -> None:
    """[A-61], [T-90], [T-91], [T-96]: with a token from a file."""
    bundle = shore().bundle(*SECOND, full=True)
    content = bundle.read_bytes()
    with open_for_display(bundle) as opened:
        at = opened.verified.header_bytes + 40  # in the section that the ship takes
    (agency.ship.root / "auth").write_text("127.0.0.1 bearer x")
    (agency.ship.root / "auth").chmod(0o600)
    lie = content[:at] + bytes(100) + content[at + 100 :]
    with gatekeeper(lie, "Bearer x") as liar, gatekeeper(content, "Bearer x") as honest:
        agency.source = liar.url()
        agency.configure('auth_file = "auth"')
        config = agency.ship.root / "unrep.toml"
        one = json.dumps(liar.url())
        config.write_text(config.read_text().replace(f"[{one}]", f"[{one}, {json.dumps(honest.url())}]"))
        done = command(agency, "agent", "--once", "--json")
    events = {event["event"]: event for event in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0 and events["applied"]["to"] == "1.0.1", done.stderr
    sources = {source["source"]: source for source in events["fetched"]["sources"]}
    assert [*sources] == [liar.url(), honest.url()] and all(one["bytes_received"] for one in sources.values())


def test_news_are_fetched_and_applied_each_told_once(agency: Agency) -> None:
    """[A-61], [A-65]"""
    agency.start()
    refused = agency.until_event("refused")
    assert "cannot be read" in refused["message"] and refused["source"] == str(agency.source)
    agency.publish(shore().bundle(*SECOND))
    applied = agency.until_event("applied")
    assert (applied["from"], applied["to"]) == ("1.0.0", "1.0.1") and applied["steps"]
    agency.publish(shore().bundle(*THIRD))
    agency.until_event("applied", 2)
    time.sleep(1)
    assert agency.stop() == 0
    kinds = [event["event"] for event in agency.events()]
    assert kinds == ["started", "refused", "fetched", "applied", "fetched", "applied", "stopped"]
    assert agency.ship.current == "1.0.2"
    assert len(agency.errors.splitlines()) == len(kinds), "a line an event, and nothing else"
    assert not list(agency.ship.site.inbox.iterdir())


def test_a_single_round(agency: Agency) -> None:
    """[A-60]"""
    agency.publish(shore().bundle(*SECOND))
    for expected in (["started", "fetched", "applied"], ["started"]):
        once = command(agency, "agent", "--once", "--json")
        assert (once.returncode, [json.loads(line)["event"] for line in once.stdout.splitlines()]) == (0, expected)
    assert agency.ship.current == "1.0.1"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_where_nobody_can_be_told_the_ship_goes_on(agency: Agency) -> None:
    agency.publish(shore().bundle(*SECOND))
    argv = [sys.executable, "-m", "unrep", "agent", "--once", "--json", "--site", str(agency.ship.root)]
    with Path("/dev/full").open("wb") as full:
        subprocess.run(argv, stdout=full, stderr=full, cwd=REPOSITORY, timeout=PATIENCE_S)
    assert agency.ship.current == "1.0.1"
    agency.ship.check_sound()


def test_a_bad_release_goes_back_and_is_not_fetched_again(agency: Agency) -> None:
    """[A-61]"""
    agency.configure(deadline_s=0.5)
    agency.publish(shore().bundle("dead", 2, "1.0.0"))
    agency.start()
    assert "version 1.0.0 runs again" in agency.until_event("rolled-back")["message"]
    assert "quarantine" in agency.until_event("refused")["message"]
    time.sleep(1)
    assert len(agency.events("rolled-back")) == len(agency.events("fetched")) == len(agency.events("refused")) == 1
    agency.configure(deadline_s=20)
    agency.publish(shore().bundle("1.0.1", 3, "1.0.0"))
    agency.until_event("applied")


def test_a_second_agent_is_refused_in_one_sentence(agency: Agency) -> None:
    """[A-60]"""
    agency.start()
    agency.until_event("started")
    second = command(agency, "agent")
    assert second.returncode == 5 and second.stderr.count("\n") == 1
    assert "'unrep agent', process" in second.stderr and "one agent for a site is enough" in second.stderr
    assert agency.stop() == 0


@pytest.mark.parametrize("at_work", ["wait-prepare", "wait-restart", "wait-health"])
def test_told_to_stop_in_the_middle_it_stops_and_the_next_one_goes_on(agency: Agency, at_work: str) -> None:
    """[A-60]"""
    agency.ship.order(at_work)
    agency.publish(shore().bundle(*SECOND))
    agency.start()
    until((agency.ship.app / "waiting").exists)
    assert agency.stop() == 0
    assert agency.events()[-1]["event"] == "stopped" and "Traceback" not in agency.errors
    agency.ship.relieve(at_work)
    agency.start()
    until(lambda: agency.is_settled("1.0.1"))
    agency.ship.check_sound()


def test_ctrl_c_stops_it_as_well(agency: Agency) -> None:
    process = agency.start()
    agency.until_event("refused")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0


def test_the_master_holds_the_running_version(agency: Agency) -> None:
    """[A-64]"""
    held = command(agency, "hold", "--reason", "Strait of Dover")
    assert held.returncode == 0 and "version 1.0.0 stays until 'unrep resume'" in held.stdout
    agency.publish(shore().bundle(*SECOND))
    agency.start()
    waiting = agency.until_event("waiting")
    assert "vms 1.0.1 (seq 2) is ready" in waiting["message"] and "Strait of Dover" in waiting["message"]
    by_hand = command(agency, "apply", shore().bundle(*SECOND), "--trust", shore().trust_file)
    assert by_hand.returncode == 5 and "Strait of Dover; version 1.0.1 stays out" in by_hand.stderr
    assert "Strait of Dover" in command(agency, "status").stdout
    assert json.loads(command(agency, "status", "--json").stdout)["hold"]["reason"] == "Strait of Dover"
    assert agency.ship.current == "1.0.0"
    agency.configure("poll_interval_s = 86400")
    resumed = command(agency, "resume", "--json")
    assert json.loads(resumed.stdout)["lifted"]["reason"] == "Strait of Dover"
    agency.until_event("applied")
    assert agency.ship.current == "1.0.1"
    assert "nothing was held" in command(agency, "resume").stdout
    assert json.loads(command(agency, "status", "--json").stdout)["hold"] is None


def test_an_override_by_hand(agency: Agency) -> None:
    """[A-64]"""
    set_hold(agency.ship.site, "")
    done = command(agency, "apply", shore().bundle(*SECOND), "--trust", shore().trust_file, "--override")
    assert done.returncode == 0 and agency.ship.current == "1.0.1"


def test_it_waits_for_the_maintenance_window_and_needs_no_source_then(agency: Agency) -> None:
    """[A-62]"""
    agency.configure(f'maintenance_windows = ["{hours_from_now(2, 3)}"]')
    agency.publish(shore().bundle(*SECOND))
    agency.start()
    assert "waits for the maintenance window" in agency.until_event("waiting")["message"]
    assert agency.ship.current == "1.0.0"
    agency.source.unlink()
    agency.configure(f'maintenance_windows = ["{hours_from_now(-2, 2)}"]')
    agency.until_event("applied")


def test_it_asks_nobody_outside_the_fetch_window(agency: Agency) -> None:
    """[A-62]"""
    with BadServer(shore().bundle(*SECOND).read_bytes(), ["honest"]) as server:
        other = f'sources = ["{server.url("vms.unrep")}"]'
        keys = (agency.ship.root / "unrep.toml").read_text().replace(f'sources = ["{agency.source}"]', other)
        shut, opened = (f'fetch_windows = ["{hours_from_now(*hours)}"]\n' for hours in ((2, 3), (-2, 2)))
        agency.ship.write_config(keys + shut)
        agency.start()
        agency.until_event("started")
        time.sleep(1)
        assert not server.requests
        agency.ship.write_config(keys + opened)
        agency.until_event("applied")
        polled = len(server.requests)
        until(lambda: len(server.requests) >= polled + 3)
        ends = [int(request.range.rpartition("-")[2]) for request in server.requests[-2:] if request.range]
        assert len(ends) == 2 and max(ends) < 1024, "a poll asks for a header"


def test_a_source_may_be_a_shelf_with_a_channel(agency: Agency, tmp_path: Path) -> None:
    """[A-61], [T-142]"""
    shelf, key = tmp_path / "shelf", shore().trust_file.with_suffix(".key")
    shelf.mkdir()
    keys = (agency.ship.root / "unrep.toml").read_text()
    agency.ship.write_config(keys.replace(str(agency.source), str(shelf)))
    agency.start()
    for count, asked in enumerate((SECOND, THIRD), 1):
        argv = [sys.executable, "-m", "unrep", "publish", str(shore().bundle(*asked)), str(shelf), "--key", str(key)]
        subprocess.run(argv, check=True, cwd=REPOSITORY, timeout=PATIENCE_S)
        agency.until_event("applied", count)
    assert agency.ship.current == "1.0.2" and agency.stop() == 0


def test_of_several_sources_the_newest_release_that_will_do_is_taken(agency: Agency, tmp_path: Path) -> None:
    """[A-61]"""
    for name, bundle in (
        ("old", shore().bundle("1.0.0", 1)),
        ("foreign", shore().bundle("1.0.9", 9, "1.0.0", product="radar")),
        ("no-base", shore().bundle(*THIRD)),
        ("good", shore().bundle(*SECOND)),
    ):
        (tmp_path / name).mkdir()
        shutil.copy(bundle, tmp_path / name)
    names = [str(tmp_path / name) for name in ("absent", "old", "foreign", "no-base", "good")]
    keys = (agency.ship.root / "unrep.toml").read_text()
    keys = keys.replace(f'sources = ["{agency.source}"]', f"sources = {json.dumps(names)}")
    agency.ship.write_config(keys)
    agency.start()
    agency.until_event("applied")
    assert [event["to"] for event in agency.events("applied")] == ["1.0.2"], "over 1.0.1, in one switch"
    told = " ".join(event["message"] for event in agency.events("refused"))
    assert "absent: cannot be read" in told and "brings product 'radar'" in told
    assert agency.stop() == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "'agent.sources' is missing"),
        ('sources = ["x"]', "'agent.trust' is missing"),
        ('sources = ["x"]\ntrust = "missing.pub"', "missing.pub"),
        ('sources = ["x"]\nfetch_windows = ["22-06"]', "'22-06' is no window of the day"),
        ('sources = ["x"]\ntime_zone = "Mars"', "time_zone = 'Mars' is not known"),
        ('sources = ["x"]\npoll_s = 3', "unknown key 'agent.poll_s'"),
    ],
)
def test_a_configuration_that_will_not_do(agency: Agency, keys: str, words: str) -> None:
    """[A-5], [A-62]"""
    agency.ship.write_config(f"[agent]\n{keys}\n")
    refused = command(agency, "agent")
    assert refused.returncode == 2 and words in refused.stderr and refused.stderr.count("\n") == 1


def test_a_configuration_that_is_spoilt_meanwhile_is_told_and_mended(agency: Agency) -> None:
    agency.publish(shore().bundle(*SECOND))
    agency.configure("poll_interval_s = 0.1")
    good = (agency.ship.root / "unrep.toml").read_text()
    agency.ship.write_config(good.replace("sources", "surces"))
    assert command(agency, "agent").returncode == 2
    agency.ship.write_config(good)
    agency.start()
    agency.until_event("applied")
    agency.ship.write_config(good.replace("sources", "surces"))
    assert "unknown key 'agent.surces'" in agency.until_event("refused")["message"]
    assert agency.stop() == 0


def test_what_a_run_that_died_left_is_ended_whatever_the_window(agency: Agency) -> None:
    """[A-60], [A-62]"""
    agency.ship.order("wait-restart")
    argv = ["apply", shore().bundle(*SECOND), "--site", agency.ship.root, "--trust", shore().trust_file]
    run = subprocess.Popen([sys.executable, "-m", "unrep", *map(str, argv)], cwd=REPOSITORY)
    until((agency.ship.app / "waiting").exists)
    run.kill()
    run.wait()
    agency.ship.relieve("wait-restart")
    assert read_state(agency.ship.site).pending
    shut = f'["{hours_from_now(2, 3)}"]'
    agency.configure(f"fetch_windows = {shut}\nmaintenance_windows = {shut}")
    agency.start()
    assert agency.until_event("recovered")["to"] == "1.0.1"
    assert lift_hold(agency.ship.site) is None
