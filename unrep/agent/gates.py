"""The agent's two gates, fetch and maintenance, and for how long they were shut in all its running [A-63].

That is kept in SITE/.unrep/shut.json, for a machine that forgets the time at every boot must get through its window's
48 hours of running in several days. A file that is lost or damaged only lets them begin again.
"""

import json
from dataclasses import replace

from apply.site import durable
from apply.site.config import AgentConfig
from apply.site.layout import Site
from apply.site.maintenance_windows import Gate
from bundle.host.clock import WallClock
from bundle.host.files import read_plain

_SAVE_EVERY_S = 600.0
_MAX_BYTES = 4096


class Gates:
    """Whether sources may be asked, and a release be switched, now. `tick` is called as often as possible."""

    def __init__(self, site: Site, clock: WallClock) -> None:
        self._site = site
        self._clock = clock
        self._ticked_at = self._saved_at = clock.now()
        self._gates: dict[str, Gate] = {}

    def follow(self, config: AgentConfig) -> None:
        """From now on these windows count; for how long they were shut stays as it is."""
        shut = {name: gate.shut_s for name, gate in self._gates.items()} or self._read()
        self._gates = {
            "fetch": Gate(config.fetch_times(), shut.get("fetch", 0.0)),
            "maintenance": Gate(config.maintenance_times(), shut.get("maintenance", 0.0)),
        }

    def tick(self) -> None:
        """Counts the time since the last tick. Raises StorageFailed where it can no longer be kept."""
        now, wall = self._clock.now(), self._clock.wall()
        elapsed_s, self._ticked_at = now - self._ticked_at, now
        self._gates = {name: gate.after(elapsed_s, wall) for name, gate in self._gates.items()}
        if now - self._saved_at >= _SAVE_EVERY_S:
            self.save()

    def is_open(self, name: str) -> bool:
        """Of "fetch" or "maintenance"."""
        return self._gates[name].is_open(self._clock.wall())

    def overdue(self) -> list[str]:
        """Those that are open only because they were shut for too long."""
        wall = self._clock.wall()
        return [name for name, gate in self._gates.items() if gate.is_overdue and not gate.windows.is_open(wall)]

    def used(self, name: str) -> None:
        """What an overdue gate opened for is done: it shuts, and its time begins again."""
        if name in self.overdue():
            self._gates[name] = replace(self._gates[name], shut_s=0.0)

    def save(self) -> None:
        """Keeps the times. Raises StorageFailed."""
        self._saved_at = self._clock.now()
        shut = {name: round(gate.shut_s) for name, gate in self._gates.items()}
        if any(shut.values()) or self._site.shut_file.exists():
            durable.write_file(self._site.shut_file, json.dumps(shut).encode())

    def _read(self) -> dict[str, float]:
        try:
            found = json.loads(read_plain(self._site.shut_file, _MAX_BYTES))
            return {name: max(0.0, float(found[name])) for name in ("fetch", "maintenance")}
        except (OSError, ValueError, TypeError, KeyError):
            return {}
