"""A ship whose unrep renews itself: small kits, good ones and bad ones, killed at random moments [A-232].

A small kit has the sources of this checkout and the Python of this environment; all else is as in a real one. A thread
is what systemd is aboard: it starts the agent again when that ends. The timer is the caller.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO

from apply.record.database import read_state
from apply.site.layout import Site
from bundle.host.removal import remove_tree
from tests.support.observers.command import run
from tests.support.repository import REPOSITORY
from unrep.agent.telling.bulletin import read_bulletin
from unrep.kit import compile_ahead
from unrep.kit.application import PACKAGES
from unrep.renewing.installing import complete_configuration, write_launchers

RESTART_S = 0.2
PATIENCE_S = 600.0
GOOD = "good"
_AT_START = "        with self._at_work():\n            while"
_PROBE = "    return sum("
# What is wrong with a bad kit: the module, a text in it, and what stands there instead.
BAD = {
    "crashes at import": ("unrep/agent/loop.py", '"""The unattended', 'raise RuntimeError\n"""The unattended'),
    "crashes at start": ("unrep/agent/loop.py", _AT_START, f"        import os\n        os._exit(1)\n{_AT_START}"),
    "hangs at start": ("unrep/agent/loop.py", _AT_START, f"        import time\n        time.sleep(9999)\n{_AT_START}"),
    "hangs in its probe": ("unrep/agent/probe.py", _PROBE, f"    import time\n    time.sleep(9999)\n{_PROBE}"),
    "fails its probe": ("unrep/agent/probe.py", _PROBE, f"    raise SelfTestFailed('no')\n{_PROBE}"),
    "makes other tables": ("apply/record/schema.py", "OLDEST: Final = 2", "OLDEST: Final = 3"),
}
_STARTER = """#!/bin/sh
kit=$(CDPATH='' cd -- "${{0%/*}}/.." && pwd -P) || exit 5
exec {python} -P -B -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); from unrep.cli import main; main()' \\
    "$kit/app" "$@"
