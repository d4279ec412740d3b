"""The agent's rounds through days that pass at once: a clock to hand in, a run to its end, and the events it told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.sites.site import Ship
from unrep.agent.journal import Journal
from unrep.agent.loop import Agent

MINUTE_S, HOUR_S = 60.0, 3600.0
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()


class Days:
    """A clock whose every nap lasts a minute. The one that can be set stands still, if it is broken."""

    def __init__(self, hours: float, *, stands_still: bool = False, first: float = NOON) -> None:
        self.elapsed_s = 0.0
        self._hours = hours
        self._first = first
        self._stands_still = stands_still
        self.at_hour: dict[float, Any] = {}

    def wall(self) -> float:
        return self._first + (0 if self._stands_still else self.elapsed_s)

    def now(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += max(seconds, MINUTE_S)
        for hour in [hour for hour in self.at_hour if hour * HOUR_S <= self.elapsed_s]:
            self.at_hour.pop(hour)()
        if self.elapsed_s > self._hours * HOUR_S:
            raise KeyboardInterrupt


def sail(ship: Ship, clock: Days) -> None:
    """Runs the agent until the clock's hours are over."""
    with pytest.raises(KeyboardInterrupt):
        Agent(ship.site, None, Journal(clock.wall, as_json=True), clock).run()


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """The hour of the day, and the kind, of every event."""
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(event["time"][11:16], event["event"]) for event in events]
