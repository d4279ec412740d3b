"""The connections of a server, so many at once and no more [T-136].

Where all places are taken, a new connection takes the place of another: of the address that has the most, one that
asks nothing yet rather than one that is served, the oldest of those.
"""

import contextlib
import socket
from collections import Counter
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic

MAX_CONNECTIONS = 256
EVICTION_S = 0.5  # for a thread to let go of its connection


@dataclass(eq=False)
class ServedConnection:
    """One connection. `is_asking`: it has sent a whole request, and is being answered."""

    connection: socket.socket
    address: str
    is_asking: bool = False
    since: float = field(default_factory=monotonic)
    is_evicted: bool = False

    @property
    def eviction_rank(self) -> tuple[bool, float]:
        """The least of its address is evicted first."""
        return self.is_asking, self.since

    def set_asking(self, is_asking: bool) -> None:
        """From now on it is being answered, or waited for."""
        self.is_asking, self.since = is_asking, monotonic()


class ConnectionLimiter:
    """The connections that are open, `most` at once. For any thread."""

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._open: dict[socket.socket, ServedConnection] = {}
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: socket.socket, address: str) -> bool:
        """Whether there is a place for a new connection. Where there was none, another is evicted first."""
        with self._changed:
            if len(self._open) >= self._most:
                self._evict_one()
                self._changed.wait_for(lambda: len(self._open) < self._most, EVICTION_S)
            if len(self._open) >= self._most:
                return False
            self._open[connection] = ServedConnection(connection, address)
            return True

    def of(self, connection: socket.socket) -> ServedConnection:
        """What is known of a connection that was admitted."""
        return self._open[connection]

    def release(self, connection: socket.socket) -> None:
        """Its place is free."""
        with self._changed:
            if self._open.pop(connection, None):
                self._changed.notify_all()

    def _evict_one(self) -> None:
        staying = [one for one in self._open.values() if not one.is_evicted]
        if not staying:
            return
        busiest, _ = Counter(one.address for one in staying).most_common(1)[0]
        evicted = min((one for one in staying if one.address == busiest), key=lambda one: one.eviction_rank)
        evicted.is_evicted = True
        with contextlib.suppress(OSError):
            evicted.connection.shutdown(socket.SHUT_RDWR)
