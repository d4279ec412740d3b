"""The misbehaving server misbehaves as it says: asked over a plain socket, so that no library mends anything."""

import gzip
import socket

import pytest

from tests.support.links.bad_server import BEHAVIOURS, BadServer

CONTENT = bytes(range(256)) * 40
FIRST, LAST = 1000, 4999
WANTED = CONTENT[FIRST : LAST + 1]


def ask(server: BadServer, timeout_s: float = 5.0, max_bytes: int = 1 << 20) -> tuple[int, dict[str, str], bytes, str]:
    """Status, headers, body and how it ended: "complete", "closed", "silence", "reset" or "too much"."""
    request = f"GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes={FIRST}-{LAST}\r\n\r\n".encode()
    received, ended = b"", "closed"
    with socket.create_connection(("127.0.0.1", server.port), timeout_s) as connection:
        connection.sendall(request)
        try:
            while block := connection.recv(65536):
                received += block
                head, _, body = received.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
                if len(body) == int(headers.get("Content-Length", -1)):
                    ended = "complete"
                    break
                if len(received) > max_bytes:
                    ended = "too much"
                    break
        except TimeoutError:
            ended = "silence"
        except ConnectionResetError:
            ended = "reset"
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    status = int(lines[0].split()[1]) if head else 0
    return status, dict(line.split(": ", 1) for line in lines[1:]), body, ended


def one(behaviour: str, timeout_s: float = 5.0) -> tuple[int, dict[str, str], bytes, str]:
    """What one request to a server with one behaviour gets."""
    with BadServer(CONTENT, [behaviour]) as server:
        return ask(server, timeout_s)


@pytest.mark.parametrize(
    ("behaviour", "status", "body", "ended"),
    [
        ("honest", 206, WANTED, "complete"),
        ("whole_to_range", 200, CONTENT, "complete"),
        ("wrong_bytes", 206, bytes(byte ^ 0xFF for byte in WANTED), "complete"),
        ("short_body", 206, WANTED[:2000], "closed"),
        ("reset", 206, WANTED[:2000], "reset"),
        ("not_found", 404, b"", "complete"),
        ("range_unsatisfiable", 416, b"", "complete"),
        ("unavailable", 503, b"", "complete"),
        ("too_many_requests", 429, b"", "complete"),
        ("closed_for_today", 503, b"", "complete"),
        ("no_content_range", 206, WANTED, "complete"),
        ("longer_file", 206, WANTED, "complete"),
        ("capped", 206, WANTED, "complete"),
        ("redirect_loop", 302, b"", "complete"),
    ],
)
def test_status_body_and_end(behaviour: str, status: int, body: bytes, ended: str) -> None:
    found = one(behaviour)
    assert (found[0], found[2], found[3]) == (status, body, ended)


def test_silence() -> None:
    assert one("stall", timeout_s=0.3)[2:] == (WANTED[:2000], "silence")
    assert one("silent", timeout_s=0.3)[2:] == (b"", "silence")


def test_headers_that_lie_or_bind() -> None:
    assert one("honest")[1]["Content-Range"] == f"bytes {FIRST}-{LAST}/{len(CONTENT)}"
    assert one("wrong_content_range")[1]["Content-Range"] == f"bytes {FIRST + 1}-{LAST + 1}/{len(CONTENT)}"
    assert one("unavailable")[1]["Retry-After"] == "1"
    assert one("redirect_loop")[1]["Location"].startswith("/again")
    assert one("range_unsatisfiable")[1]["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_endless_goes_past_the_range() -> None:
    _, headers, body, ended = one("endless")
    assert ended == "too much" and "Content-Length" not in headers
    assert body.startswith(WANTED)


def test_gzip_on_top_of_the_range() -> None:
    _, headers, body, _ = one("gzip_on_top")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == WANTED


def test_behaviours_follow_each_other_and_the_last_stays() -> None:
    with BadServer(CONTENT, ["not_found", "unavailable", "honest"]) as server:
        assert [ask(server)[0] for _ in range(4)] == [404, 503, 206, 206]
        assert [request.range for request in server.requests] == [f"bytes={FIRST}-{LAST}"] * 4


def test_an_unknown_behaviour_is_named() -> None:
    with pytest.raises(AssertionError, match="no such behaviour"):
        BadServer(CONTENT, ["honset"])
    assert len(BEHAVIOURS) == 26
