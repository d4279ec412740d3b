"""`unrep run`, and a site whose `current` is a pointer file [A-2], [A-66]."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apply.current.opening import open_switch
from apply.errors import RolledBack, SiteInvalid
from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore, until

SHOW = (
    "import json, os, pathlib, sys; print(json.dumps([os.getcwd(), pathlib.Path('VERSION').read_text(), "
    "os.environ['UNREP_VERSION'], os.environ['UNREP_TREE'], sys.argv[1:], os.getpid()])); sys.exit(7)"
)


@pytest.fixture(params=["link", "pointer"])
def ship(request: pytest.FixtureRequest, tmp_path: Path) -> Ship:
    """A ship on 1.0.0 with either kind of `current`."""
    made = Ship.sailing(tmp_path, "1.0.0")
    if request.param == "pointer":
        made.point(None)
        with_pointer(made)
        made.recover()
    return made


def with_pointer(ship: Ship) -> None:
    text = (ship.root / "unrep.toml").read_text()
    (ship.root / "unrep.toml").write_text(text.replace("[switch]", '[switch]\ncurrent = "pointer"'))


def started(ship: Ship, *command: object) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "unrep", "run", "--site", str(ship.root), "--", *map(str, command)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(ship: Ship, *command: object) -> tuple[int, str, str]:
    process = started(ship, *command)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def test_the_command_runs_in_the_real_tree(ship: Ship) -> None:
    """[A-66]"""
    process = started(ship, sys.executable, "-c", SHOW, "{version}", "--site", "{tree}")
    out, err = process.communicate(timeout=PATIENCE_S)
    cwd, version, told, tree, arguments, number = json.loads(out)
    real = ship.root / "versions" / "1.0.0"
    assert (process.returncode, err) == (7, "") and Path(cwd) == real == Path(tree)
    assert version == told == "1.0.0" and arguments == ["1.0.0", "--site", str(real)]
    assert os.name == "nt" or number == process.pid, "it takes the place of the launcher"


def test_what_is_started_keeps_its_version_and_the_next_gets_the_new_one(ship: Ship) -> None:
    """[A-66]"""
    wait = "import os, pathlib, sys; print(1, flush=True); sys.stdin.read(); print(pathlib.Path('VERSION').read_text())"
    argv = [sys.executable, "-m", "unrep", "run", "--site", str(ship.root), "--", sys.executable, "-c", wait]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout and process.stdout.readline() == "1\n"
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        out, _ = process.communicate("", timeout=PATIENCE_S)
    assert out.strip() == "1.0.0"
    _, out, _ = run(ship, sys.executable, "-c", SHOW)
    assert json.loads(out)[1] == "1.0.1"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_signals_reach_the_command(ship: Ship) -> None:
    """[A-66]"""
    process = started(ship, sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)")
    assert process.stdout and process.stdout.readline() == "1\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGTERM


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_no_signal_stays_ignored(ship: Ship) -> None:
    """Python ignores SIGPIPE, and what is ignored stays so when a program takes another's place."""
    _, out, _ = run(ship, "sh", "-c", "grep SigIgn /proc/self/status || echo SigIgn: 0")
    assert int(out.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0 if sys.platform == "linux" else True


@pytest.mark.skipif(os.name != "nt", reason="on POSIX there is one process only")
def test_the_command_ends_with_its_launcher(ship: Ship, tmp_path: Path) -> None:
    """[A-66]"""
    beat = (
        "import pathlib, sys, time\nwhile True:\n"
        "    pathlib.Path(sys.argv[1]).write_text(str(time.time()))\n    time.sleep(0.05)"
    )
    process = started(ship, sys.executable, "-c", beat, tmp_path / "beat")
    until((tmp_path / "beat").exists)
    process.kill()
    process.wait()
    read: list[str] = []

    def stands_still() -> bool:
        read.append((tmp_path / "beat").read_text())
        return len(read) > 100 and read[-1] == read[-100]

    until(stands_still)


def test_what_cannot_be_started_is_said_in_one_sentence(ship: Ship, tmp_path: Path) -> None:
    code, out, err = run(ship, "no-such-program", "--json")
    assert (code, err.count("\n")) == (2, 1) and "no-such-program: cannot be started in" in err
    empty = Ship(tmp_path / "other")
    code, out, err = run(empty, sys.executable)
    assert (code, out, err.count("\n")) == (5, "", 1) and "apply a release first" in err


def test_an_update_and_a_failure_with_a_pointer(tmp_path: Path) -> None:
    """[A-2]"""
    ship = Ship(tmp_path)
    (ship.root / "unrep.toml").write_text(
        f"[switch]\ncurrent = 'pointer'\n[[health]]\ntype = 'command'\nargv = {json.dumps(_check())}\n"
        "[health_window]\nstart_after_s = 0\ndeadline_s = 2\ninterval_s = 0.02\nconsecutive_passes = 1\n"
    )
    pointer = ship.root / "current"
    ship.apply(shore().bundle("1.0.0", 1))
    assert pointer.read_bytes() == b"versions/1.0.0\n"
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert pointer.read_bytes() == b"versions/1.0.1\n"
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("sick", 3, "1.0.1"))
    assert pointer.read_bytes() == b"versions/1.0.1\n"
    assert ship.roll_back().to_version == "1.0.0" and pointer.read_bytes() == b"versions/1.0.0\n"
    pointer.unlink()
    ship.recover()
    assert pointer.read_bytes() == b"versions/1.0.0\n"
    (ship.root / "unrep.toml").write_text("")
    with pytest.raises(SiteInvalid, match="current"):
        ship.recover()


def test_a_link_where_a_pointer_is_configured_is_refused_with_advice(tmp_path: Path) -> None:
    """[A-2]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    with_pointer(ship)
    with pytest.raises(SiteInvalid, match="remove it, and the next run makes the file"):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.point(None)
    ship.recover()
    assert open_switch(ship.root, "pointer").read() == ship.root / "versions" / "1.0.0"


def _check() -> list[str]:
    healthy = "import pathlib, sys; sys.exit((pathlib.Path(sys.argv[1]) / 'health.txt').read_text() != 'ok')"
    return [sys.executable, "-I", "-S", "-c", healthy, "{tree}"]
