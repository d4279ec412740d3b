"""The bad link of chaosproxy.py without sockets and without waiting: its own code, on a loop whose time is made up.

`VirtualWeather(content, seed=1, mtbf_s=20, ...)` takes the options of `ChaosProxy` and is a link and a clock for a
session. What takes minutes over sockets passes in a second, and comes out the same every time.
"""

import asyncio
import re
from asyncio import events
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from tests.support.links.chaosproxy import ChaosProxy
from transfer.errors import Dropped, PastEnd
from transfer.links.budget import Meter
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Link, Opened

SERVER_CHUNK_BYTES = 65_536
HEAD_END = b"\r\n\r\n"
REQUEST = "GET /bundle HTTP/1.1\r\nHost: shore\r\nUser-Agent: unrep\r\nRange: bytes={}-{}\r\n\r\n"
ANSWER = (
    "HTTP/1.1 206 Partial Content\r\nServer: shore\r\nContent-Type: application/octet-stream\r\nX-Length: {}\r\n\r\n"
)


class Idle(Exception):
    """Nothing will ever happen any more."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that never waits: it sets its time to what is due next."""

    def __init__(self, make_server: Callable[[], "Server"]) -> None:
        super().__init__()
        self._clock_resolution = 1e-9  # not that of this machine's clock, within which timers may go off early
        self.seconds = 1.0  # the proxy takes 0 for no time
        self.listener: Callable[[], asyncio.Protocol] | None = None
        self._make_server = make_server
        self._selector = self
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self.seconds

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector does with time."""
        if timeout is None:
            raise Idle
        self.seconds += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """None come from outside."""

    async def create_server(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        self.listener = protocol_factory
        return Listener(self)

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        near, far = wire(self, protocol_factory(), self._make_server())
        return near, far

    def step(self) -> None:
        """Does what is due now, or lets time pass until something is."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            self._run_once()  # type: ignore[attr-defined] # what every asyncio loop is made of
        finally:
            events._set_running_loop(before)


