"""One real update, from beginning to end: the VMS example with its real wheels, by the commands that people type.

1.0.0 is installed and served; 1.0.1 comes as a delta, from nginx across a bad link, and is served; 1.0.2 answers its
health check with 500 and is gone again by itself; then a person goes back to 1.0.0.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.nginx import free_port, nginx
from tests.support.vms import collected
from tests.support.weather import weather

EXAMPLE = Path(__file__).parents[2] / "examples" / "vms"
SEED = 8


class Ship:
    """A site with the example's own configuration, on a free port, and the commands in the directory that holds it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "site"
        self.site.mkdir()
        self.listen = f"127.0.0.1:{free_port()}"
        config = (EXAMPLE / "unrep.toml").read_text(encoding="utf-8")
        assert config.count("127.0.0.1:8000") == 2
        config = config.replace("127.0.0.1:8000", self.listen).replace('"python3"', json.dumps(sys.executable))
        config = config.replace("deadline_s = 60", "deadline_s = 6").replace("interval_s = 0.5", "interval_s = 0.2")
        (self.site / "unrep.toml").write_text(config, encoding="utf-8")

    def unrep(self, line: str, expected: int = 0) -> dict[str, Any]:
        """The JSON object of a command that must end with that exit code, and without a traceback."""
        argv = [sys.executable, "-m", "unrep", *line.split(), "--json"]
        done = subprocess.run(argv, cwd=self.directory, capture_output=True, text=True, timeout=300)
        assert done.returncode == expected, done.stderr
        assert "Traceback" not in done.stderr
        document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return document

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def serves(self, version: str) -> bool:
        """Whether the server that answers is this version, by its health and by its page."""
        return json.loads(self.page("/health"))["version"] == version and f"version {version}" in self.page("/")

    def stop(self) -> None:
        restart = self.site / "current" / "restart.py"
        if restart.exists():
            environment = {**os.environ, "UNREP_SITE": str(self.site)}
            argv = [sys.executable, str(restart), "--listen", self.listen, "--stop"]
            subprocess.run(argv, env=environment, cwd=self.site, check=True, timeout=60)


@pytest.fixture
def ship(tmp_path: Path) -> Iterator[Ship]:
    afloat = Ship(tmp_path)
    try:
        yield afloat
    finally:
        afloat.stop()


@pytest.mark.skipif(os.name == "nt", reason="nginx and the link are tried on Linux")
def test_one_real_update(ship: Ship, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    print(f"seed {SEED}")
    cache = request.config.cache.mkdir("vms")
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        (tmp_path / version).symlink_to(collected(version, cache))
    www = tmp_path / "www"
    www.mkdir()

    # Ashore: a key, the first release in full, the second as a delta, the third that will fail.
    keygen = [sys.executable, "-m", "unrep", "keygen", "--out", "shore"]
    subprocess.run(keygen, cwd=tmp_path, check=True, capture_output=True)
    release = "--product vms --key shore.key --platform posix"
    full = ship.unrep(f"build 1.0.0 {release} --version 1.0.0 --seq 1 --out www/vms-1.0.0.unrep")
    built = ship.unrep(f"build 1.0.1 {release} --version 1.0.1 --seq 2 --base 1.0.0 --out www/vms-1.0.1.unrep")
    ship.unrep(f"build 1.0.2 {release} --version 1.0.2 --seq 3 --base 1.0.1 --out www/vms-1.0.2.unrep")
    assert built["bytes"] < full["bytes"] / 100, "another Django is a small part of Django"

    # The first install, from a directory such as a stick.
    ship.unrep("fetch www/vms-1.0.0.unrep --trust shore.pub --site site --out first.unrep")
    installed = ship.unrep("apply first.unrep --site site --trust shore.pub")
    assert (installed["outcome"], installed["from"], installed["to"]) == ("applied", "", "1.0.0")
    assert ship.serves("1.0.0")
    assert "Fleet of" not in ship.page("/")

    # The update, from nginx across a slow link that drops.
    with (
        nginx(www, tmp_path / "nginx") as server,
        weather(server.port, seed=SEED, rate_kbps=24, delay_ms=100, mtbf_s=0.8) as link,
    ):
        address = link.url("vms-1.0.1.unrep")
        fetched = ship.unrep(f"fetch {address} --trust shore.pub --site site --out update.unrep --patience 60")
        assert link.stats()["drops"] >= 1, "the link was too good to prove anything"
    assert fetched["complete"] and fetched["bytes_needed"] == built["bytes"]
    rehearsed = ship.unrep("apply update.unrep --site site --trust shore.pub --dry-run")
    assert rehearsed["outcome"] == "would-apply" and ship.serves("1.0.0")
    applied = ship.unrep("apply update.unrep --site site --trust shore.pub")
    assert (applied["outcome"], applied["from"], applied["to"]) == ("applied", "1.0.0", "1.0.1")
    assert ship.serves("1.0.1")
    assert "Fleet of 5" in ship.page("/"), "the page is the new release's"
    packages = ship.site / ".unrep" / "venvs" / "1.0.1" / "lib"
    assert [path.name.lower() for path in packages.rglob("?jango-*.dist-info")] == ["django-4.2.16.dist-info"]
    assert same_files(ship.site / "current", tmp_path / "1.0.1")

    # Once more: nothing happens, the server is not restarted.
    pid = (ship.site / "vms-data" / "vms.pid").read_text(encoding="utf-8")
    assert ship.unrep("apply update.unrep --site site --trust shore.pub")["outcome"] == "already-current"
    assert (ship.site / "vms-data" / "vms.pid").read_text(encoding="utf-8") == pid

    # A release whose health check fails is gone again by itself, and stays out.
    failed = ship.unrep("apply www/vms-1.0.2.unrep --site site --trust shore.pub", expected=6)
    assert (failed["outcome"], failed["to"], failed["exit_code"]) == ("rolled-back", "1.0.1", 6)
    assert "answered 500, expected 200" in failed["reason"] and failed["steps"]["switch_back"] < 1
    assert ship.serves("1.0.1")
    assert "quarantine" in ship.unrep("apply www/vms-1.0.2.unrep --site site --trust shore.pub", expected=3)["error"]

    # And by hand.
    back = ship.unrep("rollback --site site")
    assert (back["outcome"], back["from"], back["to"]) == ("rolled-back", "1.0.1", "1.0.0")
    assert ship.serves("1.0.0")
    status = ship.unrep("status --site site")
    assert (status["state"], status["current"]["version"]) == ("ok", "1.0.0")
    assert {entry["version"] for entry in status["quarantined"]} == {"1.0.1", "1.0.2"}


def same_files(one: Path, other: Path) -> bool:
    """Whether every file of `other` stands in `one` with the same content."""
    names = [path.relative_to(other) for path in other.rglob("*") if path.is_file()]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
