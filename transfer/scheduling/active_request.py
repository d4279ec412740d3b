"""One connection of a source, and the request that is active on it.

Offsets are bytes of the output, times are seconds of the session's clock.
"""

from dataclasses import dataclass, field
from typing import Final

from transfer.links.contract import Connection

RECENT_S: Final = 2.0  # a rate is that of so long, or of up to twice as long


@dataclass(eq=False)
class ActiveRequest:
    """A range that was asked for, from the request until the source has said that its answer is over.

    start, end      the range. `end` is lowered when another connection takes over the rest
    shift_bytes     how much further behind the range stands in the file of the source
    prefix          for a probe: what has come of the first bytes of that file [T-133]; None: pieces were asked for
    position        the next byte to come
    total_bytes     the length of the file, less the shift, from the answer; None before it
    is_shortened    whether `end` was lowered: there the connection has to be closed, for the source would go on
    """

    start: int
    end: int
    asked_at: float
    shift_bytes: int = 0
    prefix: bytearray | None = None
    position: int = field(init=False)
    total_bytes: int | None = None
    is_shortened: bool = False
    _before: tuple[float, int] = field(init=False, repr=False)
    _mark: tuple[float, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.position = self.start
        self._before = self._mark = self.asked_at, self.start

    def arrived(self, amount: int, now: float) -> None:
        """So many bytes of the range have come."""
        self.position += amount
        if now >= self._mark[0] + RECENT_S:
            self._before, self._mark = self._mark, (now, self.position)

    @property
    def left_bytes(self) -> int:
        """What is still to come."""
        return self.end - self.position

    @property
    def is_probe(self) -> bool:
        """Whether it is for the first bytes of the file, and not for pieces."""
        return self.prefix is not None

    def bytes_per_s(self, now: float) -> float:
        """How fast its range has come lately. A connection may have been fast, and have lost its window since."""
        since, position = self._before
        return (self.position - position) / max(now - since, 1e-3)


@dataclass(eq=False)
class PooledConnection:
    """A connection, from the dial until it is closed.

    opened_at       None while nothing has answered
    alive_at        when it was asked, answered, or delivered last
    has_answered    whether a request was answered; that it opened proves little: a box nearby may have accepted it
    request         None while it has nothing to do
    rival           the other one of a race: it was asked for the same bytes, and the first to deliver wins [T-20]
    """

    connection: Connection
    dialed_at: float
    opened_at: float | None = None
    alive_at: float = 0.0
    has_answered: bool = False
    request: ActiveRequest | None = None
    rival: "PooledConnection | None" = field(default=None, repr=False)

    @property
    def is_dialing(self) -> bool:
        """Whether nothing has answered yet."""
        return self.opened_at is None

    @property
    def is_idle(self) -> bool:
        """Whether it is open and may be asked."""
        return not self.is_dialing and self.request is None

    @property
    def is_busy(self) -> bool:
        """Whether bytes of its range are still to come."""
        return self.request is not None and self.request.left_bytes > 0

    @property
    def waits_since(self) -> float | None:
        """When it was dialed, or its request was made, or None if it is idle."""
        if self.is_dialing:
            return self.dialed_at
        return self.request.asked_at if self.request else None

    def ask(self, request: ActiveRequest, chunk_bytes: int) -> None:
        """Sends a request, whose answer comes in chunks of at most `chunk_bytes`."""
        self.request, self.alive_at = request, request.asked_at
        self.connection.ask(request.start + request.shift_bytes, request.end - request.start, chunk_bytes)

    def end_race(self) -> None:
        """Ends the race that it is in, if any. From now on its range is its own."""
        if self.rival is not None:
            self.rival.rival = None
            self.rival = None
