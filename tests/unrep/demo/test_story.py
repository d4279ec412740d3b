"""`unrep demo`: it tells its story to the end, needs nothing, and leaves neither a file nor a process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.observers.processes import left_running

PATIENCE_S = 120.0
pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty directory, which is the home, the temporary and the working directory of the demonstration."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def started(home: Path) -> "subprocess.Popen[str]":
    """The demonstration, in a session of its own, with what it says on a pipe."""
    places = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(home))
    return subprocess.Popen(
        [sys.executable, "-m", "unrep", "demo"],
        cwd=home,
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_nothing_left(home: Path) -> None:
    assert list(home.iterdir()) == []
    if sys.platform == "linux":
        assert left_running(home) == []


def paragraphs(told: str) -> dict[str, list[str]]:
    """Headings and the lines below them."""
    blocks = [block.splitlines() for block in told.strip().split("\n\n")]
    return {block[0]: block[1:] for block in blocks}


def test_it_runs_to_its_end_and_leaves_nothing(home: Path) -> None:
    run = started(home)
    told, failures = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, failures
    assert re.fullmatch(r"unrep: version 1\.0\.2 failed: .*\n", failures) and "\x1b" not in told
    assert_nothing_left(home)

    introduction, *steps, figures, last = paragraphs(told).items()
    assert str(home) in introduction[0]
    served = []
    for heading, lines in steps:
        assert re.fullmatch(r"[A-Z][^\n]*: .*", heading), f"not a heading: {heading}"
        assert any(line.startswith("$ unrep ") for line in lines)
        served += re.findall(r"server answers: harbour (\S+)", "\n".join(lines))
    assert served == ["1.0.0", "1.0.1", "1.0.1", "1.0.0"]
    commands = [line.split()[2] for _, lines in steps for line in lines if line.startswith("$ ")]
    assert commands == ["keygen", "build", "apply", "build", "fetch", "apply", "build", "apply", "rollback", "status"]
    assert "exit code 6" in told

    assert figures[0] == "Figures of this run"
    columns = [re.match(r"  \S.*?  +(?=\S)", line) for line in figures[1]]
    assert len({column.end() if column else 0 for column in columns}) == 1, "the table has two columns"
    assert all(re.search(r"  [\d,.]+ (bytes|ms|s)\b", line) for line in figures[1])
    assert re.search(r"[1-9]\d* breaks survived", told)
    assert re.fullmatch(r"Done in [\d.]+ s; nothing was left behind, and nothing is running\.", last[0])


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal here")
def test_ctrl_c_leaves_nothing_either(home: Path) -> None:
    run = started(home)
    assert run.stdout
    for line in run.stdout:
        if "server answers" in line:
            break
    os.killpg(run.pid, signal.SIGINT)
    _, failures = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130 and "Traceback" not in failures
    assert_nothing_left(home)
