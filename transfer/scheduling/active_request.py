"""One connection as the session sees it: the range that it works on, and when it last showed a sign of life."""

from dataclasses import dataclass, field

from transfer.links.contract import Connection


@dataclass(eq=False)
class Lane:
    """Moments in seconds of the session's clock, places in bytes of the file.

    opened_at      None while nothing has answered
    is_asked       whether a request is under way, until its end was told
    position, end  what is still to come of the range that was asked for; nothing if they are equal
    total_bytes    the length of the file, from the answer; None before it
    alive_at       when it was asked, answered, or delivered last
    is_proven      whether it has answered a request; that it opened proves little, for a box nearby may have done that
    is_cut         more was asked for than is wanted now: at `end` the connection has to be closed
    rival          another lane that was asked for the same bytes; the first to deliver wins
    shift_bytes    so much further behind are places in the file of the source
    look           what came so far of a look at the beginning of that file [T-133]; None: it was asked for pieces
    """

    connection: Connection
    dialed_at: float
    opened_at: float | None = None
    is_asked: bool = False
    position: int = 0
    end: int = 0
    total_bytes: int | None = None
    asked_at: float = 0.0
    asked_position: int = 0
    alive_at: float = 0.0
    is_proven: bool = False
    is_cut: bool = False
    rival: "Lane | None" = field(default=None, repr=False)
    shift_bytes: int = 0
    look: bytearray | None = None

    @property
    def is_dialing(self) -> bool:
        """Whether nothing has answered yet."""
        return self.opened_at is None

    @property
    def is_busy(self) -> bool:
        """Whether it has a range."""
        return self.position < self.end

    @property
    def is_idle(self) -> bool:
        """Whether it stands and may be asked."""
        return not self.is_dialing and not self.is_asked

    @property
    def waits_since(self) -> float:
        """When it was dialed, or asked if it stands."""
        return self.dialed_at if self.is_dialing else self.asked_at

    def ask(self, start: int, end: int, chunk_bytes: int, now: float, shift_bytes: int = 0) -> None:
        """Gives it a range, which stands `shift_bytes` further behind at the source."""
        self.position = self.asked_position = start
        self.end, self.total_bytes, self.is_cut = end, None, False
        self.asked_at = self.alive_at = now
        self.is_asked = True
        self.shift_bytes, self.look = shift_bytes, None
        self.connection.ask(start + shift_bytes, end - start, chunk_bytes)

    def ask_look(self, end: int, chunk_bytes: int, now: float) -> None:
        """Asks for the first bytes of the file, as they stand at the source."""
        self.ask(0, end, chunk_bytes, now)
        self.look = bytearray()

    def rest(self) -> None:
        """Takes its range away."""
        self.position = self.end = 0

    def bytes_per_s(self, now: float) -> float:
        """How fast its range has come so far, counted from the request."""
        return (self.position - self.asked_position) / max(now - self.asked_at, 1e-3)

    def leave_rival(self) -> None:
        """Ends the race for its range."""
        if self.rival is not None:
            self.rival.rival = None
            self.rival = None
