"""The agent's two windows, fetch and maintenance, and for how long they were shut in all its running [A-63].

That is kept in SITE/.unrep/shut.json. A machine that forgets the time at every boot needs several days to come to the
48 hours of running after which a window opens anyway. A file that is lost or damaged only makes them begin again.
"""

import json
from dataclasses import replace
from enum import StrEnum

from apply.site import durable
from apply.site.config import AgentConfig
from apply.site.layout import Site
from apply.site.maintenance_windows import Gate
from bundle.host import presence
from bundle.host.clock import WallClock
from bundle.host.files import read_plain

_SAVE_EVERY_S = 600.0
_MAX_BYTES = 4096


class Window(StrEnum):
    """What a window is for; the values are keys of shut.json."""

    FETCH = "fetch"
    MAINTENANCE = "maintenance"


class UpdateWindows:
    """Whether sources may be asked, and a release be switched, now. `tick` is called as often as possible."""

    def __init__(self, site: Site, clock: WallClock) -> None:
        self._site = site
        self._clock = clock
        self._ticked_at = self._saved_at = clock.now()
        self._gates: dict[Window, Gate] = {}

    def follow(self, config: AgentConfig) -> None:
        """From now on these windows count; for how long they were shut stays as it is."""
        shut = {window: gate.shut_s for window, gate in self._gates.items()} or self._read()
        self._gates = {
            Window.FETCH: Gate(config.fetch_times(), shut.get(Window.FETCH, 0.0)),
            Window.MAINTENANCE: Gate(config.maintenance_times(), shut.get(Window.MAINTENANCE, 0.0)),
        }

    def tick(self) -> None:
        """Counts the time since the last tick. Raises StorageFailed where it can no longer be kept."""
        now, wall = self._clock.now(), self._clock.wall()
        elapsed_s, self._ticked_at = now - self._ticked_at, now
        self._gates = {window: gate.after(elapsed_s, wall) for window, gate in self._gates.items()}
        if now - self._saved_at >= _SAVE_EVERY_S:
            self.save()

    def is_open(self, window: Window) -> bool:
        """By the clock, or because it is overdue."""
        return self._gates[window].is_open(self._clock.wall())

    def is_overdue(self, window: Window) -> bool:
        """Whether it is open only because it was shut for too long."""
        gate = self._gates[window]
        return gate.is_overdue and not gate.windows.is_open(self._clock.wall())

    def shut_if_overdue(self, window: Window) -> None:
        """What an overdue window opened for is done: it shuts, and its time begins again.

        The agent never asks that for the fetch window: a fetch may need many rounds, so it has its whole hour [A-63].
        """
        if self.is_overdue(window):
            self._gates[window] = replace(self._gates[window], shut_s=0.0)

    def save(self) -> None:
        """Writes the times. Raises StorageFailed."""
        self._saved_at = self._clock.now()
        shut = {window: round(gate.shut_s) for window, gate in self._gates.items()}
        if any(shut.values()) or presence.exists(self._site.shut_file):
            durable.write_file(self._site.shut_file, json.dumps(shut).encode())

    def _read(self) -> dict[Window, float]:
        try:
            found = json.loads(read_plain(self._site.shut_file, _MAX_BYTES))
            return {window: max(0.0, float(found[window])) for window in Window}
        except (OSError, ValueError, TypeError, KeyError):
            return {}