"""
_AGENT = """product = "{product}"
{more}
[agent]
sources = ["{root}/source"]
trust = "{root}/k.pub"
poll_interval_s = 30
"""
_WINDOW = "[health_window]\nstart_after_s = 0.2\ninterval_s = 0.2\nconsecutive_passes = 2\ndeadline_s = 60\n"


@dataclass
class Round:
    """How one round went. `without_s`: seconds in which the ship had no agent."""

    kind: str
    without_s: float
    killed: str


class RenewedShip:
    """The ship, and the office that sends it kits. `seed` decides what is killed when."""

    def __init__(self, root: Path, seed: int) -> None:
        self._random = Random(seed)
        self._root = root
        self._home, self._ship = Site.at(_made(root / "home")), Site.at(_made(root / "ship"))
        self._source = _made(root / "source")
        self._unrep("keygen", "--out", str(root / "k"))
        (_made(root / "vms") / "says").write_text("vms")
        self._unrep("build", str(root / "vms"), *_named("vms", 1), "--full", *self._signed(root / "vms.unrep"))
        self._unrep("apply", str(root / "vms.unrep"), "--site", str(root / "ship"), "--trust", f"{root}/k.pub")
        (root / "ship" / "unrep.toml").write_text(_AGENT.format(product="vms", root=root, more=""))
        self._number, self._aboard = 1, 1
        self._kit(1, GOOD)
        self._release(1, None)
        self._unrep("apply", str(self._source / "1.unrep"), "--site", str(self._home.root), "--trust", f"{root}/k.pub")
        write_launchers(self._home)
        self._asked = root / "asked"  # to restart the agent; the supervisor removes it when that was done
        (root / "restart").write_text(
            f"#!/bin/sh\n: > '{self._asked}'\nwhile [ -e '{self._asked}' ]; do sleep 0.05; done\n"
        )
        (root / "restart").chmod(0o755)
        settled = f"[switch]\nrestart = ['{root}/restart']\n[retention]\nkeep = 0\n{_WINDOW}"
        (root / "home" / "unrep.toml").write_text(_AGENT.format(product="unrep", root=root, more=settled))
        complete_configuration(self._home, self._ship)
        config = root / "home" / "unrep.toml"
        config.write_text(config.read_text().replace('"--alive", "10"', '"--alive", "1"'))
        (root / "home" / "launch" / "good").write_text("1\n")
        self._ended = threading.Event()
        self._without: list[float] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._supervise, self._sample)]
        for thread in self._threads:
            thread.start()
        self._wait(lambda: self._alive() == "1", "the first agent")

    def close(self) -> None:
        """The ship rests."""
        self._ended.set()
        with suppress(OSError, ValueError):
            os.kill(int((self._root / "pid").read_text()), signal.SIGKILL)
        for thread in self._threads:
            thread.join(10)

    def round(self, kind: str, *, cut: tuple[str, float] | None = None, updaters: int = 1) -> Round:
        """A new kit comes. Something is killed after some seconds, at random unless `cut` names both. The timer goes on
        until all is settled. `updaters`: so many begin at once, and nothing is killed if it is more than one.

        Raises AssertionError if another version is current then than should be, or its agent does not live.
        """
        self._number += 1
        number, aboard = self._number, self._aboard
        self._kit(number, kind)
        self._release(number, aboard)
        self._without.clear()
        victim = "agent" if self._random.random() < 0.25 else "updater"
        cut = cut or (victim, self._random.uniform(0.0, 6.0))
        killed = self._renew(cut) if updaters == 1 else self._renew_at_once(updaters)
        expected = number if kind == GOOD else aboard
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_settled(expected, number, kind):
            assert time.monotonic() < deadline, self._standing(kind, expected)
            self._renew(None)
        self._aboard = expected
        self._forget(number, aboard)
        return Round(kind, sum(self._without), killed)

    def _is_settled(self, expected: int, number: int, kind: str) -> bool:
        state = read_state(self._home)
        bad_is_out = kind == GOOD or any(q.version == str(number) for q in state.quarantined)
        good = (self._root / "home" / "launch" / "good").read_text().strip()
        return (
            state.pending is None
            and state.current_version == str(expected) == good
            and (self._root / "home" / "current").resolve().name == str(expected)
            and bad_is_out
            and self._alive() == str(expected)
        )

    def _standing(self, kind: str, expected: int) -> str:
        return (
            f"kind {kind}, expected {expected}: {read_state(self._home)}, alive {self._alive()}, "
            f"log {(self._root / 'renew.log').read_text()[-2000:]}"
        )

    def _renew_at_once(self, updaters: int) -> str:
        """All of them end well, or find that another is at work."""
        with (self._root / "renew.log").open("ab") as log:
            running = [self._updater(log) for _ in range(updaters)]
            codes = sorted(process.wait() for process in running)
        assert codes[0] == 0 and set(codes) <= {0, 5}, codes
        return "nothing"

    def _updater(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        command = [str(self._home.root / "launch" / "renew"), str(self._ship.root), "2"]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _renew(self, cut: tuple[str, float] | None) -> str:
        """One time of the timer; what was killed."""
        with (self._root / "renew.log").open("ab") as log, self._updater(log) as running:
            if cut is not None:
                victim, after_s = cut
                with suppress(subprocess.TimeoutExpired):
                    running.wait(after_s)
                    return "nothing"
                if victim == "agent":
                    with suppress(OSError, ValueError):
                        os.kill(int((self._root / "pid").read_text()), signal.SIGKILL)
                    running.wait()
                    return "agent"
                os.killpg(running.pid, signal.SIGKILL)
                return "updater"
            running.wait()
        return "nothing"

    def _kit(self, number: int, kind: str) -> None:
        kit = self._root / "kits" / str(number)
        shutil.copytree(self._pattern(), kit, copy_function=os.link)
        changes = [("bundle/version.py", '"0.1.0"', f'"0.1.{number}"')]
        for name, there, instead in changes + ([BAD[kind]] if kind != GOOD else []):
            module = kit / "app" / name
            text = module.read_text()
            assert there in text
            for old in (module, *(module.parent / "__pycache__").glob(f"{module.stem}.*")):
                old.unlink()
            module.write_text(text.replace(there, instead, 1))
            compile_ahead.compile_one(kit, module)

    def _pattern(self) -> Path:
        """What all kits have in common."""
        kit = self._root / "pattern"
        if not kit.exists():
            for package in PACKAGES:
                bare = shutil.ignore_patterns("__pycache__")
                shutil.copytree(REPOSITORY / package, kit / "app" / package, ignore=bare)
            compile_ahead.main(kit, ["app"])
            (kit / "bin").mkdir()
            (kit / "bin" / "unrep").write_text(_STARTER.format(python=sys.executable))
            (kit / "bin" / "unrep").chmod(0o755)
            (kit / "kit.json").write_text("{}\n")
        return kit

    def _release(self, number: int, base: int | None) -> None:
        kits = self._root / "kits"
        based = ["--base", str(kits / str(base))] if base else ["--full"]
        signed = self._signed(self._source / f"{number}.unrep")
        self._unrep("build", str(kits / str(number)), *_named("unrep", number), *based, *signed)

    def _signed(self, out: Path) -> list[str]:
        return ["--key", f"{self._root}/k.key", "--workers", "1", "--out", str(out)]

    def _forget(self, number: int, aboard: int) -> None:
        """What no later round needs."""
        for old in {number, aboard} - {self._aboard}:
            remove_tree(self._root / "kits" / str(old))
        for bundle in self._source.glob("*"):
            bundle.unlink()

    def _supervise(self) -> None:
        """As systemd does with Restart=always."""
        while not self._ended.is_set():
            command = [str(self._home.root / "launch" / "agent"), "--site", str(self._ship.root)]
            with (self._root / "agent.log").open("ab") as log:
                agent = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
                (self._root / "pid").write_text(str(agent.pid))
                while agent.poll() is None and not self._asked.exists():
                    time.sleep(0.02)
                agent.kill()
                agent.wait()
            if self._asked.exists():
                self._asked.unlink()
            else:
                self._ended.wait(RESTART_S)

    def _sample(self) -> None:
        """Adds up the time in which no agent was there, or it had not begun."""
        before = time.monotonic()
        while not self._ended.wait(0.05):
            now = time.monotonic()
            if not self._alive():
                self._without.append(now - before)
            before = now

    def _alive(self) -> str:
        """The version whose agent lives, "" for none."""
        said = read_bulletin(self._ship)
        if said is None or said.stopped:
            return ""
        try:
            os.kill(said.pid, 0)
        except OSError:
            return ""
        return Path(said.program).parent.name

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what}: {(self._root / 'agent.log').read_text()[-2000:]}"
            time.sleep(0.05)

    def _unrep(self, *words: str) -> None:
        code, _, said = run(words[0], *words[1:])
        assert code == 0, said


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _named(product: str, number: int) -> list[str]:
    return ["--product", product, "--version", str(number), "--seq", str(number)]
