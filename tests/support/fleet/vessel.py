"""A ship with a real agent, which is a process of its own, and the way by which it reaches shore."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import REPOSITORY

WAYS = ("link", "stick", "mail")


@dataclass
class Vessel:
    """A ship in a directory of its own."""

    name: str
    ring: str
    way: str
    root: Path
    rounds: int = 0
    killed: int = 0

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def stick(self) -> Path:
        """What shore sends lies here, for ships without a link."""
        return self.root / "stick"

    @property
    def runs(self) -> str:
        """The version that `current` names."""
        pointer = self.site / "current"
        return pointer.resolve().name if pointer.exists() else ""

    def outfit(self, trust: Path, url: str, office: str) -> None:
        """Writes its configuration."""
        self.site.mkdir(parents=True)
        self.stick.mkdir()
        (self.stick / "out").mkdir()
        source = url if self.way == "link" else str(self.stick)
        ways = {"link": ["outbox", office], "stick": ["outbox", str(self.stick / "out")], "mail": ["outbox"]}
        check = ["/bin/sh", "-c", f"! test -e '{self.site}/current/bad.txt'"]
        self.site.joinpath("unrep.toml").write_text(
            f'product = "vms"\n[agent]\nsources = {json.dumps([source])}\ntrust = {json.dumps(str(trust))}\n'
            f'channel = "{self.ring}"\nallow_full = true\n[report]\nto = {json.dumps(ways[self.way])}\n'
            f'[[health]]\ntype = "command"\nargv = {json.dumps(check)}\n'
            "[health_window]\nstart_after_s = 0\ndeadline_s = 2\ninterval_s = 0.1\nconsecutive_passes = 1\n"
        )

    def refuse_full(self) -> None:
        """From now on it pays for no full release."""
        path = self.site / "unrep.toml"
        path.write_text(path.read_text().replace("allow_full = true", "allow_full = false"))

    def round(self, killed_after_s: float | None) -> None:
        """A round of its agent; one that is killed after a while may go before."""
        command = [sys.executable, "-m", "unrep", "agent", "--site", str(self.site), "--once", "--json"]
        self.rounds += 1
        with (self.root / "log").open("ab") as log:
            if killed_after_s is not None:
                self.killed += 1
                process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
                time.sleep(killed_after_s)
                process.kill()
                process.wait()
            subprocess.run(command, cwd=REPOSITORY, stdout=log, stderr=log, timeout=300)
