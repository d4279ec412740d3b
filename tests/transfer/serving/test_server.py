"""`unrep serve` on real sockets: ranges, and everything that somebody might ask of it to get out of the directory."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from bundle.trust.heartbeat import NONCE_BYTES, Heartbeat, sign_heartbeat
from bundle.trust.signing import write_key_pair
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, tiny_bundle, write_trust
from tests.support.contents.trust import begun
from tests.support.links.nginx import free_port
from tests.support.machines.wine_junctions import UNDER_WINE
from transfer.config import TransferConfig
from transfer.errors import OutputRefused, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.publish import ChannelMove, publish
from transfer.serving import limited as module
from transfer.serving.connections import ConnectionLimiter
from transfer.serving.server import BundleServer
from transfer.volumes.export import export

BUNDLE = tiny_bundle(Shape(full_bytes=90_000))
DATA = BUNDLE.data
LENGTH = len(DATA)


@pytest.fixture
def www(tmp_path: Path) -> Path:
    """A served directory with a secret beside it."""
    directory = tmp_path / "www"
    (directory / "vms").mkdir(parents=True)
    (directory / "vms" / "a b.unrep").write_bytes(DATA)
    (directory / "f").write_bytes(DATA)
    (directory / "empty").write_bytes(b"")
    (directory / "draft.part").write_bytes(b"half")
    (directory / ".hidden").write_bytes(b"hidden")
    (tmp_path / "secret").write_bytes(b"secret")
    return directory


@contextmanager
def serving(www: Path) -> Iterator[BundleServer]:
    with BundleServer(www, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def server(www: Path) -> Iterator[BundleServer]:
    with serving(www) as running:
        yield running


class Client:
    """One kept connection."""

    def __init__(self, server: BundleServer) -> None:
        self.connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        self.connection.request(method, path, headers={name.replace("_", "-"): v for name, v in headers.items()})
        answer = self.connection.getresponse()
        return answer, answer.read()


@pytest.fixture
def client(server: BundleServer) -> Client:
    return Client(server)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-99", 5, 99),
        ("bytes=100-", 100, LENGTH - 1),
        ("bytes=100-99999999", 100, LENGTH - 1),
        ("bytes=-7", LENGTH - 7, LENGTH - 1),
        ("bytes=-99999999", 0, LENGTH - 1),
        (f"bytes={LENGTH - 1}-", LENGTH - 1, LENGTH - 1),
    ],
)
def test_a_range_is_answered_exactly(client: Client, asked: str, first: int, last: int) -> None:
    """[T-60]"""
    answer, body = client.ask("/f", Range=asked)
    assert answer.status == 206 and body == DATA[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{LENGTH}"
    head, nothing = client.ask("/f", "HEAD", Range=asked)
    assert head.status == 206 and nothing == b"" and head.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", [f"bytes={LENGTH}-", f"bytes={LENGTH + 5}-{LENGTH + 9}", "bytes=-0"])
def test_a_range_behind_the_end_is_416(client: Client, asked: str) -> None:
    """[T-60]"""
    answer, body = client.ask("/f", Range=asked)
    assert answer.status == 416 and answer.headers["Content-Range"] == f"bytes */{LENGTH}" and len(body) < 100


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=x-y", "bytes=٣-٤"])
def test_what_is_no_single_range_is_answered_as_if_not_asked(client: Client, asked: str) -> None:
    """[T-60]: RFC 9110, 14.2."""
    client.connection.putrequest("GET", "/f")
    client.connection.putheader("Range", asked.encode())
    client.connection.endheaders()
    answer = client.connection.getresponse()
    assert answer.status == 200 and answer.read() == DATA


def test_the_entity_tag_is_strong_and_changes_with_the_file(client: Client, www: Path) -> None:
    """[T-60]"""
    tag = client.ask("/f", "HEAD")[0].headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', tag)
    assert client.ask("/f", Range="bytes=0-9", If_Range=tag)[0].status == 206
    for other in ('"other"', "W/" + tag, "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert client.ask("/f", Range="bytes=0-9", If_Range=other)[0].status == 200
    replacement = www / "new"
    changed = DATA[:-1] + bytes([DATA[-1] ^ 1])
    replacement.write_bytes(changed)
    replacement.replace(www / "f")
    answer, body = client.ask("/f", Range="bytes=0-9", If_Range=tag)
    assert answer.status == 200 and body == changed and answer.headers["ETag"] != tag


def test_one_connection_takes_many_requests(client: Client) -> None:
    """[T-60]: a HEAD and refusals between do not break it."""
    client.ask("/f", "HEAD")
    kept = client.connection.sock
    assert client.ask("/vms/a%20b.unrep")[1] == DATA
    assert client.ask("/nowhere")[0].status == 404 and client.ask("/nowhere", "HEAD")[1] == b""
    assert client.ask("/f?version=2", Range="bytes=1-2")[1] == DATA[1:3]
    assert kept is not None and client.connection.sock is kept


OUTSIDE = [
    "/",
    "/vms",
    "/vms/",
    "/../secret",
    "/vms/../../secret",
    "/%2e%2e/secret",
    "/%2E%2E%2Fsecret",
    "/..%2fsecret",
    "/vms/..%5c..%5csecret",
    "/%252e%252e/secret",
    "//secret",
    "/vms//a%20b.unrep",
    "/./f",
    "/f/",
    "/f%00",
    "/.hidden",
    "/draft.part",
    "/empty",
    "/C:/secret",
    "/out",
    "/outdir/secret",
    "/pipe",
    "*",
    "/" + "a" * 5000,
    "/%ff%fe",
]


def test_there_is_no_way_out_and_no_listing(www: Path, server: BundleServer) -> None:
    """[T-60]: sent as raw bytes, for a client of Python's own would tidy them up."""
    if sys.platform != "win32":
        (www / "out").symlink_to(www.parent / "secret")
        (www / "outdir").symlink_to(www.parent)
        os.mkfifo(www / "pipe")
    absolute = str(www.parent / "secret")
    for target in [*OUTSIDE, absolute, "/" + absolute, f"http://127.0.0.1{absolute}"]:
        said = raw(server, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 404 "), (target, said[:200])
        assert b"secret" not in said.split(b"\r\n\r\n", 1)[1] and b"a b" not in said


def test_what_is_for_ships_is_served_whatever_it_is_called(www: Path, client: Client) -> None:
    """[T-60]: bundles, volumes, channel files, tickets, trust files, heartbeats, public keys."""
    write_trust(www / "shore.pub")
    export(www / "f", 50_000, [www], Quiet())
    publish(www / "f", DirectoryBackend(www), ChannelMove([KEY]), Quiet())
    begun().write(www / "fleet.trust")
    beat = Heartbeat(1, "vms", 0, 2, 0, 0, 1_800_000_000, b"n" * NONCE_BYTES)
    (www / "beat").write_bytes(sign_heartbeat(beat, KEY))
    ticket = bytes([1]) + bytes(144)
    (www / "vms.tickets").mkdir()
    (www / "vms.tickets" / "ab.ticket").write_bytes(ticket)
    assert client.ask("/vms.tickets/ab.ticket")[1] == ticket
    served = [path for path in www.iterdir() if path.is_file() and path.name[0] != "."]
    for path in served:
        is_for_ships = path.name not in ("draft.part", "empty")
        assert client.ask(f"/{path.name}")[0].status == (200 if is_for_ships else 404), path
    assert len(served) > 8


def test_what_else_lies_there_is_not(www: Path, client: Client) -> None:
    """[T-60]: keys in every form and under every name, settings, states, locks, drafts."""
    write_key_pair(www / "release")
    pem, trust = (www / "release.key").read_bytes(), (www / "release.pub").read_bytes()
    for name in ("release.key", "b.unrep", "stable.channel", "key.ticket", "trust"):
        (www / name).write_bytes(pem)
    others = {
        "both.pub": trust + pem,
        "both.pem": pem + trust,
        "raw": bytes(range(32)),
        "auth": b"bearer token",
        "unrep.toml": b"[agent]",
        "f.lock": b"123\n",
        "f.state": b"STATE01\n" + bytes(100),
        "pass": b"ahoy",
        "UNREP.txt": b"UNREP is what it begins with",
        "short": b"UNREP",
        "map": b"\x81\xa5trust",
        "db": b"SQLite format 3\0" + bytes(5000),
        "id_ed25519": b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    }
    for name, content in others.items():
        (www / name).write_bytes(content)
    for path in www.iterdir():
        is_for_ships = path.name in ("f", "release.pub")
        assert client.ask(f"/{path.name}")[0].status == (200 if is_for_ships else 404), path


@pytest.mark.skipif(UNDER_WINE, reason="Wine's select(2) fails where another thread closes a socket")
def test_slow_clients_keep_nobody_out(www: Path) -> None:
    """[T-136]: more than there are places, some that say nothing, some a byte at a time; who asks is served at once."""
    before = threading.active_count()
    with ExitStack() as stack:
        running = stack.enter_context(serving(www))
        running.connections = ConnectionLimiter(8)
        client = Client(running)
        for number in range(40):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", running.server_port), timeout=10))
            slow.sendall(b"GET /f HTTP/1.1\r\nX: " if number % 2 else b"")
            assert number % 10 or Client(running).ask("/f", Range="bytes=0-9")[1] == DATA[:10]
            assert len(running.connections) <= 8
        assert client.ask("/f", Range="bytes=5-9")[1] == DATA[5:10]
        assert threading.active_count() - before < 20


def test_a_connection_that_is_served_keeps_its_place(www: Path) -> None:
    """[T-136]: those that ask nothing go first, and of the address that has most."""
    there = ConnectionLimiter(3)
    with ExitStack() as stack:
        pairs = [stack.enter_context(closing(socket.socketpair()[0])) for _ in range(5)]
        assert there.admit(pairs[0], "ship") and there.admit(pairs[1], "crowd")
        there.of(pairs[1]).set_asking(is_asking=True)
        assert there.admit(pairs[2], "crowd"), "it is younger, and asks nothing"
        leaving = threading.Timer(0.05, lambda: there.release(pairs[2]))
        leaving.start()
        assert there.admit(pairs[3], "ship") and len(there) == 3
        assert [there.of(pairs[n]).is_evicted for n in (0, 1, 3)] == [False, False, False]
        assert not there.admit(pairs[4], "ship"), "nobody went in time"


def test_a_head_has_an_end(server: BundleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-136]: in bytes, and in seconds from the first one."""
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(20))
    assert b" 431 " in raw(server, b"GET /f HTTP/1.1\r\n" + fields + b"\r\n").split(b"\r\n")[0]
    monkeypatch.setattr(module, "HEAD_S", 0.3)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as slow:
        began = time.monotonic()
        with suppress(OSError):
            for _ in range(100):
                slow.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - began < 4
    assert server.request_queue_size >= 512


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_a_link_that_stays_inside_is_followed(www: Path, client: Client) -> None:
    """[T-60]"""
    (www / "newest").symlink_to("vms/a b.unrep")
    assert client.ask("/newest")[1] == DATA


@pytest.mark.parametrize(
    "asked", [b"POST /f HTTP/1.1\r\nContent-Length: 0\r\n", b"DELETE /f HTTP/1.1\r\n", b"\x16\x03\x01\r\n"]
)
def test_other_methods_and_other_protocols_are_refused(server: BundleServer, asked: bytes) -> None:
    """[T-60]"""
    said = raw(server, asked + b"Connection: close\r\n\r\n")
    assert re.search(rb" (501|400) |Error code: 400", said) and DATA[:100] not in said


def raw(server: BundleServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_client_that_goes_away_is_no_error(
    www: Path, server: BundleServer, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """[T-60]: reset in the middle of an answer; the next one is served."""
    (www / "large").write_bytes(DATA + bytes(20_000_000))
    threads = threading.active_count()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        assert connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until = time.monotonic() + 10
    while threading.active_count() > threads:
        assert time.monotonic() < until, "the connection is served still"
        time.sleep(0.01)
    assert client.ask("/f", Range="bytes=0-9")[1] == DATA[:10]
    assert capfd.readouterr().err == ""


def test_a_fetch_is_served(www: Path, server: BundleServer, tmp_path: Path) -> None:
    """[T-14], [T-60]"""
    config, out = TransferConfig(patience_s=5), tmp_path / "out"
    Fetch(
        FetchRequest(links=open_sources([server.url + "f"], out, config), trust=TRUST, output=out, config=config)
    ).run()
    assert out.read_bytes() == DATA


@pytest.mark.skipif(sys.platform == "win32", reason="signals to one process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_cleanly_though_a_connection_is_idle(www: Path, number: int) -> None:
    """[T-60]"""
    port = free_port()
    command = [sys.executable, "-m", "unrep", "serve", str(www), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert f"served at http://127.0.0.1:{port}/" in process.stderr.readline()
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/f")
        assert connection.getresponse().read() == DATA
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == "for this machine alone; --bind 0.0.0.0 serves the whole network\nstopped\n"


def test_what_cannot_be_served_is_one_sentence(www: Path, server: BundleServer) -> None:
    with pytest.raises(SourceRefused, match="no such directory"):
        BundleServer(www / "f", "127.0.0.1", 0)
    for bind, port in (("127.0.0.1", server.server_port), ("no.such.host.invalid", 0), ("203.0.113.9", 0)):
        with pytest.raises(OutputRefused, match="cannot be listened on"):
            BundleServer(www, bind, port)


def test_half_a_bracket_is_no_address(server: BundleServer, capfd: pytest.CaptureFixture[str]) -> None:
    """[T-60] [A-97]: and nobody writes on the server's console with it."""
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"GET http://[\x1b[31m HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 404 ")
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="where the system tells which it is")
def test_lost_packets_do_not_slow_what_is_accepted(server: BundleServer) -> None:
    """Where the kernel has BBR, the listener hands it on."""
    offered = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10):
        used = server.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    assert used == "bbr" if "bbr" in offered else used in offered
