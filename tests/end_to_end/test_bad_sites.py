"""A site as nobody wants to find it, an application that misbehaves: one sentence, the right exit code, and the old
version serves. Real processes, a real HTTP server, real mounts, a clock that is set while a run is at work.
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, on_a_small_disk, shore, until

# Takes the place of the machine's clock in a process that finds it on its path.
CLOCK = """
import os, time
real = time.time
def told():
    with open(os.environ["CLOCK"]) as file:
        return real() + float(file.read())
time.time = told
"""
SECOND = ("1.0.1", 2, "1.0.0")
Answer = tuple[int, dict[str, Any], str]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def unrep(*arguments: object, environment: dict[str, str] | None = None) -> Answer:
    """Exit code, the JSON object on stdout, and the last line on stderr; all that it said is printable."""
    command = [sys.executable, "-m", "unrep", *map(str, arguments), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE_S,
        env=os.environ | (environment or {}),
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr and all(map(str.isprintable, lines)), done.stderr
    return done.returncode, json.loads(done.stdout), lines[-1] if lines else ""


def applied(ship: Ship, name: str = "1.0.1", seq: int = 2, **environment: str) -> Answer:
    bundle = shore().bundle(name, seq, "1.0.0")
    return unrep("apply", bundle, "--site", ship.root, "--trust", shore().trust_file, environment=environment)


# The site


def test_strangers_in_versions_are_left_alone(ship: Ship) -> None:
    (ship.site.versions / "read me.txt").write_text("from the last superintendent")
    (ship.site.versions / "1.0.1-backup").mkdir()
    code, told, _ = applied(ship)
    assert (code, told["outcome"]) == (0, "applied")
    assert (ship.site.versions / "read me.txt").exists() and (ship.site.versions / "1.0.1-backup").is_dir()
    assert unrep("gc", "--site", ship.root)[0] == 0
    assert (ship.site.versions / "read me.txt").exists() and (ship.site.versions / "1.0.1-backup").is_dir()


def _a_directory(ship: Ship) -> None:
    ship.point(None)
    (ship.root / "current/app").mkdir(parents=True)


def _a_file(ship: Ship) -> None:
    ship.point(None)
    (ship.root / "current").write_text("versions/1.0.0")


def _elsewhere(ship: Ship) -> None:
    (ship.root.parent / "another application").mkdir()
    ship.point("../another application")


def _an_unknown_version(ship: Ship) -> None:
    (ship.site.versions / "9.9.9").mkdir()
    ship.point("versions/9.9.9")


def _nowhere(ship: Ship) -> None:
    ship.point("versions/0.9.9")


def _a_newer_record(ship: Ship) -> None:
    with sqlite3.connect(ship.site.private / "state.db") as database:
        database.execute("PRAGMA user_version = 9")
        database.execute("PRAGMA application_id = 9")
    database.close()


def _a_torn_record(ship: Ship) -> None:
    whole = (ship.site.private / "state.db").read_bytes()
    (ship.site.private / "state.db").write_bytes(whole[: len(whole) // 2])


def _a_record_of_zeros(ship: Ship) -> None:
    (ship.site.private / "state.db").write_bytes(bytes((ship.site.private / "state.db").stat().st_size))


def _no_record(ship: Ship) -> None:
    for file in ship.site.private.glob("state.db*"):
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_a_directory, "current is not a "),
        (_a_file, "current is not a "),
        (_elsewhere, "current points to "),
        (_an_unknown_version, "current: points to 9.9.9, which unrep did not install"),
        (_nowhere, "current: points to 0.9.9, which unrep did not install"),
        (_a_newer_record, "state.db"),
        (_a_torn_record, "state.db"),
        (_a_record_of_zeros, "state.db"),
        (_no_record, "current: points to 1.0.0, which unrep did not install"),
    ],
)
def test_what_is_not_ours_or_not_whole_is_named_and_stays(
    ship: Ship, spoil: Callable[[Ship], None], words: str
) -> None:
    spoil(ship)
    before = ship.seen("versions", "current")
    code, told, sentence = applied(ship)
    assert code == 5 and words in sentence and told["error"] in sentence, sentence
    assert ship.seen("versions", "current") == before and ship.calls == []


def test_a_site_on_a_read_only_disk(tmp_path: Path) -> None:
    with on_a_small_disk(tmp_path, "1.0.0") as ship:
        subprocess.run(["mount", "-o", "remount,ro", ship.root], check=True)
        code, _, sentence = applied(ship)
        assert code == 5 and sentence.startswith(f"unrep: {ship.root}") and "Read-only file system" in sentence
        assert unrep("status", "--site", ship.root)[1]["current"]["version"] == "1.0.0"
        subprocess.run(["mount", "-o", "remount,rw", ship.root], check=True)
        assert applied(ship)[0] == 0
        ship.check_sound()


# The application's commands


def hooked(ship: Ship, code: str, hook: str = "snapshot") -> None:
    """Makes that Python code the hook; a command may take 2 s."""
    table = {"snapshot": "hooks", "restart": "switch"}[hook]
    config = ship.root / "unrep.toml"
    text = config.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(f"{hook} =")]
    lines.insert(lines.index(f"[{table}]") + 1, f"{hook} = {json.dumps([sys.executable, '-I', '-S', '-c', code])}")
    config.write_text("\n".join([*lines, "[limits]", "command_timeout_s = 2"]) + "\n")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(600)", "was killed after 2 s"),
        ("import sys; sys.exit('the dump failed')", "its last line: the dump failed"),
        ("import os\nwhile True: os.write(1, bytes(1 << 16))", "was killed after 2 s"),
        ("import os; os.kill(os.getpid(), 9)", ""),
    ],
    ids=["hangs", "fails", "floods", "dies"],
)
def test_a_snapshot_that_does_not_behave_stops_the_update(ship: Ship, code: str, words: str) -> None:
    hooked(ship, code)
    before = ship.state
    actual, _, sentence = applied(ship)
    assert actual == 5 and "snapshot: " in sentence and words in sentence
    assert ship.current == "1.0.0" and ship.calls == ["prepare 1.0.1 current=1.0.0"]
    assert ship.state.current == before.current and ship.state.pending is None


def test_a_hook_that_forks_away_is_not_waited_for(ship: Ship, tmp_path: Path) -> None:
    left = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', %r])"
    child = f"import pathlib, time; time.sleep(3); pathlib.Path({str(tmp_path / 'outlived')!r}).touch()"
    hooked(ship, left % child)
    begun = time.monotonic()
    assert applied(ship)[0] == 0
    assert not (tmp_path / "outlived").exists() or time.monotonic() - begun > 3
    until((tmp_path / "outlived").exists)  # nobody killed it either
    ship.check_sound()


class _Odd(BaseHTTPRequestHandler):
    """/slow sends a byte every 0.1 s, /endless sends 10 GB, as far as anybody reads them."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10 << 30))
        self.end_headers()
        piece, pause_s = (b".", 0.1) if self.path == "/slow" else (bytes(1 << 16), 0)
        self.server.sent = 0  # type: ignore[attr-defined]
        try:
            while self.server.sent < 10 << 30:  # type: ignore[attr-defined]
                self.wfile.write(piece)
                self.server.sent += len(piece)  # type: ignore[attr-defined]
                time.sleep(pause_s)
        except OSError:
            pass

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("path", "words"), [("slow", "no answer within 0."), ("endless", "without 'ready'")])
def test_a_health_url_that_never_ends_is_a_failed_check(ship: Ship, path: str, words: str) -> None:
    """The version that runs is asked first, and fails as well: the check is taken to be at fault [A-144]."""
    with served() as server:
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        check = f'[[health]]\ntype = "http"\nurl = "{url}"\nexpect_body_contains = "ready"\ntimeout_s = 0.5\n'
        ship.configure(extra=check, deadline_s=1.5)
        code, told, _ = applied(ship)
        assert code == 5 and words in told["reason"] and ship.current == "1.0.0" and not ship.state.quarantined
        assert server.sent < 64 << 20  # type: ignore[attr-defined]


