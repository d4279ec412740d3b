"""A server that wants to know who asks, and a forward proxy: both note every head that they were sent.

`with gatekeeper(content, wants="Bearer x") as server` serves ranges; /to/URL redirects there. `with forward_proxy() as
proxy` passes on what it is asked for, by CONNECT too.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Seen:
    """One head: the request line's method and target, and the headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Station:
    """Where it listens, and what it saw."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    def url(self, path: str = "b") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def values(self, name: str) -> set[str | None]:
        """All values of a header, None where it was not sent."""
        return {one.headers.get(name) for one in self.seen}


class Handler(BaseHTTPRequestHandler):
    """Notes the head; what follows is for the kinds of server."""

    protocol_version = "HTTP/1.1"
    station: Station
    content = b""
    wants: str | None = None

    def note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.station.seen.append(Seen(self.command, self.path, headers))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Gate(Handler):
    """Ranges for whoever shows the right credentials."""

    def do_GET(self) -> None:
        self.note()
        if self.path.startswith("/to/"):
            self.answer(302, Location=unquote(self.path.removeprefix("/to/")))
        elif self.wants and self.headers.get("Authorization") != self.wants:
            self.answer(401)
        else:
            first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
            body = self.content[first : last + 1]
            place = f"bytes {first}-{first + len(body) - 1}/{len(self.content)}"
            self.answer(206, body, Content_Range=place)


class Proxy(Handler):
    """Passes on; with `wants`, only for whoever shows those credentials to it."""

    def do_GET(self) -> None:
        self.note()
        if not self._is_let_in():
            return
        parts = urlsplit(self.path)
        onward = HTTPConnection(parts.netloc)
        passed = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        onward.request("GET", f"{parts.path}?{parts.query}".rstrip("?"), headers=passed)
        response = onward.getresponse()
        kept = {name: value for name, value in response.getheaders() if name in ("Content-Range", "Location")}
        self.answer(response.status, response.read(), **kept)

    def do_CONNECT(self) -> None:
        self.note()
        if not self._is_let_in():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            self.send_response(200)
            self.end_headers()
            back = Thread(target=_pump, args=(onward, self.connection), daemon=True)
            back.start()
            _pump(self.connection, onward)
            back.join()
        self.close_connection = True

    def _is_let_in(self) -> bool:
        if self.wants and self.headers.get("Proxy-Authorization") != self.wants:
            self.answer(407)
            return False
        return True


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one of them has gone


@contextmanager
def _serving(kind: type[Handler], **attributes: Any) -> Iterator[Station]:
    bound: type[Handler] = type("Bound", (kind,), attributes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is no matter
    station = bound.station = Station(server.server_port)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield station
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def gatekeeper(content: bytes, wants: str | None = None) -> Any:
    """A server of one file."""
    return _serving(Gate, content=content, wants=wants)


def forward_proxy(wants: str | None = None) -> Any:
    """A proxy."""
    return _serving(Proxy, wants=wants)