class Listener:
    """A listening socket of the proxy."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def close(self) -> None:
        self._loop.listener = None


class Wire(asyncio.Transport):
    """One end of a connection on one machine: nothing takes time, and a reader that pauses holds the sender back."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._protocol: Any = None
        self.peer: Wire
        self._inbox: deque[bytes | None] = deque()  # None: the end of file
        self._is_paused = self._is_closing = self._is_woken = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._wake()

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: Any) -> None:
        if not self._is_closing:
            self.peer.receive(bytes(data))

    def write_eof(self) -> None:
        self.peer.receive(None)

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(ConnectionResetError())

    def receive(self, data: bytes | None) -> None:
        self._inbox.append(data)
        self._wake()

    def lost(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._protocol.connection_lost(error)

    def _end(self, error: Exception | None) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.call_soon(self._protocol.connection_lost, None)
        if error is None:
            self.peer.receive(None)
        else:
            self._loop.call_soon(self.peer.lost, error)

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        if self._is_paused or self._is_closing or not self._inbox:
            return
        data = self._inbox.popleft()
        if data is None:
            if not self._protocol.eof_received():
                self._end(None)
        else:
            self._protocol.data_received(data)
        if self._inbox:
            self._wake()
        elif hasattr(self.peer._protocol, "drained"):
            self.peer._protocol.drained()


def wire(loop: VirtualLoop, near: asyncio.Protocol, far: asyncio.Protocol) -> tuple[Wire, asyncio.Protocol]:
    """Connects two protocols; returns the near one's transport, and the near one."""
    ends = Wire(loop), Wire(loop)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    for end, protocol in zip(ends, (near, far), strict=True):
        end._protocol = protocol
    for end, protocol in zip(ends, (near, far), strict=True):
        protocol.connection_made(end)
    return ends[0], near


class Server(asyncio.Protocol):
    """Answers ranges of `content`, one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._asked = b""
        self._left: tuple[int, int] = (0, 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Wire, transport)

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while HEAD_END in self._asked:
            head, _, self._asked = self._asked.partition(HEAD_END)
            found = re.search(rb"bytes=(\d+)-(\d+)", head)
            assert found is not None
            first, last = int(found[1]), min(int(found[2]), len(self._content) - 1)
            self._left = first, last + 1
            self._transport.write(ANSWER.format(max(0, last + 1 - first)).encode())

    def drained(self) -> None:
        """The proxy has read all that was sent."""
        start, end = self._left
        cut = min(end, start + SERVER_CHUNK_BYTES)
        if start < cut:
            self._left = cut, end
            self._transport.write(self._content[start:cut])


class VirtualConnection(asyncio.Protocol):
    """A connection of the ship: what it hears becomes events. One that ended while idle is made again if asked."""

    def __init__(self, link: "VirtualWeather") -> None:
        self._link = link
        self._transport: Wire | None = None
        self._asked: tuple[int, int] | None = None
        self._left: int | None = None  # of the answer; None before its head has come
        self._head = b""
        self.is_closed = False
        link.loop.call_soon(self._dial)

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        assert self._asked is None, "one request at a time"
        self._asked, self._left, self._head = (offset, length), None, b""
        if self._transport is None or self._transport.is_closing():
            self._link.loop.call_soon(self._dial)
        else:
            self._send()

    def close(self) -> None:
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Wire, transport)

    def data_received(self, data: bytes) -> None:
        self._link.meter.count(len(data))
        if self._asked is None:
            return
        if self._left is None:
            self._head += data
            if HEAD_END not in self._head:
                return
            head, _, data = self._head.partition(HEAD_END)
            found = re.search(rb"X-Length: (\d+)", head)
            assert found is not None
            self._left = int(found[1])
            self._link.tell(Answered(self, len(self._link.content)))
        if data:
            self._left -= len(data)
            self._link.tell(Arrived(self, data))
        if not self._left:
            self._asked = None
            self._link.tell(Ended(self))

    def eof_received(self) -> bool:
        self._fail(Dropped("the connection ended too early"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._fail(Dropped("connection reset by peer"))

    def _dial(self) -> None:
        if self.is_closed:
            return
        listener = self._link.loop.listener
        if listener is None:
            self._link.tell(Failed(self, Dropped("connection refused")))
            return
        wire(self._link.loop, self, listener())
        self._link.connections += 1
        if self._asked is None:
            self._link.tell(Opened(self))
        else:
            self._send()

    def _send(self) -> None:
        assert self._asked is not None and self._transport is not None
        offset, length = self._asked
        if offset >= len(self._link.content):
            self._link.tell(Failed(self, PastEnd(f"ends at byte {len(self._link.content)}")))
            return
        self._transport.write(REQUEST.format(offset, offset + length - 1).encode())

    def _fail(self, fault: Exception) -> None:
        if self._asked is not None:
            self._asked = None
            self._link.tell(Failed(self, fault))


class VirtualWeather:
    """A `Link` and a `Clock` for a session that fetches `content` through a `ChaosProxy` with these options."""

    name = "sim://ship/bundle"
    max_connections = 6
    max_head_bytes = 0
    is_free = False

    def __init__(self, content: bytes, **options: Any) -> None:
        self.content = content
        self.links = [self]
        self.paths: list[Path] = []
        self.meter = Meter()
        self.connections = 0
        self.loop = VirtualLoop(lambda: Server(content))
        self.proxy = ChaosProxy(("127.0.0.1", 1), **options)
        self._events: deque[Event] = deque()
        starting = self.loop.create_task(self.proxy.start())
        while not starting.done():
            self.loop.step()

    def dial(self) -> VirtualConnection:
        return VirtualConnection(self)

    def tell(self, event: Event) -> None:
        """Something happened on a connection."""
        self._events.append(event)

    def discover(self) -> Sequence[Link]:
        return ()

    def wait(self, timeout_s: float) -> Event | None:
        due = self.loop.call_later(timeout_s, lambda: None)
        until = due.when()
        while not self._events and self.loop.seconds < until:
            self.loop.step()
        due.cancel()
        assert not self.loop.failures, self.loop.failures
        return self._events.popleft() if self._events else None

    def now(self) -> float:
        return self.loop.seconds

    def sleep(self, seconds: float) -> None:
        until = self.loop.call_later(seconds, lambda: None).when()
        while self.loop.seconds < until:
            self.loop.step()

    def close(self) -> None:
        """Its connections are closed by whoever dialed them."""
