"""Redirects lead no nearer to this machine than the source is. [T-135]."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from urllib3.util import parse_url

from transfer.errors import SourceRefused
from transfer.links import http
from transfer.links.access import Access
from transfer.links.addresses import Nearness, nearness, spelled_nearness
from transfer.links.http import HttpReader

WORLD, PRIVATE, MACHINE = Nearness.WORLD, Nearness.PRIVATE, Nearness.MACHINE
RANGE = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n0123456789"


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("8.8.8.8", WORLD),
        ("2606:4700::1111", WORLD),
        ("10.1.2.3", PRIVATE),
        ("172.16.0.1", PRIVATE),
        ("192.168.1.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("100.127.255.255", PRIVATE),
        ("198.18.0.1", PRIVATE),
        ("fd00::1", PRIVATE),
        ("fec0::1", PRIVATE),
        ("::ffff:192.168.1.1", PRIVATE),
        ("64:ff9b::a01:203", PRIVATE),
        ("2002:a01:203::1", PRIVATE),
        ("127.0.0.1", MACHINE),
        ("127.255.1.1", MACHINE),
        ("0.0.0.0", MACHINE),
        ("169.254.169.254", MACHINE),
        ("224.0.0.1", MACHINE),
        ("::1", MACHINE),
        ("::", MACHINE),
        ("fe80::1%eth0", MACHINE),
        ("ff02::1", MACHINE),
        ("::ffff:127.0.0.1", MACHINE),
        ("::ffff:169.254.169.254", MACHINE),
        ("64:ff9b::7f00:1", MACHINE),
        ("a file", MACHINE),
    ],
)
def test_addresses_and_how_near_they_are(address: str, near: Nearness) -> None:
    """[T-135]"""
    assert nearness(address) is near


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("shore.example", WORLD),
        ("8.8.8.8", WORLD),
        ("localhost", MACHINE),
        ("LOCALHOST.", MACHINE),
        ("db.localhost", MACHINE),
        ("127.0.0.1", MACHINE),
        ("[::1]", MACHINE),
        ("2130706433", MACHINE),
        ("0x7f000001", MACHINE),
        ("0177.0.0.1", MACHINE),
        ("127.1", MACHINE),
        ("10.1", PRIVATE),
        ("3232235777", PRIVATE),
    ],
)
def test_names_that_are_addresses(host: str, near: Nearness) -> None:
    """[T-135]: for who asks through a proxy, which looks names up by itself."""
    assert spelled_nearness(host) is near


@contextmanager
def told(*answers: bytes, host: str = "127.0.0.1") -> Iterator[tuple[int, list[bytes]]]:
    """A server that sends each of these for one request; its port, and what was asked."""
    asked: list[bytes] = []
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            for answer in answers:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        if request := connection.recv(4096):
                            asked.append(request)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], asked


def moved(url: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
def own_address() -> str:
    """An address of this machine that is none of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with suppress(OSError):
            probe.connect(("10.255.255.255", 1))
        address: str = probe.getsockname()[0]
    if nearness(address) is MACHINE:
        pytest.skip("this machine has no address in a network")
    return address


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:7f00:1]"])
def test_a_source_in_a_network_cannot_lead_to_this_machine(own_address: str, spelling: str) -> None:
    """[T-135]: however the address is spelled, and not a byte is sent there."""
    if os.name == "nt" and "ffff" in spelling:
        pytest.skip("Windows connects to no mapped address by itself")
    with ExitStack() as stack:
        port, asked = stack.enter_context(told(RANGE))
        source, _ = stack.enter_context(told(moved(f"http://{spelling}:{port}/secret?key=1"), host=own_address))
        with pytest.raises(SourceRefused, match="an address of this machine or of a private network") as refusal:
            HttpReader(f"http://{own_address}:{source}/b", 5, idle_s=5.0).open(0, 10)
        assert not asked and "key" not in str(refusal.value)


@pytest.mark.parametrize(("source_near", "target_near"), [(WORLD, PRIVATE), (WORLD, MACHINE), (PRIVATE, MACHINE)])
def test_no_redirect_leads_nearer(
    source_near: Nearness, target_near: Nearness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[T-135]: and any as near or further is followed, at any depth."""
    for far, near, is_followed in ((source_near, target_near, False), (target_near, source_near, True)):
        seen = iter([far, near, near])
        monkeypatch.setattr(http, "nearness", lambda address, seen=seen: next(seen))
        with told(RANGE) as (port, asked), told(moved(f"http://127.0.0.1:{port}/c")) as (source, _):
            reader = HttpReader(f"http://127.0.0.1:{source}/b", 5, idle_s=5.0)
            if is_followed:
                assert reader.open(0, 10).read(10) == b"0123456789"
            else:
                with pytest.raises(SourceRefused, match="redirected to"):
                    reader.open(0, 10)
            assert bool(asked) is is_followed


def test_a_source_on_this_machine_may_lead_wherever_it_likes() -> None:
    """[T-135]: it is there itself."""
    with told(RANGE) as (port, _), told(moved(f"http://localhost:{port}/c")) as (source, _):
        assert HttpReader(f"http://127.0.0.1:{source}/b", 5, idle_s=5.0).open(0, 10).read(10) == b"0123456789"


@pytest.mark.parametrize(
    ("target", "is_asked"), [("http://127.0.0.1:1/c", False), ("http://elsewhere.example/c", True)]
)
def test_through_a_proxy_the_spelling_counts(target: str, is_asked: bool) -> None:
    """[T-135]: what a name means there is the proxy's business."""
    with told(moved(target), RANGE, RANGE) as (port, asked):
        access = Access(proxies={"http": parse_url(f"http://127.0.0.1:{port}")})
        reader = HttpReader("http://shore.example/b", 5, access=access, idle_s=5.0)
        if is_asked:
            assert reader.open(0, 10).read(10) == b"0123456789"
        else:
            with pytest.raises(SourceRefused, match="redirected to http://127"):
                reader.open(0, 10)
        assert any(target.encode() in request for request in asked) is is_asked
