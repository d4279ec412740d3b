"""The HTTP link and a whole session against servers that misbehave in every way, over real sockets."""

import contextlib
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.bad_server import BLOCK_BYTES, BadServer
from tests.support.links.nginx import free_port, nginx
from tests.support.machines.wine_junctions import UNDER_WINE
from transfer.config import TransferConfig
from transfer.errors import (
    AnotherAnswers,
    BadAnswer,
    Dropped,
    Incomplete,
    OutputRefused,
    PastEnd,
    Silent,
    SourceCorrupt,
    SourceRefused,
    TransferError,
)
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.http import HttpReader, LinkMemory
from transfer.links.http_answers import HttpAnswer
from transfer.links.opening import open_sources, receive_buffer_bytes

BUNDLE = tiny_bundle(Shape(full_bytes=150_000, delta_bytes={"old": 40_000}))
CONTENT = BUNDLE.data
QUICK = TransferConfig(patience_s=10.0, first_answer_s=0.5, idle_floor_s=0.4, retry_floor_s=0.01, retry_ceiling_s=0.1)


def fetch(url: str, output: Path, config: TransferConfig = QUICK) -> Figures:
    link = open_sources([url], output, config)
    try:
        return Fetch(FetchRequest(links=link, trust=TRUST, output=output, config=config)).run()
    finally:
        link.close()


def read(answer: HttpAnswer) -> bytes:
    parts = []
    while part := answer.read(10_000):
        parts.append(part)
    return b"".join(parts)


def ask(behaviour: str, offset: int = 1000, length: int = 50_000, idle_s: float = 5.0) -> bytes:
    """What one range request gets from a server with one behaviour."""
    with BadServer(CONTENT, [behaviour]) as server:
        link = HttpReader(server.url("f"), max_redirects=5, idle_s=idle_s)
        answer = link.open(offset, length)
        try:
            assert answer.total_bytes == len(CONTENT)
            return read(answer)
        finally:
            answer.close()
            link.close()


@pytest.mark.parametrize("behaviour", ["honest", "endless", "chunked"])
def test_a_range_is_read_to_its_end_and_no_further(behaviour: str) -> None:
    """[T-14]"""
    assert ask(behaviour) == CONTENT[1000:51_000]


