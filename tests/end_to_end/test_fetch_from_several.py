"""`unrep fetch` with several sources, windows, budgets, credentials and events, as a ship runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.links.authenticating_server import gatekeeper
from tests.support.links.bad_server import BadServer

BUNDLE = tiny_bundle(Shape(full_bytes=900_000, piece_bytes=65_536))
SIZE = len(BUNDLE.data)


@pytest.fixture
def ship(tmp_path: Path) -> Path:
    write_trust(tmp_path / "shore.pub")
    return tmp_path


def start(ship: Path, *argv: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "unrep", "fetch", *map(str, argv), "--trust", "shore.pub", "--out", "new.unrep"]
    return subprocess.Popen(command, cwd=ship, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fetch(ship: Path, *argv: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = start(ship, *argv)
    out, errors = process.communicate(timeout=60)
    return process.returncode, out, errors


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_stick_a_liar_and_two_mirrors(ship: Path) -> None:
    """[T-90], [T-91], [T-93], [T-30]: the result says what came from whom, and who was dropped."""
    (ship / "stick").mkdir()
    (ship / "stick" / "b.part").write_bytes(BUNDLE.data[: SIZE // 2] + bytes(SIZE - SIZE // 2))
    with (
        BadServer(BUNDLE.data, ["wrong_bytes"]) as liar,
        BadServer(BUNDLE.data, ["honest"]) as one,
        BadServer(BUNDLE.data, ["honest"]) as two,
    ):
        sources = [liar.url("liar"), "stick", "no stick", one.url("one"), two.url("two")]
        code, out, errors = fetch(ship, *sources, "--json")
    assert code == 0, errors
    assert (ship / "new.unrep").read_bytes() == BUNDLE.data
    document = json.loads(out)
    by_source = {Path(source["source"]).name: source for source in document["sources"]}
    assert "liar" not in by_source and not by_source["one"]["lost"], "its header did not verify"
    assert by_source["b.part"]["bytes_received"] > SIZE // 2 - 65_536
    assert document["bytes_paid"] < SIZE // 2 + 65_536 * 4
    assert "/liar: " in errors and "no stick" in errors and "going on without it" in errors
    assert sorted(path.name for path in ship.iterdir()) == ["new.unrep", "shore.pub", "stick"]


def test_events_tell_a_fetch_from_its_start_to_its_end(ship: Path) -> None:
    """[T-99]"""
    with BadServer(BUNDLE.data, ["not_found"]) as gone, BadServer(BUNDLE.data, ["honest"]) as server:
        code, out, errors = fetch(ship, gone.url("gone"), server.url("b"), "--events", "--limit-rate", "600k")
    assert code == 0, errors
    told = events(out)
    kinds = [event["event"] for event in told]
    assert kinds[0] == "source-dropped" and kinds[1] == "started" and kinds[-1] == "done"
    assert told[0]["source"].endswith("gone") and "404" in told[0]["reason"]
    assert told[1]["bytes_needed"] <= told[1]["bytes_total"] == SIZE and told[1]["seq"] == 2
    progress = [event for event in told if event["event"] == "progress"]
    verified = [event["bytes_verified"] for event in progress]
    assert len(progress) >= 2 and verified == sorted(verified) and verified[-1] == told[1]["bytes_needed"]
    assert progress[-1]["bytes_paid"] >= SIZE - 1 and progress[-1]["bytes_per_s"] > 0 and progress[-1]["eta_s"] == 0
    assert told[-1]["complete"] is True and SIZE < told[-1]["bytes_received"] < SIZE + 2000
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in told)


def test_a_fetch_that_fails_ends_its_events_with_why(ship: Path) -> None:
    """[T-99]"""
    with BadServer(BUNDLE.data, ["honest"]) as server:
        code, out, errors = fetch(ship, server.url("b"), "--events", "--max-bytes", "300k")
        assert code == 4 and events(out)[-1]["event"] == "failed" and events(out)[-1]["complete"] is False
        assert events(out)[-1]["error"] in errors
        assert fetch(ship, server.url("b"), "--events", "--json")[0] == 2


def test_a_budget_stops_with_exit_code_4_and_a_higher_one_goes_on(ship: Path) -> None:
    """[T-94]: over both runs no byte more than was agreed to."""
    with BadServer(BUNDLE.data, ["honest"]) as server:
        code, out, errors = fetch(ship, server.url("b"), "--max-bytes", "300k", "--json")
        assert code == 4 and 299_500 < json.loads(out)["bytes_received"] <= 300_000
        assert errors.count("\n") == 1 and "--max-bytes" in errors and "Traceback" not in errors
        assert fetch(ship, server.url("b"), "--max-bytes", "300k")[0] == 4
        code, out, _ = fetch(ship, server.url("b"), "--max-bytes", "1M", "--json")
    assert code == 0 and (ship / "new.unrep").read_bytes() == BUNDLE.data
    assert json.loads(out)["bytes_received"] <= SIZE - 300_000 + 2 * len(BUNDLE.header) + 2000, "heads, too"


def test_outside_its_window_it_waits_and_asks_nothing(ship: Path) -> None:
    """[T-95]: and says until when; Ctrl-C ends it."""
    now = datetime.now(UTC)
    window = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"
    with BadServer(BUNDLE.data, ["honest"]) as server:
        process = start(ship, server.url("b"), "--window", window, "--events")
        assert process.stdout
        line = json.loads(process.stdout.readline())
        assert line["event"] == "waiting"
        assert timedelta(hours=1.9) < datetime.fromisoformat(line["until"]) - now < timedelta(hours=2.1)
        time.sleep(0.2)
        assert server.requests == []
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        process.stdout.close()
        around = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
        assert fetch(ship, server.url("b"), "--window", window, "--window", around)[0] == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--window", "22-06"),
        ("--window", "22:00-06:00", "--time-zone", "Mars/Olympus"),
        ("--max-bytes", "0"),
        ("--max-bytes", "many"),
        ("--proxy", "socks5://x:1"),
        ("--ca-file", "missing.pem"),
        ("--auth-file", "missing"),
    ],
)
def test_an_option_that_is_wrong_is_one_sentence_and_exit_code_2(ship: Path, options: tuple[str, ...]) -> None:
    """[T-95], [T-96], [T-97], [T-98]"""
    code, _, errors = fetch(ship, "http://127.0.0.1:1/b", *options)
    assert code == 2 and "Traceback" not in errors and errors.strip().count("\n") == 0


def test_a_token_comes_from_a_file_and_is_seen_nowhere(ship: Path) -> None:
    """[T-96]: not in what is printed, nor in what is written, nor in the command line of the process."""
    token = "t0p-s3cr3t"
    (ship / "auth").write_text(f"127.0.0.1 bearer {token}\n")
    (ship / "auth").chmod(0o600)
    with gatekeeper(BUNDLE.data, f"Bearer {token}") as server:
        code, out, errors = fetch(ship, server.url(), "--auth-file", "auth", "--max-bytes", "200k", "--json")
        assert code == 4 and token not in out + errors
        assert all(token.encode() not in path.read_bytes() for path in ship.iterdir() if path.name != "auth")
        (ship / "auth").chmod(0o644)
        if os.name == "posix":
            code, out, errors = fetch(ship, server.url(), "--auth-file", "auth")
            assert code == 2 and "chmod 600" in errors and token not in errors
    code, out, errors = fetch(ship, f"http://mate:{token}@127.0.0.1:1/b")
    assert code == 2 and token not in errors and "--auth-file" in errors


def test_a_plan_uses_the_rate_of_the_unfinished_download(ship: Path) -> None:
    """[T-80]: as the last run has seen it."""

    def plan(*options: object) -> dict[str, Any]:
        command = [sys.executable, "-m", "unrep", "plan", server.url("b"), "--trust", "shore.pub", "--json"]
        done = subprocess.run([*command, *map(str, options)], cwd=ship, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    with BadServer(BUNDLE.data, ["honest"]) as server:
        assert plan("--out", "new.unrep")["seconds"] is None
        fetch(ship, server.url("b"), "--max-bytes", "400k", "--limit-rate", "200k")
        found = plan("--out", "new.unrep")
        assert 50_000 < found["bytes_per_s"] < 250_000
        assert found["seconds"] == pytest.approx(found["bytes_to_fetch"] / found["bytes_per_s"], abs=0.1)
        assert plan("--out", "new.unrep", "--rate", "1k")["bytes_per_s"] == 1000