# The clock


@contextmanager
def setting(clock: Path, jump_s: int, ship: Ship) -> Iterator[None]:
    """Sets the clock as soon as the first health check waits, and lets that go on."""

    def set_it() -> None:
        until((ship.app / "waiting").exists)
        clock.write_text(str(jump_s))
        ship.relieve("wait-health")

    hand = threading.Thread(target=set_it)
    hand.start()
    yield
    hand.join()


@pytest.mark.parametrize("jump_s", [-1_780_000_000, 2_300_000_000], ids=["1970", "2099"])
@pytest.mark.parametrize(("name", "code", "version"), [("1.0.1", 0, "1.0.1"), ("sick", 6, "1.0.0")])
def test_a_clock_that_is_set_in_the_health_window(
    ship: Ship, tmp_path: Path, jump_s: int, name: str, code: int, version: str
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "path").mkdir()
    (tmp_path / "path/sitecustomize.py").write_text(CLOCK)
    ship.configure(deadline_s=5, consecutive_passes=3)
    ship.order("wait-health")
    with setting(clock, jump_s, ship):
        actual, told, sentence = applied(ship, name, CLOCK=str(clock), PYTHONPATH=str(tmp_path / "path"))
    assert actual == code, sentence
    assert ship.current == version and 0 <= told["seconds"] < PATIENCE_S
    ship.check_sound()
    assert applied(ship, "1.0.2", 3)[0] == 0  # and when the clock is right again
    ship.check_sound()
