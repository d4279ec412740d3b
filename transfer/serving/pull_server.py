"""The socket of `unrep serve --udp`: datagrams in, datagrams out, on one thread for any number of ships [T-170]."""

import contextlib
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes
from threading import Event, Thread

from bundle.host import presence
from transfer.errors import OutputRefused, SourceRefused
from transfer.pull.answering import Address, Answerer, PullCounts
from transfer.pull.datagrams import MAX_DATAGRAM_BYTES
from transfer.serving.granted_files import GrantedFiles

BUFFER_BYTES = 4 * 1024 * 1024
SECRET_BYTES = 32
BATCH = 64  # taken in, or sent, before the other has its turn
IDLE_S = 0.2  # until it is seen that it was told to stop


class PullServer:
    """Listens once it is made; answers from `start` to `close`.

    `bytes_per_s`: all answers together; None: as fast as they can be sent. Raises SourceRefused for a directory that is
    not there, OutputRefused for an address that cannot be listened on.
    """

    def __init__(
        self,
        directory: Path,
        bind: str,
        port: int,
        bytes_per_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not presence.is_directory(directory):
            raise SourceRefused(f"{directory}: no such directory; name the one that holds the bundles")
        try:
            self._socket = _bound(bind, port)
        except (OSError, OverflowError, TypeError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise OutputRefused(
                f"{bind}:{port}: cannot be listened on with UDP: {said}; name another --port or --bind"
            ) from error
        self._files = GrantedFiles(directory.resolve(), clock)
        self._answerer = Answerer(self._files, token_bytes(SECRET_BYTES), clock, bytes_per_s)
        self._clock = clock
        self._waiting: tuple[bytes, Address] | None = None  # the system takes no more for now
        self._is_stopped = Event()
        self._thread = Thread(target=self._run, name="pull server", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    @property
    def counts(self) -> PullCounts:
        """What it has done so far."""
        return self._answerer.counts

    def start(self) -> None:
        """Answers from now on, on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stops."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
        self._files.close()

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            due_s = 0.0 if self._waiting else self._answerer.due_in(self._clock())
            wait_s = IDLE_S if self._waiting or due_s is None else min(due_s, IDLE_S)
            readable, _, _ = select.select([self._socket], [self._socket] if self._waiting else [], [], wait_s)
            if readable:
                self._take_in()
            self._send()

    def _take_in(self) -> None:
        for _ in range(BATCH):
            try:
                datagram, address = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except ConnectionError:  # Windows: an earlier answer found nobody
                continue
            except OSError:  # nothing more, or one that is too long
                return
            self._answerer.take(datagram, address)

    def _send(self) -> None:
        for _ in range(BATCH):
            self._waiting = self._waiting or self._answerer.next(self._clock())
            if self._waiting is None:
                return
            try:
                self._socket.sendto(*self._waiting)
            except BlockingIOError:
                return
            except OSError:  # nobody can be reached there
                self._answerer.counts.dropped += 1
            self._waiting = None


def _bound(bind: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_DGRAM)[0]
    one = socket.socket(family, kind, protocol)
    try:
        one.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        one.bind(address)
    except BaseException:
        one.close()
        raise
    return one