def test_a_shorter_answer_is_taken_as_far_as_it_goes() -> None:
    """[T-14]: by what the file has, or by what the server likes to send at once."""
    assert ask("honest", offset=len(CONTENT) - 10) == CONTENT[-10:]
    assert ask("capped") == CONTENT[1000 : 1000 + BLOCK_BYTES]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("wrong_content_range", "was asked for bytes 1000-50999 and sends 'bytes 1001-"),
        ("no_content_range", "does not say which bytes"),
        ("gzip_on_top", "another encoding, gzip"),
        ("no_http", "does not speak HTTP"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_not_taken(behaviour: str, message: str) -> None:
    """[T-14]"""
    with pytest.raises(BadAnswer, match=message):
        ask(behaviour)


def head_only(headers: str, status: str = "206 Partial Content") -> socket.socket:
    """A server for one connection that sends a head and some bytes."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + b"x" * 100)
            connection.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Range: bytes 10-109/50",
        "Content-Range: bytes 10-110/500",
        "Content-Range: bytes 10-9/500",
        "Content-Range: bytes 10-109/*",
        "Content-Range: bytes 9-108/500",
        "Content-Range: bytes 10-109/99999999999999999999",
        "Content-Range: bytes 10-109/500\r\nContent-Range: bytes 10-109/500",
        "Content-Range: items 10-109/500",
        "Content-Range: bytes 10-109/500\r\nContent-Length: 100\r\nContent-Length: 200",
        "Content-Range: bytes 10-109/500\r\nContent-Encoding: br",
    ],
)
def test_a_head_that_does_not_fit_the_range_is_not_taken(headers: str) -> None:
    """[T-14]"""
    with head_only(headers) as server, pytest.raises(BadAnswer):
        HttpReader(f"http://127.0.0.1:{server.getsockname()[1]}/", 5, idle_s=5.0).open(10, 100)


def test_identity_is_no_encoding() -> None:
    """[T-14]"""
    with head_only("Content-Range: bytes 10-109/500\r\nContent-Encoding: Identity\r\nContent-Length: 100") as server:
        answer = HttpReader(f"http://127.0.0.1:{server.getsockname()[1]}/", 5, idle_s=5.0).open(10, 100)
        assert read(answer) == b"x" * 100 and answer.total_bytes == 500


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [("stall", Silent), ("reset", Dropped), ("short_body", Dropped)],
)
def test_a_broken_body_gives_what_came_and_then_says_so(behaviour: str, error: type[Exception]) -> None:
    """[T-20], [T-23]: not one byte that arrived is lost."""
    with BadServer(CONTENT, [behaviour]) as server:
        answer = HttpReader(server.url(), 5, idle_s=0.3).open(0, 60_000)
        received = b""
        with pytest.raises(error):
            while part := answer.read(7_000):
                received += part
        assert received == CONTENT[:30_000]


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        ("silent", Silent, "nothing arrives"),
        ("unavailable", Dropped, "answers 503"),
        ("too_many_requests", Dropped, "answers 429"),
        ("range_unsatisfiable", PastEnd, f"ends at byte {len(CONTENT)}"),
        ("not_found", SourceRefused, "answers 404 Not Found; check the address"),
        ("whole_to_range", AnotherAnswers, "does not answer ranges"),
        ("redirect_loop", SourceRefused, "more than 5 redirects"),
    ],
)
def test_each_refusal_is_told_apart(behaviour: str, error: type[Exception], message: str) -> None:
    """[T-15], [T-17], [T-19], [T-20], [T-26]"""
    with pytest.raises(error, match=message) as refusal:
        ask(behaviour, idle_s=0.3)
    assert type(refusal.value) is error
    if isinstance(refusal.value, Dropped) and error is Dropped:
        assert refusal.value.wait_s == 1.0


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_waited_out(status: int) -> None:
    """[T-19]"""
    with head_only("Content-Length: 100", f"{status} Busy") as server, pytest.raises(Dropped, match=f"{status} Busy"):
        HttpReader(f"http://127.0.0.1:{server.getsockname()[1]}/", 5, idle_s=5.0).open(10, 100)


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 405, 410, 451])
def test_what_does_not_pass_is_refused(status: int) -> None:
    """[T-19]"""
    with head_only("Content-Length: 0", f"{status} No") as server, pytest.raises(SourceRefused, match=f"{status} No"):
        HttpReader(f"http://127.0.0.1:{server.getsockname()[1]}/", 5, idle_s=5.0).open(10, 100)


@pytest.mark.parametrize("retry_after", ["soon", "-1", "", "Fri, 01 Jan 1990 00:00:00 GMT"])
def test_a_retry_after_that_says_nothing_is_no_wait(retry_after: str) -> None:
    """[T-19]"""
    with head_only(f"Content-Length: 0\r\nRetry-After: {retry_after}", "503 Busy") as server:
        with pytest.raises(Dropped) as dropped:
            HttpReader(f"http://127.0.0.1:{server.getsockname()[1]}/", 5, idle_s=5.0).open(10, 100)
        assert dropped.value.wait_s == 0


@pytest.mark.parametrize("behaviour", ["reset", "short_body", "stall", "capped", "chunked", "unavailable"])
def test_the_session_gets_over_it(behaviour: str, tmp_path: Path) -> None:
    """[T-19], [T-20], [T-23]"""
    script = [behaviour] * (1 if behaviour == "unavailable" else 4) + ["honest"]
    with BadServer(CONTENT, script) as server:
        fetch(server.url("b"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["wrong_content_range", "no_content_range", "gzip_on_top", "no_http"])
def test_two_bad_answers_are_asked_again_and_three_refuse(behaviour: str, tmp_path: Path) -> None:
    """[T-16]"""
    with BadServer(CONTENT, ["honest", behaviour, behaviour, "honest"]) as server:
        fetch(server.url("b"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    with BadServer(CONTENT, [behaviour]) as server, pytest.raises(SourceRefused, match="3 times"):
        fetch(server.url("b"), tmp_path / "other")
    assert len(server.requests) == 3 and not (tmp_path / "other.part").exists()


@pytest.mark.parametrize(
    ("script", "error", "requests"),
    [
        (["whole_to_range"], SourceRefused, 1),
        (["honest", "wrong_bytes", "wrong_bytes", "honest"], SourceCorrupt, 4),
        (["honest", "wrong_bytes"], Incomplete, 4),
        (["honest", "longer_file"], SourceCorrupt, 7),
        (["honest", "not_found"], SourceRefused, 2),
        (["honest", "closed_for_today"], Incomplete, 2),
        (["honest", "range_unsatisfiable"], Incomplete, 4),
        (["redirect_loop"], SourceRefused, 6),
    ],
)
def test_the_session_gives_up_a_source_soon(
    script: Sequence[str], error: type[TransferError], requests: int, tmp_path: Path
) -> None:
    """[T-14], [T-15], [T-17], [T-19], [T-25], [T-26]: few requests, and nothing wrong is kept."""
    with BadServer(CONTENT, script) as server:
        with pytest.raises(error) as refusal:
            fetch(server.url("b"), tmp_path / "out")
        assert len(server.requests) <= requests + UNDER_WINE  # where a second one asks, too
        assert str(refusal.value).startswith(server.url("b")) and "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_a_login_page_in_between_is_waited_out_and_named(tmp_path: Path) -> None:
    """[T-15]: the source has answered ranges before."""
    with BadServer(CONTENT, ["honest", *["whole_to_range"] * 3, "honest"]) as server:
        fetch(server.url("b"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    config = TransferConfig(patience_s=0.5)
    with (
        BadServer(CONTENT, ["honest", "whole_to_range"]) as server,
        pytest.raises(Incomplete, match="something in between answers instead, perhaps a login page"),
    ):
        fetch(server.url("b"), tmp_path / "other", config)
    assert not (tmp_path / "other").exists()


def test_what_came_before_is_asked_for_past_caches(tmp_path: Path) -> None:
    """[T-171]"""
    with BadServer(CONTENT, ["honest", "wrong_bytes", "honest"]) as server:
        fetch(server.url("b"), tmp_path / "out")
        said = [request.cache_control for request in server.requests]
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert said[:2] == ["", ""] and "no-cache" in said[2:]


def test_every_second_connection_has_small_segments_until_something_came() -> None:
    """[T-173]"""
    memory = LinkMemory()
    assert [memory.needs_small_segments() for _ in range(4)] == [False, True, False, True]
    memory.delivered(0, 10)
    assert [memory.needs_small_segments() for _ in range(2)] == [False, False]
    assert memory.has_come(5, 20) and not memory.has_come(10, 20)


@pytest.mark.parametrize("behaviour", ["silent", "stall"])
def test_a_server_that_went_silent_for_good_ends_as_incomplete(behaviour: str, tmp_path: Path) -> None:
    """[T-20], [T-22]"""
    config = TransferConfig(patience_s=0.8, first_answer_s=0.1, idle_floor_s=0.1, progress_bytes=200_000)
    with BadServer(CONTENT, ["honest", behaviour]) as server, pytest.raises(Incomplete):
        fetch(server.url("b"), tmp_path / "out", config)


def test_a_whole_file_is_no_price_for_a_range_that_covers_it(tmp_path: Path) -> None:
    """[T-15]: a small bundle comes from any server; a resume of the same is not paid in full."""
    small = tiny_bundle(Shape(full_bytes=2_000))
    with BadServer(small.data, ["whole_to_range"]) as server:
        fetch(server.url("b"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == small.data and len(server.requests) == 1
    with BadServer(CONTENT, ["whole_to_range"]) as server:
        link = HttpReader(server.url(), 5, idle_s=5.0)
        with pytest.raises(SourceRefused):
            link.open(0, len(CONTENT) - 1)
        with pytest.raises(SourceRefused):
            link.open(1, len(CONTENT) + 1)
        assert read(link.open(0, len(CONTENT) + 1)) == CONTENT


def test_one_connection_serves_a_whole_fetch(tmp_path: Path) -> None:
    """[T-7]: by nginx's own log: two ranges over one connection, and not a byte more than the bundle."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "b").write_bytes(CONTENT)
    with nginx(tmp_path / "www", tmp_path / "nginx") as server:
        figures = fetch(server.url("b"), tmp_path / "out")
        log = server.requests(2)
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert [(one.method, one.status, one.range) for one in log] == [
        ("GET", 206, "bytes=0-4095"),
        ("GET", 206, f"bytes=4096-{len(CONTENT) - 1}"),
    ]
    assert figures.connections == 1 == len({one.connection for one in log})
    assert sum(one.body_bytes_sent for one in log) == len(CONTENT)


def test_nginx_without_ranges_is_refused_before_the_file_is_paid_for(tmp_path: Path) -> None:
    """[T-15]: what the log says went out is what lay in buffers."""
    (tmp_path / "www").mkdir()
    large = tiny_bundle(Shape(full_bytes=30_000_000, piece_bytes=65_536)).data
    (tmp_path / "www" / "b").write_bytes(large)
    with nginx(tmp_path / "www", tmp_path / "nginx", ranges=False) as server:
        with pytest.raises(SourceRefused, match="does not answer ranges"):
            fetch(server.url("b"), tmp_path / "out")
        assert server.requests(1)[0].body_bytes_sent < len(large) / 2
    assert not (tmp_path / "out.part").exists()


class Redirects:
    """A server that sends each path to the next address in its map, and serves nothing."""

    def __init__(self, targets: dict[str, str]) -> None:
        self._targets = targets
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            with connection:
                path = connection.recv(4096).split(b" ")[1].decode()
                head = f"HTTP/1.1 307 Over there\r\nLocation: {self._targets[path]}\r\nContent-Length: 0\r\n"
                connection.sendall(f"{head}Connection: close\r\n\r\n".encode())


def test_redirects_are_followed_relative_and_elsewhere(tmp_path: Path) -> None:
    """[T-17]"""
    with BadServer(CONTENT, ["honest"]) as server:
        chain = {"/a": "/b", "/b": "c", "/c": "?d", "/c?d": server.url("x"), "/loop": "/loop"}
        redirects = Redirects(chain)
        figures = fetch(redirects.url("/a"), tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == CONTENT
        assert {one.path for one in server.requests} == {"/x"} and figures.connections > 1
        with pytest.raises(SourceRefused, match="more than 5 redirects"):
            fetch(redirects.url("/loop"), tmp_path / "out2")


@pytest.mark.parametrize(
    "target", ["ftp://127.0.0.1/b", "file:///etc/passwd", "http://user:pw@127.0.0.1/b", "http://["]
)
def test_redirects_elsewhere_than_to_the_web_are_not_followed(target: str, tmp_path: Path) -> None:
    """[T-17]"""
    redirects = Redirects({"/a": target})
    with pytest.raises(SourceRefused, match=r"127\.0\.0\.1:\d+/a: redirected"):
        fetch(redirects.url("/a"), tmp_path / "out")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/b",
        "http://",
        "http:///b",
        "http://[::1/b",
        "http://u:p@127.0.0.1/b",
        "http://127.0.0.1:99999/b",
    ],
)
def test_what_is_no_address_of_the_web_is_refused_before_anything(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused):
        fetch(url, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_one_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="not a valid URL"):
        fetch("http://a..b/x", tmp_path / "out")


