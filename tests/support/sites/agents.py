"""Real agents of real sites: `unrep agent` as a process, its events, and a voyage on which it is killed at random.

For tests/end_to_end/test_agent.py and bench/agent.py.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore, until

HEALTH_DEADLINE_S = 4.0
LATEST_KILL_S = {False: 0.9, True: HEALTH_DEADLINE_S}  # an agent at rest brings a good release in so fast; a bad one


class Agency:
    """An agent of a ship, and the source that it asks: one file that is exchanged."""

    def __init__(self, ship: Ship, directory: Path, more: str = "", **window: float) -> None:
        """`more`: further keys of [agent]; `window` changes the health window."""
        self.ship = ship
        self.source = directory / "shore" / "latest.unrep"
        self.source.parent.mkdir()
        self.log = directory / "events.jsonl"
        self.configure(more, **window)
        self._errors = directory / "errors.txt"
        self._processes: list[subprocess.Popen[bytes]] = []

    def configure(self, more: str = "", **window: float) -> None:
        """Writes the site's configuration anew; the agent reads it for its next round."""
        lines = [f"sources = [{json.dumps(str(self.source))}]", f"trust = {json.dumps(str(shore().trust_file))}"]
        lines += [] if "poll_interval_s" in more else ["poll_interval_s = 0.2"]
        self.ship.configure("[agent]\n" + "\n".join([*lines, more]) + "\n", **window)

    def publish(self, bundle: Path) -> None:
        """Puts a bundle in the place of the one before, in one step."""
        arriving = self.source.with_name("arriving")
        shutil.copyfile(bundle, arriving)
        arriving.replace(self.source)

    def start(self) -> "subprocess.Popen[bytes]":
        """Another agent."""
        with self.log.open("ab") as out, self._errors.open("ab") as errors:
            command = [sys.executable, "-m", "unrep", "agent", "--site", str(self.ship.root), "--json"]
            process = subprocess.Popen(command, stdout=out, stderr=errors, cwd=REPOSITORY)
        self._processes.append(process)
        return process

    def stop(self) -> int:
        """Tells the agent to stop, as systemd does, and returns its exit code."""
        process = self._processes[-1]
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_S)

    def end(self) -> None:
        """Kills whatever still runs."""
        for process in self._processes:
            process.kill()
            process.wait()

    @property
    def errors(self) -> str:
        """What the agents wrote for people."""
        return self._errors.read_text()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """What the agents reported so far, of one kind or all."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in found if kind in ("", event["event"])]

    def until_event(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Waits for the so many-th event of a kind, and returns it."""
        until(lambda: len(self.events(kind)) >= count or self._processes[-1].poll() is not None)
        assert len(self.events(kind)) >= count, self.errors
        return self.events(kind)[count - 1]

    def is_settled(self, version: str) -> bool:
        """Whether the site runs that version, or has put it in quarantine, and nothing is under way."""
        state = self.ship.state
        return not state.pending and (
            state.current_version == version or version in {failed.version for failed in state.quarantined}
        )


@dataclass(frozen=True)
class Leg:
    """One release of a voyage. Seconds: from its publication to the kill, from the kill to the verdict."""

    version: str
    is_bad: bool
    kill_after_s: float
    killed_in: str  # what the site was then, as `unrep status` says; "done": the release ran already
    recovery_s: float
    runs: str


def sail(agency: Agency, releases: int, random: Random) -> Iterator[Leg]:
    """So many releases, one in four bad; at each the agent is killed once, and starts again. Yields how each ended."""
    running, ship, starts = "1.0.0", agency.ship, 0
    process = agency.start()
    agency.until_event("started")
    for number in range(1, releases + 1):
        version, is_bad = f"2.0.{number}", number % 4 == 0
        name = "sick" if is_bad else version
        agency.publish(shore().bundle(name, number + 1, running, version=version))
        delay_s = random.uniform(0, LATEST_KILL_S[is_bad])
        time.sleep(delay_s)
        process.kill()
        process.wait()
        killed_in = ship.state.condition if ship.state.current_version != version else "done"
        killed_at = time.monotonic()
        starts = len(agency.events("started"))
        process = agency.start()
        until(partial(agency.is_settled, version))
        recovery_s = time.monotonic() - killed_at
        running = running if is_bad else version
        yield Leg(version, is_bad, delay_s, killed_in, recovery_s, ship.current)
    agency.until_event("started", starts + 1)  # before that, SIGTERM ends the interpreter and no agent
    until(lambda: not list(ship.site.inbox.iterdir()))  # the last thing in a round
    assert agency.stop() == 0
