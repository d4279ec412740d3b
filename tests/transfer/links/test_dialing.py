"""Names with several addresses, some of which lead nowhere [T-172]."""

import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from transfer.links import dialing
from transfer.links.dialing import APART_S, dial

NOWHERE = "203.0.113.1"  # of a network for documentation


@pytest.fixture
def server() -> Iterator[socket.socket]:
    dialing._answered.clear()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, str], port: int) -> None:
    found = [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in addresses]
    monkeypatch.setattr("transfer.links.dialing.socket.getaddrinfo", lambda *args, **options: found)


def held_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections to NOWHERE begin and never end. The addresses in the order of their dials."""
    dialed: list[str] = []
    begun = dialing._begun

    def begin(family: int, address: tuple[str, int], options: object) -> socket.socket:
        dialed.append(address[0])
        if address[0] == NOWHERE:
            return socket.socket()  # never writable, for it is not connecting
        return begun(family, address, ())

    monkeypatch.setattr(dialing, "_begun", begin)
    return dialed


def test_an_address_that_leads_nowhere_costs_a_moment_and_only_once(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.getsockname()[1]
    resolving_to(monkeypatch, (socket.AF_INET6, NOWHERE), (socket.AF_INET, "127.0.0.1"), port=port)
    monkeypatch.setattr("transfer.links.dialing.selectors.DefaultSelector", PatientSelector)
    dialed = held_up(monkeypatch)
    began = time.monotonic()
    dial("name", port, 10.0).close()
    assert APART_S * 0.9 < time.monotonic() - began < APART_S + 3
    assert dialed == [NOWHERE, "127.0.0.1"]
    dialed.clear()
    dial("name", port, 10.0).close()
    assert dialed == ["127.0.0.1"]


class PatientSelector(selectors.SelectSelector):
    """Does not see that a socket which never began to connect hangs up at once."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        return None if data and data[0] == NOWHERE else super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> Any:
        if self.get_map():
            return super().select(timeout)
        time.sleep(timeout or 0)  # Windows selects among no sockets at all as an error
        return []


def test_a_refusal_goes_on_with_the_next_address_at_once(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.getsockname()[1]
    resolving_to(monkeypatch, (socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1"), port=port)
    began = time.monotonic()
    dial("name", port, 10.0).close()
    assert time.monotonic() - began < APART_S * 0.9, "the refusal was waited out"
    server.close()
    with pytest.raises(OSError, match=r"refused|timed out"):
        dial("name", port, 2.0)


def test_a_name_without_an_address_is_told_apart() -> None:
    with pytest.raises(socket.gaierror):
        dial("no.such.host.invalid", 80, 2.0)
