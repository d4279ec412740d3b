"""The VMS example by itself: installed from its wheels, served, asked, restarted to another version, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contents.vms import collected, environment, write_source
from tests.support.links.nginx import free_port


@pytest.fixture(scope="module")
def cache(request: pytest.FixtureRequest) -> Path:
    """Where releases and environments stay from run to run."""
    return request.config.cache.mkdir("vms")


@pytest.fixture(scope="module")
def release(cache: Path) -> Path:
    """The release 1.0.0, with its wheels."""
    return collected("1.0.0", cache)


@pytest.fixture(scope="module")
def venv(release: Path, cache: Path) -> Path:
    """Its environment; 1.0.1 and 1.0.2 run in it as well."""
    return environment(release, cache)


class Ship:
    """A data directory, a port, and the two versions' scripts."""

    def __init__(self, directory: Path, venv: Path) -> None:
        self.site = directory
        self.data = directory / "vms-data"
        self.listen = f"127.0.0.1:{free_port()}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VMS_")},
            "UNREP_SITE": str(directory),
            "UNREP_VENV": str(venv),
        }

    def restart(self, tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs a tree's restart.py, with this Python rather than the environment's, as a ship's configuration does."""
        command = [sys.executable, str(tree / "restart.py"), "--listen", self.listen, *options]
        return subprocess.run(command, env=self.environment, cwd=self.site, capture_output=True, text=True, timeout=90)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def answers(self) -> bool:
        """Whether anything listens on the port."""
        host, port = self.listen.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def pid(self) -> int:
        """The process id that the server wrote down."""
        return int((self.data / "vms.pid").read_text(encoding="utf-8"))


def well(version: str) -> tuple[int, str]:
    """The health answer of a version, in the environment of 1.0.0."""
    return 200, json.dumps({"status": "ok", "version": version, "django": "4.2.15"})


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be counted does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def ship(tmp_path: Path, release: Path, venv: Path) -> Iterator[Ship]:
    afloat = Ship(tmp_path, venv)
    yield afloat
    afloat.restart(release, "--stop")
    assert not afloat.answers(), "the test left a server behind"


@pytest.mark.skipif(os.name == "nt", reason="reads /proc")
def test_serve_restart_and_stop(ship: Ship, tmp_path: Path) -> None:
    first, second = (write_source(version, tmp_path / version) for version in ("1.0.0", "1.0.1"))
    before = sorted(path for tree in (first, second) for path in tree.rglob("*"))

    assert ship.restart(first, "--stop").returncode == 0, "stopping what does not run is no fault"
    started = ship.restart(first)
    assert started.returncode == 0, started.stderr
    assert ship.get("/health") == well("1.0.0")
    status, page = ship.get("/")
    assert status == 200 and "version 1.0.0" in page and "Kittiwake" in page and "51°54.3" in page
    old = ship.pid()

    assert ship.restart(second).returncode == 0
    assert ship.get("/health") == well("1.0.1")
    assert "Fleet of 5" in ship.get("/")[1]
    assert not is_alive(old) and is_alive(ship.pid())

    last = ship.pid()
    assert ship.restart(second, "--stop").returncode == 0
    assert not ship.answers() and not is_alive(last)
    assert sorted(path for tree in (first, second) for path in tree.rglob("*")) == before, "a tree was written to"


def test_health_fails_without_its_table_and_in_the_sick_version(ship: Ship, tmp_path: Path) -> None:
    good, sick = write_source("1.0.0", tmp_path / "1.0.0"), write_source("1.0.2", tmp_path / "1.0.2")
    assert ship.restart(good).returncode == 0
    (ship.data / "vms.sqlite3").write_bytes(b"")
    status, body = ship.get("/health")
    assert status == 503 and json.loads(body)["version"] == "1.0.0"

    (ship.data / "vms.sqlite3").unlink()
    assert ship.restart(sick).returncode == 0
    assert ship.get("/health")[0] == 500
    assert ship.get("/")[0] == 200


def test_a_server_started_through_current_stays_with_its_tree(ship: Ship, tmp_path: Path) -> None:
    first, second = (write_source(version, tmp_path / version) for version in ("1.0.0", "1.0.2"))
    current = tmp_path / "current"
    current.symlink_to(first, target_is_directory=True)
    assert ship.restart(current).returncode == 0
    current.unlink()
    current.symlink_to(second, target_is_directory=True)
    assert ship.get("/health") == well("1.0.0")
    assert ship.get("/")[1].count("version 1.0.0") == 1


def test_a_server_that_cannot_start_is_reported_with_its_log(ship: Ship, tmp_path: Path) -> None:
    broken = write_source("1.0.0", tmp_path / "broken")
    (broken / "vms" / "urls.py").write_text("import a_module_that_is_not_there\n", encoding="utf-8")
    failed = ship.restart(broken)
    assert failed.returncode == 1 and "a_module_that_is_not_there" in failed.stderr


@pytest.mark.skipif(os.name == "nt", reason="stops a process by signal")
def test_a_server_that_does_not_listen_is_ended_by_force(ship: Ship, release: Path) -> None:
    assert ship.restart(release).returncode == 0
    stuck = ship.pid()
    os.kill(stuck, signal.SIGSTOP)
    impatient = "import sys, restart; restart.STOP_DEADLINE_S = 0.3; sys.argv += ['--stop']; restart.main()"
    subprocess.run([sys.executable, "-c", impatient], env=ship.environment, cwd=release, check=True)
    assert not is_alive(stuck) and not ship.answers()


def test_a_strangers_port_is_left_alone(ship: Ship, tmp_path: Path, release: Path) -> None:
    host, port = ship.listen.split(":")
    with socket.create_server((host, int(port))):
        ship.data.mkdir()
        # As after a power cut: the number stands there, and belongs to somebody else since.
        (ship.data / "vms.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
        refused = ship.restart(release)
    assert refused.returncode == 1 and "taken by another program" in refused.stderr
