"""The connections of a pull link, without sockets: ranges of one session, told as events in the order of the file.

There is no connection in pull. A lane stands at once, and all lanes share one session: its pace, its cookie, and what
has come. Two lanes that want the same bytes ask for them once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from transfer.errors import Dropped, PastEnd, SourceRefused
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Opened
from transfer.pull.session import PullSession, State


@dataclass(eq=False)
class Lane:
    """One connection, which wants a range or nothing."""

    lanes: "Lanes" = field(repr=False)
    position: int = 0
    end: int = 0
    chunk_bytes: int = 0
    is_asked: bool = False
    is_answered: bool = False

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        """As of the contract."""
        self.lanes.ask(self, offset, length, chunk_bytes)

    def close(self) -> None:
        """As of the contract."""
        self.lanes.close(self)

    def taken(self, amount: int) -> None:
        """So many bytes were taken from the queue of events."""
        self.lanes.taken(amount)


class Lanes:
    """The lanes of one session. `tell` is told what happens on them. For one thread at a time."""

    def __init__(self, name: str, session: PullSession, tell: Callable[[Event], None]) -> None:
        self._name = name
        self._session = session
        self._tell = tell
        self._open: list[Lane] = []
        self._exchanges = 0

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, lane: object) -> bool:
        return lane in self._open

    def dial(self) -> Lane:
        """One more lane, which stands at once."""
        lane = Lane(self)
        self.join(lane)
        return lane

    def join(self, lane: Lane) -> None:
        """This lane stands."""
        self._open.append(lane)
        self._tell(Opened(lane))

    def ask(self, lane: Lane, offset: int, length: int, chunk_bytes: int) -> None:
        """A lane wants a range."""
        if lane not in self._open:
            return
        lane.position, lane.end, lane.chunk_bytes = offset, offset + length, chunk_bytes
        lane.is_asked, lane.is_answered = True, False
        self._session.want(offset, offset + length)
        self.deliver()

    def close(self, lane: Lane) -> None:
        """A lane wants nothing any more."""
        if lane not in self._open:
            return
        self._open.remove(lane)
        if lane.is_asked:
            self._session.unwant(lane.position, lane.end)
            for other in self._open:  # which may want the same bytes
                if other.is_asked:
                    self._session.want(other.position, other.end)
        self._session.keep_only([(one.position, one.end) for one in self._open if one.is_asked])

    def taken(self, amount: int) -> None:
        """So many bytes that were told of are used: there is room for as many."""
        self._session.untaken_bytes -= amount

    def fail(self, fault: Exception) -> None:
        """All lanes are gone."""
        for lane in list(self._open):
            self._fail(lane, fault)

    def deliver(self) -> None:
        """Tells what has come since the last time."""
        session = self._session
        if session.state is State.REFUSED:
            self.fail(SourceRefused(f"{self._name}: the server has no such file; check the address"))
        if session.exchanges != self._exchanges:
            self._exchanges = session.exchanges
            self.fail(Dropped("the file there was exchanged"))
        for lane in [one for one in self._open if one.is_asked]:
            self._deliver(lane)
        if session.is_broke:
            self.fail(Dropped("no more may be received from it"))

    def _deliver(self, lane: Lane) -> None:
        total_bytes = self._session.total_bytes
        if total_bytes is None:
            return
        if lane.position >= total_bytes and not lane.is_answered:
            self._fail(lane, PastEnd(f"ends at byte {total_bytes}", total_bytes))
            return
        end = min(lane.end, total_bytes)
        while data := self._session.take(lane.position, min(end, lane.position + lane.chunk_bytes)):
            if not lane.is_answered:
                lane.is_answered = True
                self._tell(Answered(lane, total_bytes))
            lane.position += len(data)
            self._session.untaken_bytes += len(data)
            self._tell(Arrived(lane, data))
        if lane.position == end:
            lane.is_asked = False
            self._tell(Ended(lane))

    def _fail(self, lane: Lane, fault: Exception) -> None:
        self.close(lane)
        self._tell(Failed(lane, fault))
