"""Connections that block, each on a thread of its own, made into one queue of events.

A thread reads a few chunks ahead of what was taken, no more: then it leaves the bytes on the network, whose own flow
control holds the sender back. Closing a connection resets it, so that nothing more is paid for.
"""

from collections.abc import Callable
from queue import Empty, Queue, SimpleQueue
from threading import Semaphore, Thread
from typing import Protocol

from transfer.links.contract import Answered, Arrived, Connection, Ended, Event, Failed, Opened

CHUNKS_AHEAD = 2
LAST_WORD_S = 0.05  # for a connection that ends to count what came over it
MAX_WAIT_S = 1.0  # on Windows, Ctrl-C does not end a wait


class Answer(Protocol):
    """The bytes of one range, as they arrive."""

    @property
    def total_bytes(self) -> int:
        """The length of the whole file at the source, as the source says."""

    def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most `max_bytes`, as soon as any are there; b"" when the range or the file is over.

        Never returns a byte from behind the range. Raises Dropped when the connection is lost: all bytes that
        arrived before were returned. Not to be called after that.
        """


class Reader(Protocol):
    """One connection that blocks; each method raises a LinkFault, or SourceRefused."""

    def connect(self) -> None:
        """Makes the connection, unless it stands."""

    def open(self, offset: int, length: int) -> Answer:
        """Asks for a range, and returns when its answer begins."""

    def abort(self) -> None:
        """Called from another thread: ends what blocks, as far as it can be, and whatever comes after it."""

    def close(self) -> None:
        """Lets go of it."""


class ThreadedConnection:
    """A reader on its own thread; `Connection` of the contract."""

    def __init__(self, reader: Reader, events: "SimpleQueue[Event]") -> None:
        self._reader = reader
        self._events = events
        self._orders: Queue[tuple[int, int, int] | None] = Queue()
        self._room = Semaphore(CHUNKS_AHEAD)
        self._is_closed = self._is_open = False
        self._thread = Thread(target=self._run, name="connection", daemon=True)
        self._thread.start()

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        self._orders.put((offset, length, chunk_bytes))

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._orders.put(None)
            self._room.release()
            self._reader.abort()
            if self._is_open:
                self._thread.join(LAST_WORD_S)

    def taken(self, amount: int) -> None:
        """One chunk, of so many bytes, was taken from the queue of events."""
        self._room.release()

    def _run(self) -> None:
        try:
            self._reader.connect()
            self._is_open = True
            self._events.put(Opened(self))
            while (order := self._orders.get()) is not None:
                self._answer(*order)
        except Exception as fault:  # noqa: BLE001 - handed over to the thread that knows what to do
            self._events.put(Failed(self, fault))
        finally:
            self._reader.close()

    def _answer(self, offset: int, length: int, chunk_bytes: int) -> None:
        answer = self._reader.open(offset, length)
        self._events.put(Answered(self, answer.total_bytes))
        while True:
            self._room.acquire()
            if self._is_closed:
                return
            data = answer.read(chunk_bytes)
            if not data:
                self._room.release()
                break
            self._events.put(Arrived(self, data))
        self._events.put(Ended(self))


class QueuedConnection(Connection, Protocol):
    """A connection whose events wait in a queue."""

    def taken(self, amount: int) -> None:
        """A chunk of so many bytes was taken from the queue: there is room for another."""


class Threads:
    """The events of all connections of a session, in one order."""

    def __init__(self) -> None:
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._open: set[QueuedConnection] = set()

    def dial(self, make: Callable[[], Reader]) -> ThreadedConnection:
        """Starts a connection on a thread of its own."""
        connection = ThreadedConnection(make(), self._events)
        self.add(connection)
        return connection

    def add(self, connection: QueuedConnection) -> None:
        """Takes in a connection that puts its events here by itself."""
        self._open.add(connection)

    def put(self, event: Event) -> None:
        """Something happened on such a connection. For any thread."""
        self._events.put(event)

    def wait(self, timeout_s: float) -> Event | None:
        """The next event, or None after so long, or a while sooner."""
        try:
            event = self._events.get(timeout=min(timeout_s, MAX_WAIT_S))
        except Empty:
            return None
        if isinstance(event, Arrived) and (connection := self._found(event)):
            connection.taken(len(event.data))
        if isinstance(event, Failed) and (connection := self._found(event)):
            self._open.discard(connection)
        return event

    def close(self) -> None:
        """Ends all of them."""
        while self._open:
            self._open.pop().close()

    def _found(self, event: Event) -> QueuedConnection | None:
        return next((one for one in self._open if one is event.connection), None)
