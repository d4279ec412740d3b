"""The bad link carries bytes, counts them, and keeps to its script."""

import socket
import struct
import threading

import pytest

from tests.support.links.bad_link import weather
from tests.support.links.bad_server import BadServer

CONTENT = bytes(range(256)) * 400
REQUEST = b"GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def fetch(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(REQUEST)
        received = b""
        while block := connection.recv(65536):
            received += block
    return received.partition(b"\r\n\r\n")[2]


def test_bytes_arrive_and_are_counted() -> None:
    with BadServer(CONTENT, ["honest"]) as server, weather(server.port, seed=3) as link:
        assert fetch(link.port) == CONTENT
        stats = link.stats()
    assert stats["delivered_down"] > len(CONTENT) and stats["lost_down"] == 0
    assert stats["connections"] == 1 and stats["seed"] == 3


def test_a_scripted_drop_resets_the_connection() -> None:
    script = [(0.2, "rst", 0.0)]
    with BadServer(CONTENT, ["honest"]) as server, weather(server.port, rate_kbps=800, at=script) as link:
        with pytest.raises(ConnectionError):
            fetch(link.port)
        stats = link.stats()
    assert stats["drops"] == 1 and stats["resets"] == 1
    assert 0 < stats["delivered_down"] < len(CONTENT)


def test_corruption_is_seeded() -> None:
    def corrupted() -> bytes:
        with BadServer(CONTENT, ["honest"]) as server, weather(server.port, seed=5, corrupt_every=20_000) as link:
            return fetch(link.port)

    first = corrupted()
    assert len(first) == len(CONTENT) and first != CONTENT
    assert corrupted() == first


def test_a_client_that_resets_before_an_end_of_file_comes_stops_nobody_else() -> None:
    """The proxy does not read from it, for the way up is full, so that it learns of the reset by writing the end."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        with weather(upstream.getsockname()[1], delay_ms=200, rate_kbps=80) as link:
            leaving = socket.create_connection(("127.0.0.1", link.port), 5)
            leaving.sendall(bytes(200_000))
            ending, _ = upstream.accept()
            ending.shutdown(socket.SHUT_WR)
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            leaving.close()
            with socket.create_connection(("127.0.0.1", link.port), 5) as staying:
                serving, _ = upstream.accept()
                serving.sendall(b"still here")
                assert staying.recv(100) == b"still here"
            serving.close()
        ending.close()


def test_nothing_is_left_behind() -> None:
    with BadServer(CONTENT, ["honest"]) as server, weather(server.port, delay_ms=20) as link:
        port = link.port
        fetch(port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)
    assert not [thread for thread in threading.enumerate() if thread.name == "weather"]