def test_nobody_there_is_waited_for(tmp_path: Path) -> None:
    """[T-21], [T-22]: the server may be on its way up."""
    with pytest.raises(Incomplete, match="connection refused"):
        fetch(f"http://127.0.0.1:{free_port()}/b", tmp_path / "out", TransferConfig(patience_s=0.5))


def test_an_output_elsewhere_is_refused_before_the_server_is_asked(tmp_path: Path) -> None:
    with BadServer(CONTENT, ["honest"]) as server:
        with pytest.raises(OutputRefused):
            fetch(server.url("b"), tmp_path / "nowhere" / "out")
        assert server.requests == []


def sent_ahead(limit_bytes_per_s: int | None) -> int:
    """What a server with a small buffer of its own can send of 30 MB while a client reads none of it."""
    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    config = TransferConfig(limit_bytes_per_s=limit_bytes_per_s)
    url = f"http://127.0.0.1:{server.getsockname()[1]}/b"
    reader = HttpReader(url, 5, receive_buffer_bytes(config), idle_s=5.0)
    sent: list[int] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-29999999/30000000\r\n\r\n")
            connection.settimeout(1)  # well beyond a delayed acknowledgement, for which it waits once or twice
            with contextlib.suppress(OSError):  # it is full, or the client has gone
                while True:
                    sent.append(connection.send(bytes(4096)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server, contextlib.closing(reader):
        answer = reader.open(0, 30_000_000)  # held: an answer that is dropped closes its connection
        thread.join()
        del answer
    return sum(sent)


@pytest.mark.skipif(UNDER_WINE, reason="Wine's sockets take in the same, whatever they are asked")
def test_a_rate_limit_bounds_what_the_system_takes_in_ahead() -> None:
    """[T-27]: so that the link itself is held to the rate, and not only the reading of what has come."""
    limited, free = sent_ahead(1_000), sent_ahead(None)
    print(f"{limited:,} bytes with a limit, {free:,} without")
    assert limited < free / 2
