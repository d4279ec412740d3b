"""`unrep page`, and the page that an agent shows: as processes, told to stop as a service is. [A-197]"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.observers.command import run
from tests.support.repository import REPOSITORY
from tests.support.sites.mate_page import mates_ship
from tests.support.sites.site import PATIENCE_S, Ship, shore

posix = pytest.mark.skipif(os.name == "nt", reason="SIGTERM of POSIX")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return mates_ship(tmp_path, "1.0.0")


def started(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "unrep", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)


def address(process: "subprocess.Popen[str]") -> str:
    """Where the page is, as the process says it."""
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"the mate's page is at (http://127\.0\.0\.1:\d+/)", line):
            return found[1]
    raise AssertionError("it told no address")


def stopped(process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said, said
    return process.returncode, said


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@posix
def test_until_it_is_told_to_stop(ship: Ship) -> None:
    process = started("page", "--site", ship.root, "--port", 0)
    with urllib.request.urlopen(address(process), timeout=PATIENCE_S) as answer:
        assert b"All is well" in answer.read()
    code, said = stopped(process)
    assert code == 0 and said.endswith("stopped\n")


@posix
def test_an_agent_shows_it_where_that_is_configured(ship: Ship, tmp_path: Path) -> None:
    """[A-197]"""
    port = free_port()
    text = (ship.root / "unrep.toml").read_text()
    (tmp_path / "source").mkdir()
    shutil.copy(shore().bundle("1.0.1", 2, "1.0.0"), tmp_path / "source" / "b.unrep")
    text = text.replace("[agent]\n", '[agent]\nsources = ["../source"]\n')
    ship.write_config(text.replace("[page]\n", f"[page]\nby_agent = true\nport = {port}\n"))
    process = started("agent", "--site", ship.root)
    assert address(process) == f"http://127.0.0.1:{port}/"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
        assert b"vms" in answer.read()
    assert stopped(process)[0] == 0


@posix
def test_a_port_that_is_taken(ship: Ship) -> None:
    """[A-197]: the page is refused, an agent works without it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("page", "--site", ship.root, "--port", port)
        assert code == 2 and "cannot be listened on" in err
        text = (ship.root / "unrep.toml").read_text().replace("[agent]\n", '[agent]\nsources = ["."]\n')
        ship.write_config(text.replace("[page]\n", f"[page]\nby_agent = true\nport = {port}\n"))
        process = started("agent", "--site", ship.root)
        assert process.stderr and "the mate's page is not shown" in process.stderr.readline()
        assert "started:" in process.stderr.readline()
        assert stopped(process)[0] == 0


def test_without_a_configuration_that_can_be_read(ship: Ship) -> None:
    ship.write_config("[page]\nport = 0\n")
    code, _, err = run("page", "--site", ship.root)
    assert code == 2 and "page.port" in err
