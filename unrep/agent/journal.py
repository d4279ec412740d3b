"""What the agent tells: one line an event, for a person on stderr, and with --json one object a line on stdout.

    started, stopped          the agent itself
    fetched, incomplete       a bundle is complete in the inbox; or not yet
    refused                   a source, a bundle, the site or its configuration: the sentence says which, and what to do
    applied, already-current, rolled-back, degraded, recovered      how a run on the site ended
    waiting                   a release is ready, and its window is shut or the master holds the running version
    overdue                   a window opens although the clock says otherwise

What stays the same from round to round is told once, until it changes.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bundle.names.plain_text import plain
from unrep.errors import NobodyReads, OutputLost
from unrep.terminal.console import answer, say


@dataclass(frozen=True)
class Event:
    """`details` are further keys of its JSON object, such as `version` or `bytes_received`."""

    kind: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


class Journal:
    """`wall`: the time of day of the machine, in seconds since 1970."""

    def __init__(self, wall: Callable[[], float], as_json: bool) -> None:
        self._wall = wall
        self._as_json = as_json
        self._standing: dict[str, tuple[str, str]] = {}

    def tell(self, event: Event) -> None:
        """Tells of something that has happened. Where nobody can be told, on a full disk, say, the ship goes on."""
        now = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="seconds")
        message = plain(event.message)
        say(f"{now} {event.kind}: {message}")
        if self._as_json:
            with suppress(OutputLost, NobodyReads):
                answer({"time": now, "event": event.kind, "message": message} | event.details)

    def stands(self, about: str, event: Event | None) -> None:
        """Tells how it stands about something, unless that was told last time; None: all is well with it."""
        if event is None:
            self._standing.pop(about, None)
        elif self._standing.get(about) != (event.kind, event.message):
            self._standing[about] = event.kind, event.message
            self.tell(event)
