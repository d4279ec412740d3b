"""The launcher of Windows: it keeps the agent, and is told by nothing but the end of a pipe [A-237] [A-238]."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, until
from tests.support.sites.stub_home import Home
from unrep.renewing import windows_launcher
from unrep.renewing.windows_launcher import Home as Launched

KEEPING = """
import signal, sys, threading, time
from pathlib import Path
from unrep.renewing import windows_launcher
windows_launcher.STOP_PATIENCE_S = 2
def stop():
    while not (home / "asked").exists():
        time.sleep(0.05)
    signal.raise_signal(signal.SIGINT)
home = Path(sys.argv[1])
threading.Thread(target=stop, daemon=True).start()
sys.exit(windows_launcher.keep_agent(windows_launcher.Home(home), ["--site", "/srv/vms"], sys.stderr))
"""


@pytest.fixture
def at(tmp_path: Path) -> Home:
    (tmp_path / "a home ü").mkdir()
    return Home(tmp_path / "a home ü", "pointer")


def keeping(at: Home, **answers: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "TOLD": str(at.root / "told"), "PYTHONPATH": str(REPOSITORY), **answers}
    return subprocess.Popen([sys.executable, "-c", KEEPING, str(at.root)], env=environment)


def told(at: Home) -> list[str]:
    path = at.root / "told"
    return path.read_text("utf-8").splitlines() if path.exists() else []


STARTED = "2 agent --until-input-ends --site /srv/vms"


def test_a_service_that_is_stopped_ends_its_agent_by_the_end_of_a_pipe(at: Home) -> None:
    """[A-238]"""
    with keeping(at) as launcher:
        until(lambda: told(at) == [STARTED])
        (at.root / "asked").touch()
        assert launcher.wait(PATIENCE_S) == 0
    assert told(at) == [STARTED, "2 has no input any more"]


def test_an_agent_ends_with_its_launcher_however_that_ends(at: Home) -> None:
    """[A-238]: so the next one finds no lock."""
    with keeping(at) as launcher:
        until(lambda: told(at) == [STARTED])
        launcher.kill()
    until(lambda: told(at)[1:] == ["2 has no input any more"])


def test_an_agent_that_hangs_is_killed(at: Home) -> None:
    """[A-238]"""
    with keeping(at, HANGS="1") as launcher:
        until(lambda: told(at) == [STARTED])
        (at.root / "asked").touch()
        began = time.monotonic()
        assert launcher.wait(PATIENCE_S) == 0 and time.monotonic() - began < 60


@pytest.mark.parametrize("text", ["raise SystemExit(0)", "raise RuntimeError"])
def test_an_agent_that_ends_by_itself_is_a_failure_of_the_service(at: Home, text: str) -> None:
    """[A-67]: after which Windows starts it again."""
    at.stub("2", text)
    with keeping(at) as launcher:
        assert launcher.wait(PATIENCE_S) == 1


@pytest.mark.parametrize("text", ["", "versions/", "\0", "x" * 5000, "versions/.unrep", "versions/a:b", "\xff"])
def test_a_current_that_names_no_version(at: Home, text: str) -> None:
    (at.root / "current").write_bytes(text.encode("latin-1"))
    assert Launched(at.root).current() in ("", "x" * 4096)
    (at.root / "current").unlink()
    assert Launched(at.root).current() == ""


def test_a_version_that_hangs_when_it_is_asked_is_of_no_use(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-232]: the round goes on without it."""
    monkeypatch.setattr(windows_launcher, "ASKING_PATIENCE_S", 1.0)
    monkeypatch.setenv("TOLD", str(at.root / "told"))
    at.stub("1", "import time\ntime.sleep(9999)")
    home = Launched(at.root)
    assert not home.can("1", "--version") and home.can("3", "--version")
    assert windows_launcher.judge(home, "2", "1") == "3"


@pytest.mark.parametrize("shown", ["", "[]", "null", '"state"', "{", json.dumps({"state": "pending"})])
def test_a_status_that_says_nothing(shown: str) -> None:
    assert windows_launcher._state(shown) != "ok"


def test_nobody_but_the_service_manager_starts_it_as_a_service(at: Home) -> None:
    with at.start("agent", "unrep-agent-x", str(at.root / "log"), "--site", "/srv/vms") as running:
        assert running.wait(PATIENCE_S) == 5


@pytest.mark.parametrize("fault", ["full", "gone"])
def test_rounds_go_on_after_one_that_failed(at: Home, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """As on a full disk: the next one tries again."""
    monkeypatch.setattr(windows_launcher, "FIRST_ROUND_S", 0.0)
    monkeypatch.setattr(windows_launcher, "BETWEEN_ROUNDS_S", 0.0)
    rounds: list[str] = []

    def fail(*_: object) -> int:
        rounds.append(fault)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        raise OSError(fault)

    said: list[str] = []
    monkeypatch.setattr(windows_launcher, "renew", fail)
    with pytest.raises(KeyboardInterrupt):
        windows_launcher.keep_renewing(Launched(at.root), "/srv/vms", "600", said.append)
    assert said == [f"renew: {fault}"] * 2
