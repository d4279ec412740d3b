"""`make kit-test-windows KITS=--renew`: unrep renews itself under Wine, as services of Windows [A-237].

The ship is the one of `wine_kit`. Wine's service manager starts no service again after a failure, so what a service
does there is what it does without that help.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.machines import wine_kit
from tests.support.machines.windows_tier import PYTHON
from tests.support.repository import REPOSITORY
from unrep.kit.application import PACKAGES

PATIENCE_S: Final = 900.0
CUTS: Final = 4
WINDOW: Final = "[health_window]"
AGENT: Final = "unrep-agent-a-ship"
RENEWAL: Final = "unrep-renew-unrep-home"
SERVICE: Final = f'windows_service = "{AGENT}"'
RESTART: Final = Path(__file__).with_name("wine_restart.py")
# Each kit, and what is wrong with it: a module, a text in it, and what stands there instead.
KITS: Final = {
    "2": None,
    "3": ("unrep/agent/loop.py", '"""The unattended', 'raise RuntimeError\n"""The unattended'),
    "4": None,
}


class Renewal:
    """The home of unrep, its services, and what is asked of them."""

    def __init__(self, place: Path, kit: Path) -> None:
        self._place, self._kit = place, kit
        self._carried, self._ship = place / "carried", place / "a ship"
        self._home, self._source = place / "unrep home", place / "carried" / "kits"
        self._random = random.Random(20)
        self._launcher: list[str] = []
        self._source.mkdir(exist_ok=True)

    def install(self) -> None:
        """As a person does, once."""
        self._bundle("1", self._kit, None)
        unrep = wine_kit.starter(self._kit)
        unrep("agent", "install", "--site", wine_kit.dos(self._ship))
        sc("start", AGENT)
        trust = ("--trust", wine_kit.dos(self._carried / "shore.pub"))
        home = wine_kit.dos(self._home)
        begun = ("--product", "unrep", "--kind", "windows-service", "--service", AGENT)
        unrep("init", home, *begun, *trust, "--source", wine_kit.dos(self._source), "--yes")
        config = self._home / "unrep.toml"
        text = config.read_text("utf-8").replace(wine_kit.EXAMPLE, wine_kit.EXAMPLE.removeprefix("# "), 1)
        # Wine's `net` knows no /y, by which a service of Windows is stopped with what depends on it.
        restart = [wine_kit.dos(PYTHON / "python.exe"), "-I", "-S", wine_kit.dos(RESTART), AGENT]
        assert WINDOW in text and SERVICE in text
        text = text.replace(SERVICE, f"restart = {json.dumps(restart)}", 1)
        wanted = "start_after_s = 1\ninterval_s = 1\nconsecutive_passes = 2\ndeadline_s = 600\n"
        text = text.replace(WINDOW, f"{WINDOW}\n{wanted}", 1)
        config.write_text(text, "utf-8")
        unrep("apply", wine_kit.dos(self._source / "1.unrep"), "--site", home, *trust)
        self._said("1", "agent", "install", "--site", wine_kit.dos(self._ship))
        config.write_text(config.read_text("utf-8").replace('"--alive", "10"', '"--alive", "3"'), "utf-8")
        name = (self._home / "launch" / "launcher").read_text().strip()
        self._launcher = ["wine", str(self._home / "launch" / name / "python.exe"), "-B", "-m"]
        self._launcher.append("unrep.renewing.windows_launcher")
        sc("stop", AGENT)
        self._until(lambda: "STOPPED" in sc("query", AGENT), "the end of the agent before")
        sc("start", AGENT)
        self._until(lambda: self._lives("1"), "the first agent")
        sc("start", RENEWAL)
        self._until(lambda: "RUNNING" in sc("query", RENEWAL), "the service that renews")
        sc("stop", RENEWAL)
        self._until(lambda: "STOPPED" in sc("query", RENEWAL), "the end of the service that renews")
        self.settle("1")

    def round(self, *, cut_after_s: float | None = None) -> None:
        """One round of the updater, which is killed after a while."""
        nothing = subprocess.DEVNULL
        command = [*self._launcher, "renew", wine_kit.dos(self._ship), "5"]
        with subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            if cut_after_s is not None:
                with suppress(subprocess.TimeoutExpired):
                    running.wait(cut_after_s)
                running.kill()
                killed = kill_all("windows_launcher", "renew") + kill_all("--once", "unrep home")
                print(f"  cut after {cut_after_s:.1f} s: {killed} processes killed", flush=True)
            assert running.stdout
            said = running.stdout.read().decode(errors="replace")
        print(said, flush=True)

    def settle(self, version: str) -> None:
        """Rounds until that version is current and good, and its agent lives."""
        deadline = time.monotonic() + PATIENCE_S
        while not (self.current() == version == self.good() and self._lives(version)):
            assert time.monotonic() < deadline, (self.current(), self.good())
            self.round()

    def bring(self, version: str, *, base: str) -> None:
        """A new kit, good or bad, comes to the source of unrep."""
        tree, fault = self._place / f"kit-{version}", KITS[version]
        source = self._place / f"source-{version}"
        for package in PACKAGES:
            bare = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / package, source / package, ignore=bare)
        changes = [("bundle/version.py", 'Final = "', f'Final = "{version}.'), *([fault] if fault else [])]
        for name, there, instead in changes:
            text = (source / name).read_text()
            assert there in text
            (source / name).write_text(text.replace(there, instead, 1))
        # What is wrong with a kit keeps it from being tried, which its own builder does [K-11].
        shutil.copytree(self._kit, tree)
        for name, _, _ in changes:
            shutil.copyfile(source / name, tree / "app" / name)
            module = wine_kit.dos(tree / "app" / name)
            compile_one = wine_kit.dos(REPOSITORY / "unrep" / "kit" / "compile_ahead.py")
            python = ["wine", str(tree / "python" / "python.exe"), "-B", "-c"]
            run = (
                f"import runpy, pathlib; c = runpy.run_path({compile_one!r}); "
                f"c['compile_one'](pathlib.Path({wine_kit.dos(tree)!r}), pathlib.Path({module!r}))"
            )
            subprocess.run([*python, run], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._bundle(version, tree, self._kit if base == "1" else self._place / f"kit-{base}")

    def current(self) -> str:
        return (self._home / "current").read_text().strip().rpartition("/")[2]

    def good(self) -> str:
        with suppress(FileNotFoundError):
            return (self._home / "launch" / "good").read_text().strip()
        return ""

    def cuts(self) -> list[float]:
        """When rounds are killed, in seconds."""
        return [self._random.uniform(1.0, 30.0) for _ in range(CUTS)]

    def end(self) -> None:
        """The ship rests."""
        for name in (AGENT, RENEWAL):
            sc("stop", name)
            sc("delete", name)

    def _bundle(self, version: str, tree: Path, base: Path | None) -> None:
        based = ("--base", base) if base else ("--full",)
        named = ("--product", "unrep", "--version", version, "--seq", version, "--platform", "any")
        out = self._source / f"{version}.unrep"
        wine_kit.ashore("build", tree, *named, *based, "--key", self._carried / "shore.key", "--out", out)
        print(f"bundle of kit {version}: {out.stat().st_size:,} bytes", flush=True)

    def _said(self, version: str, *words: str) -> str:
        return wine_kit.starter(self._home / "versions" / version)(*words)

    def _lives(self, version: str) -> bool:
        command = ["wine", str(self._home / "versions" / version / "unrep.exe"), "agent", "--alive", "0"]
        asked = [*command, "--site", wine_kit.dos(self._ship)]
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, what
            time.sleep(1)


def run(place: Path, kit: Path) -> None:
    """A good kit, a bad one, one whose updater is killed at random moments."""
    began = time.monotonic()
    renewal = Renewal(place, kit)
    try:
        renewal.install()
        renewal.bring("2", base="1")
        renewal.settle("2")
        print(f"renewed from 1 to 2: {time.monotonic() - began:.1f} s", flush=True)
        renewal.bring("3", base="2")
        renewal.round()
        renewal.settle("2")
        print("a kit that crashes at import: 2 is current, and its agent lives", flush=True)
        renewal.bring("4", base="2")
        for cut in renewal.cuts():
            renewal.round(cut_after_s=cut)
        renewal.settle("4")
        print(f"the updater killed {CUTS} times: 4 is current, and its agent lives", flush=True)
    finally:
        renewal.end()
    print(f"renewal under Wine: ok, {time.monotonic() - began:.1f} s", flush=True)


def sc(*words: str) -> str:
    """What Windows' own program for services says."""
    done = subprocess.run(["wine", "sc", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return done.stdout.decode(errors="replace")


def kill_all(*words: str) -> int:
    """Kills the processes of this very place whose command has those words."""
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if all(word in command for word in (*words, "python.exe")) and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


if __name__ == "__main__":
    sys.exit(wine_kit.main())
