"""A server whose clients are slow, many, or gone: so many connections, such long requests, so much time [T-136]."""

import contextlib
import io
import socket
import sys
from abc import ABC, abstractmethod
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

from transfer.serving.connections import MAX_CONNECTIONS, ConnectionLimiter

IDLE_S = 60.0  # until a request begins, or for a block to be taken
HEAD_S = 30.0  # for a request, from its first byte to its last
MAX_HEAD_BYTES = 16 * 1024
BACKLOG = 512  # ships that come at once


class LinkServer(ThreadingHTTPServer):
    """A server whose clients go away in the middle, as they do behind a bad link. One thread for each connection."""

    daemon_threads = True
    request_queue_size = BACKLOG
    block_on_close = False  # an idle connection that is kept alive must not keep the server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing for a client that is gone."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class LimitedServer(LinkServer):
    """A server with so many connections at once, for handlers that are a `LimitedHandler`. Raises as `socketserver`."""

    # On Windows that would let any account listen on the same port, and be asked in our place.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: tuple[str, int], handler: type["LimitedHandler"], most: int = MAX_CONNECTIONS) -> None:
        self.connections = ConnectionLimiter(most)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread of its own for a connection that has a place."""
        if self.connections.admit(request, str(client_address[0])):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over, however that came."""
        super().shutdown_request(request)
        self.connections.release(request)

    def server_bind(self) -> None:
        """Without the look-up of the machine's name, which takes long where there is no name server."""
        if hasattr(socket, "TCP_CONGESTION"):  # what is accepted inherits it; lost packets do not slow it down
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Requests(io.RawIOBase):
    """What a client sends, one head after the other: so long, and in so long a time, and no more."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.await_next()

    def await_next(self) -> None:
        """The next request has not begun."""
        self.left_bytes = MAX_HEAD_BYTES + 1
        self._until: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """0 where the head has been too long. Raises TimeoutError or another OSError."""
        view = memoryview(buffer).cast("B")[: self.left_bytes]
        if not view:
            return 0
        wait_s = IDLE_S if self._until is None else self._until - monotonic()
        if wait_s <= 0:
            raise TimeoutError
        self._connection.settimeout(wait_s)
        amount = self._connection.recv_into(view)
        self._until = self._until or monotonic() + HEAD_S
        self.left_bytes -= amount
        return amount


class LimitedHandler(BaseHTTPRequestHandler, ABC):
    """One connection of a `LimitedServer`."""

    protocol_version = "HTTP/1.1"
    server_version = "unrep"
    sys_version = ""
    timeout = IDLE_S
    server: LimitedServer

    def setup(self) -> None:
        """As for any server, but that requests have an end."""
        super().setup()
        self._requests = _Requests(self.connection)
        self.rfile = io.BufferedReader(self._requests)
        self._served = self.server.connections.of(self.connection)

    def handle_one_request(self) -> None:
        """Waits for a request, and answers it."""
        self._requests.await_next()
        self._served.set_asking(is_asking=False)
        super().handle_one_request()

    def do_GET(self) -> None:
        self.serve(with_body=True)

    def do_HEAD(self) -> None:
        self.serve(with_body=False)

    def do_POST(self) -> None:
        self.take()

    @abstractmethod
    def serve(self, with_body: bool) -> None:
        """Answers a GET, or without the body a HEAD."""

    def take(self) -> None:
        """Answers a POST, whose body is read from `rfile`: it counts as part of the request."""
        self.send_error(HTTPStatus.NOT_IMPLEMENTED)

    def begin_answer(self) -> bool:
        """Whether the request came whole. If not, the connection ends with the answer."""
        self.connection.settimeout(IDLE_S)
        if not self._requests.left_bytes:
            self.close_connection = True
            return False
        self._served.set_asking(is_asking=True)
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing; a server with a log is a web server's business."""
