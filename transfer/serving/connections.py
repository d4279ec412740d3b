"""The connections of a server, so many at once and no more [T-136].

Where all places are taken, a newcomer gets that of who can best do without: of the address that has the most, a
connection that asks nothing yet rather than one that is served, the oldest of those.
"""

import contextlib
import socket
from collections import Counter
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic

MOST_GUESTS = 256
FAREWELL_S = 0.5  # for a thread to let go of its connection


@dataclass(eq=False)
class Guest:
    """One connection. `is_asking`: it has sent a whole request, and is being answered."""

    connection: socket.socket
    address: str
    is_asking: bool = False
    since: float = field(default_factory=monotonic)
    is_dismissed: bool = False

    @property
    def worth(self) -> tuple[bool, float]:
        """Who goes first is least of its address."""
        return self.is_asking, self.since

    def turn(self, is_asking: bool) -> None:
        """From now on it is being answered, or waited for."""
        self.is_asking, self.since = is_asking, monotonic()


class Guests:
    """Those that are there. For any thread."""

    def __init__(self, most: int = MOST_GUESTS) -> None:
        self._most = most
        self._there: dict[socket.socket, Guest] = {}
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._there)

    def admit(self, connection: socket.socket, address: str) -> bool:
        """Whether there is a place, after somebody else was asked to go where there was none."""
        with self._changed:
            if len(self._there) >= self._most:
                self._dismiss_one()
                self._changed.wait_for(lambda: len(self._there) < self._most, FAREWELL_S)
            if len(self._there) >= self._most:
                return False
            self._there[connection] = Guest(connection, address)
            return True

    def of(self, connection: socket.socket) -> Guest:
        """The guest with that connection."""
        return self._there[connection]

    def leave(self, connection: socket.socket) -> None:
        """Its place is free."""
        with self._changed:
            if self._there.pop(connection, None):
                self._changed.notify_all()

    def _dismiss_one(self) -> None:
        there = [guest for guest in self._there.values() if not guest.is_dismissed]
        if not there:
            return
        busiest, _ = Counter(guest.address for guest in there).most_common(1)[0]
        guest = min((guest for guest in there if guest.address == busiest), key=lambda guest: guest.worth)
        guest.is_dismissed = True
        with contextlib.suppress(OSError):
            guest.connection.shutdown(socket.SHUT_RDWR)
