"""A bundle file on a server of `unrep serve --udp`: a `Link` over datagrams, spec/transfer.md, section 17.

One thread has the sockets. It runs while there are connections, and ends with the last of them. What the session has
learnt of the path, its rate and its cookie among them, stays for the next one.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable
from random import SystemRandom
from threading import Lock, Thread
from typing import Protocol
from urllib.parse import quote, urlsplit, uses_netloc, uses_relative

from transfer.errors import Dropped, SourceRefused
from transfer.links.access import shown
from transfer.links.budget import Meter
from transfer.links.contract import Event
from transfer.links.pull_lanes import Lane, Lanes
from transfer.links.threads import Threads
from transfer.pull.datagrams import MAX_DATAGRAM_BYTES, MAX_PATH_BYTES, WIRE_BYTES
from transfer.pull.pacing import Phase
from transfer.pull.session import PullSession, State

SCHEME = "udp://"
for schemes in (uses_relative, uses_netloc):  # the names beside a channel file are relative to it
    schemes.append("udp")
MAX_LANES = 2  # while one range comes, the next is asked for
SPARE_BYTES = 2048  # of a budget, for requests and heads of the last packets
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
MAX_WAIT_S = 1.0
BATCH = 64


class PullLink:
    """One `udp://HOST:PORT/PATH`. Raises SourceRefused for a URL that is none.

    `remembered_bytes_per_s`: what the path carried lately. `limit_bytes_per_s`: what it may carry.
    """

    max_connections = MAX_LANES
    max_head_bytes = SPARE_BYTES
    is_free = False
    fills_path = True

    def __init__(
        self,
        url: str,
        threads: Threads,
        remembered_bytes_per_s: float | None = None,
        limit_bytes_per_s: float | None = None,
    ) -> None:
        self.name = shown(url)
        self._host, self._port, path = _parts(url, self.name)
        self.meter = Meter()
        self.meter.head_bytes = SPARE_BYTES
        self._threads = threads
        self._session = PullSession(path, SystemRandom(), remembered_bytes_per_s, limit_bytes_per_s, self._affordable)
        self._lock = Lock()
        self._lanes = Lanes(self.name, self._session, self._tell)
        self._ports = 0
        self._waker: socket.socket | None = None

    @property
    def connections(self) -> int:
        """How many ports requests went out from."""
        return self._ports

    @property
    def bytes_per_s(self) -> float | None:
        """What the path was seen to carry."""
        return self._session.pacer.bytes_per_s

    @property
    def is_heard(self) -> bool:
        """As of the contract."""
        return self._session.state is not State.OPENING

    @property
    def settled_bytes_per_s(self) -> float | None:
        """As of the contract."""
        pacer = self._session.pacer
        return None if pacer.phase is Phase.STARTING else pacer.bytes_per_s

    def dial(self) -> "PullConnection":
        with self._lock:
            connection = PullConnection(self, self._lanes)
            self._threads.add(connection)
            if self._waker is None:
                theirs, self._waker = socket.socketpair()
                # Of its own: the thread before may still be closing those that it had.
                sockets = Sockets(self._host, self._port)
                Thread(target=self._run, args=(sockets, theirs), name="pull", daemon=True).start()
        return connection

    def act(self, action: Callable[[], None]) -> None:
        """Does something to the lanes, and has the thread look at what that brings."""
        with self._lock:
            action()
            if self._waker is not None:
                with contextlib.suppress(OSError):
                    self._waker.send(b"\0")

    def took(self, amount: int) -> None:
        """So many bytes were taken from the queue of events."""
        was_full = not self._session.has_room
        with self._lock:
            self._lanes.taken(amount)
        if was_full:
            self.act(lambda: None)

    # -- the thread of the sockets

    def _run(self, sockets: "Sockets", waker: socket.socket) -> None:
        waker.setblocking(False)
        try:
            while self._turn(sockets, waker):
                pass
        except Exception as fault:  # noqa: BLE001 - handed over to the thread that knows what to do
            with self._lock:
                self._lanes.fail(fault)
                self._end()
        finally:
            waker.close()
            sockets.close()

    def _turn(self, sockets: "Sockets", waker: socket.socket) -> bool:
        """Sends what is due, waits, and takes in what comes. Returns False once no lane is left."""
        with self._lock:
            if not len(self._lanes):
                self._end()
                return False
            now = time.monotonic()
            datagrams = list(self._session.outgoing(now))
            self.meter.count(sum(len(one) + WIRE_BYTES for one in datagrams))
            wait_s = max(0.0, min(self._session.wake_at(now) - now, MAX_WAIT_S))
            self._lanes.deliver()
            port, is_silent = self._session.port, self._session.is_silent
        self._ports += sockets.send(datagrams, port, is_silent)
        for datagram in sockets.receive(waker, wait_s):
            with self._lock:
                self.meter.count(len(datagram) + WIRE_BYTES)
                self._session.receive(datagram, time.monotonic())
        return True

    def _end(self) -> None:
        if self._waker is not None:
            self._waker.close()
            self._waker = None

    def _affordable(self, amount: int) -> bool:
        return self.meter.may_take(amount) >= amount

    def _tell(self, event: Event) -> None:
        self._threads.put(event)


class Lively(Protocol):
    """What a connection needs of its link."""

    def act(self, action: Callable[[], None]) -> None:
        """Does something to the lanes, and sees to what that brings."""

    def took(self, amount: int) -> None:
        """So many bytes were taken from the queue of events."""


class PullConnection(Lane):
    """A lane, for the thread of the session; `Connection` of the contract."""

    def __init__(self, link: Lively, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._link = link
        lanes.join(self)

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        self._link.act(lambda: self.lanes.ask(self, offset, length, chunk_bytes))

    def close(self) -> None:
        self._link.act(lambda: self.lanes.close(self))

    def taken(self, amount: int) -> None:
        self._link.took(amount)


class Sockets:
    """The ports that requests go out from: the newest, and the one before it, where an answer may still come."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._addresses: list[tuple[int, tuple[str, int]]] = []
        self._turn = self._opened = 0
        self._open: dict[int, list[socket.socket]] = {}
        self._port = 0

    def send(self, datagrams: list[bytes], port: int, is_silent: bool) -> int:
        """Sends datagrams, from another port if that number has changed. What cannot be sent is lost.

        Returns how many ports were opened. While nothing is heard, the addresses of the host take turns [T-169].
        Raises Dropped if it has none.
        """
        opened_before = self._opened
        if not datagrams:
            return 0
        if not self._addresses:
            self._addresses = _addresses(*self._place)
        if port != self._port:
            self._port = port
            for sockets in self._open.values():
                for old in sockets[:-1]:
                    old.close()
                del sockets[:-1]
                sockets.append(self._new(sockets[-1].family))
        for datagram in datagrams:
            self._turn += is_silent and len(self._addresses) > 1
            family, address = self._addresses[self._turn % len(self._addresses)]
            if family not in self._open:
                self._open[family] = [self._new(family)]
            with contextlib.suppress(OSError):
                self._open[family][-1].sendto(datagram, address)
        return self._opened - opened_before

    def receive(self, waker: socket.socket, wait_s: float) -> list[bytes]:
        """What has come, after waiting for it, or for the waker, so long."""
        sockets = [one for found in self._open.values() for one in found]
        ready, _, _ = select.select([waker, *sockets], [], [], wait_s)
        if waker in ready:
            with contextlib.suppress(OSError):
                waker.recv(4096)
        found = []
        for one in ready:
            if one is waker:
                continue
            for _ in range(BATCH):
                try:
                    found.append(one.recv(MAX_DATAGRAM_BYTES + 1))
                except ConnectionError:  # Windows: an earlier datagram found nobody
                    continue
                except OSError:
                    break
        return found

    def close(self) -> None:
        """Closes them all."""
        for sockets in self._open.values():
            for one in sockets:
                one.close()
        self._open = {}

    def _new(self, family: int) -> socket.socket:
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.setblocking(False)
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._opened += 1
        return one


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """The first address of each family."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Dropped("its name cannot be resolved to an address") from error
    first: dict[int, tuple[str, int]] = {}
    for family, _, _, _, address in found:
        first.setdefault(family, address)  # type: ignore[arg-type] # of IPv6 more follows the port
    return list(first.items())


def _parts(url: str, name: str) -> tuple[str, int, str]:
    """(host, port, path). Raises SourceRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceRefused(f"{name}: not a valid URL") from error
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    if not host or not port or len(path) < 2 or parts.query or parts.username is not None:
        raise SourceRefused(f"{name}: over UDP a source is named by udp://HOST:PORT/FILE")
    if len(path) > MAX_PATH_BYTES:
        raise SourceRefused(f"{name}: the path is longer than {MAX_PATH_BYTES} bytes; publish it under a shorter one")
    return host, port, path
