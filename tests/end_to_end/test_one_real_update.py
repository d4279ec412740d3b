"""One real update of the VMS site, from source to rollback, every step by the command: examples/vms/README.md, tried.

Nothing is pretended: wheels from a registry, bundles of them, nginx behind a link that breaks, environments that pip
fills aboard without a network, and a Django that is asked which version it is.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bundle.read.tree import scan
from tests.support.contents.vms import VERSIONS, collected, venv_python
from tests.support.links.bad_link import weather
from tests.support.links.nginx import free_port, nginx
from tests.support.observers.processes import command_line, left_running
from tests.support.repository import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "vms" / "unrep.toml"
PYTHON = "python" if os.name == "nt" else "python3"
# 8,000 bytes a second; it breaks in mid-body, and once more with half a second of silence.
BAD_LINK = {"rate_kbps": 64, "delay_ms": 20, "at": [(0.4, "rst", 0.0), (0.9, "refuse", 0.5)]}


class Voyage:
    """A directory with what the shore builds, and in `site` the ship's installation."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "site"
        self.listen = f"127.0.0.1:{free_port()}"
        # As on a ship, `python3` is found on PATH: it is the one that the wheels were collected for.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        self.environment = {**os.environ, "PATH": path}

    def configure(self) -> None:
        """Writes the example's configuration, with a free port, and with less patience for a version that is sick."""
        text = EXAMPLE.read_text(encoding="utf-8")
        for old, new in (
            ("127.0.0.1:8000", self.listen),
            ("deadline_s = 60", "deadline_s = 6"),
            ('"python3"', f'"{PYTHON}"'),
        ):
            assert old in text
            text = text.replace(old, new)
        self.site.mkdir()
        (self.site / "unrep.toml").write_text(text, encoding="utf-8")

    def unrep(self, line: str, code: int = 0) -> dict[str, Any]:
        """Runs a command to that exit code; the JSON object that it prints."""
        command = [sys.executable, "-m", "unrep", *line.split(), "--json"]
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, f"{line}: exit code {done.returncode}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def apply(self, bundle: str, code: int = 0) -> dict[str, Any]:
        return self.unrep(f"apply {bundle} --site site --trust shore.pub", code)

    def history(self) -> list[dict[str, Any]]:
        """All runs so far; `unrep history` prints one object a line."""
        command = [sys.executable, "-m", "unrep", "history", "--site", "site", "--json"]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def serves(self, version: str, django: str) -> int:
        """Sees to it that this version answers, out of its own environment; the process that does."""
        assert json.loads(self.get("/health")) == {"status": "ok", "version": version, "django": django}
        page = self.get("/")
        assert f"version {version}" in page and "Kittiwake" in page
        assert ("Fleet of 5" in page) == (version != "1.0.0")
        pid = int((self.site / "vms-data" / "vms.pid").read_text(encoding="utf-8"))
        if sys.platform == "linux":
            python, script = command_line(pid)[:2]
            assert Path(python) == venv_python(self.site / ".venvs" / version)
            assert Path(script) == self.site / "versions" / version / "serve.py"
        return pid

    def stop(self) -> None:
        """Stops the server, if one runs."""
        script = self.site / "current" / "restart.py"
        if script.exists():
            command = [sys.executable, str(script), "--listen", self.listen, "--stop"]
            subprocess.run(command, env={**self.environment, "UNREP_SITE": str(self.site)}, check=True)


@pytest.fixture
def voyage(tmp_path: Path) -> Iterator[Voyage]:
    """Ends with nothing running."""
    made = Voyage(tmp_path)
    try:
        yield made
    finally:
        made.stop()
    if sys.platform == "linux":
        assert left_running(tmp_path) == []


@pytest.mark.slow
def test_one_real_update(voyage: Voyage, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    releases = {version: collected(version, request.config.cache.mkdir("vms")) for version in VERSIONS}

    # Ashore: a key, the first release in full, and two deltas, of which the second is sick.
    voyage.unrep("keygen --out shore")
    (tmp_path / "www").mkdir()
    bases = {"1.0.0": "", "1.0.1": f"--base {releases['1.0.0']}", "1.0.2": f"--base {releases['1.0.1']}"}
    lines = [
        f"build {releases[version]} {bases[version]} --product vms --version {version} --seq {seq} --key shore.key "
        f"--out www/{version}.unrep"
        for seq, version in enumerate(VERSIONS, 1)
    ]
    with ThreadPoolExecutor() as pool:
        full, delta, sick = pool.map(voyage.unrep, lines)
    assert delta["bytes"] < full["bytes"] / 100, "a new Django costs a hundredth of a first install"

    # The first install comes on a stick.
    voyage.configure()
    assert voyage.apply("www/1.0.0.unrep")["outcome"] == "applied"
    first = voyage.serves("1.0.0", "4.2.15")

    # The update comes over a link that breaks twice; only what this site lacks is paid for.
    with nginx(tmp_path / "www", tmp_path / "nginx") as server, weather(server.port, **BAD_LINK) as link:
        fetched = voyage.unrep(f"fetch {link.url('1.0.1.unrep')} --site site --trust shore.pub --out inbox.unrep")
        drops = link.stats()["drops"]
    assert fetched["complete"] and fetched["bytes_needed"] == delta["bytes"]
    assert drops == 2 and fetched["connections"] > 1
    assert voyage.get("/health"), "the old version serves meanwhile"
    applied = voyage.apply("inbox.unrep")
    assert (applied["outcome"], applied["from"], applied["to"]) == ("applied", "1.0.0", "1.0.1")
    second = voyage.serves("1.0.1", "4.2.16")
    assert second != first
    assert voyage.apply("inbox.unrep")["outcome"] == "already-current"
    assert voyage.serves("1.0.1", "4.2.16") == second, "the same bundle again restarts nothing"

    # The next release starts and shows its page, but is not well: the ship goes back by herself.
    failed = voyage.apply("www/1.0.2.unrep", code=6)
    assert (failed["outcome"], failed["from"], failed["to"]) == ("rolled-back", "1.0.1", "1.0.1")
    assert "answered 500" in failed["reason"]
    voyage.serves("1.0.1", "4.2.16")
    status = voyage.unrep("status --site site")
    assert (status["product"], status["state"], status["current"]["version"]) == ("vms", "ok", "1.0.1")
    assert status["current"]["tree"] == delta["target"]["tree"]
    assert [quarantined["tree"] for quarantined in status["quarantined"]] == [sick["target"]["tree"]]
    assert "in quarantine" in voyage.apply("www/1.0.2.unrep", code=3)["error"]

    # And back by hand.
    back = voyage.unrep("rollback --site site")
    assert (back["outcome"], back["from"], back["to"]) == ("rolled-back", "1.0.1", "1.0.0")
    voyage.serves("1.0.0", "4.2.15")
    status = voyage.unrep("status --site site")
    assert (status["state"], status["current"]["version"]) == ("ok", "1.0.0")
    runs = [(run["command"], run["outcome"], run["from"], run["to"]) for run in voyage.history()]
    assert runs == [
        ("apply", "applied", "", "1.0.0"),
        ("apply", "applied", "1.0.0", "1.0.1"),
        ("apply", "already-current", "1.0.1", "1.0.1"),
        ("apply", "rolled-back", "1.0.1", "1.0.1"),
        ("apply", "refused", "1.0.1", "1.0.1"),
        ("rollback", "rolled-back", "1.0.1", "1.0.0"),
    ]
    for version in VERSIONS:
        tree = voyage.site / "versions" / version
        assert scan(tree).tree_hash == scan(releases[version]).tree_hash, "served, and not written to"
