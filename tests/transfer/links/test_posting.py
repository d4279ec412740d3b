"""Messages by POST to real servers: taken, refused, slow, endless, silent [A-147]."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from transfer.errors import SourceRefused
from transfer.links.access import Access
from transfer.links.posting import NotTaken, Posting

TAKEN: list[tuple[str, bytes, str]] = []


class Office(BaseHTTPRequestHandler):
    """Takes what is posted to /take, and answers 503 elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 201 if self.path.startswith("/take") else 503
        if status == 201:
            TAKEN.append((self.headers["Content-Type"], body, self.headers.get("Authorization", "")))
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def office() -> Iterator[str]:
    TAKEN.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Office) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and goes on as it likes."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with suppress(OSError):
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/take?key=secret"


def test_what_is_taken_stays_one_connection(office: str) -> None:
    access = Access({"127.0.0.1": "Bearer t"})
    with Posting(f"{office}/take?key=1", access) as server:
        for body in (b"one", b"two"):
            server.post(body, "application/x")
    assert TAKEN == [("application/x", b"one", "Bearer t"), ("application/x", b"two", "Bearer t")]


def test_what_is_not_taken(office: str) -> None:
    with Posting(f"{office}/busy") as server, pytest.raises(NotTaken, match=r"/busy: answers 503, so it has not taken"):
        server.post(b"one", "application/x")


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Posting(f"http://127.0.0.1:{port}/") as server, pytest.raises(NotTaken, match=rf"127\.0\.0\.1:{port}/: \w+"):
        server.post(b"one", "application/x")


def drip(connection: socket.socket) -> None:
    """A byte of a head now and then, for ever."""
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [drip, lambda connection: time.sleep(30)])
def test_a_server_that_answers_slowly_or_never_ends_in_time(answer: Callable[[socket.socket], None]) -> None:
    begun = time.monotonic()
    too_late = pytest.raises(NotTaken, match=r"take\?\.\.\.: has not taken it within 0\.5 s")
    with answering(answer) as url, Posting(url, total_s=0.5) as server, too_late:
        server.post(b"one", "application/x")
    assert time.monotonic() - begun < 5


def test_an_answer_of_ten_gigabytes_is_not_read() -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            sent += connection.send(bytes(65536))

    with answering(flood) as url, Posting(url) as server:
        server.post(b"one", "application/x")
    time.sleep(0.1)
    assert sent < 16_000_000


def test_an_address_that_is_none() -> None:
    with pytest.raises(SourceRefused, match="not a valid URL"):
        Posting("http://[/")
