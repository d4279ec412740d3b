"""Receipts on their way home from an agent: tried until taken, never lost, never in the way [A-147], [A-148]."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from apply.record.database import read_receipts
from bundle.receipts.chains import Ledger
from bundle.receipts.site_keys import load_site_keys
from tests.support.sites.agent_days import Days
from tests.support.sites.site import Ship, shore
from unrep.agent.journal import Journal
from unrep.agent.loop import Agent
from unrep.agent.telling.delivery import read_deliveries


class Office(ThreadingHTTPServer):
    """An office that takes receipts while it is open."""

    is_open = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.taken: list[bytes] = []


class _Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Office

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.is_open:
            self.server.taken.append(body)
        self.send_response(200 if self.server.is_open else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path / "ship", "1.0.0", "1.0.1")


def configure(ship: Ship, *ways: str, more: str = "") -> None:
    (ship.root.parent / "sources").mkdir(exist_ok=True)
    sources = json.dumps([str(ship.root.parent / "sources")])
    agent = f"[agent]\nsources = {sources}\ntrust = {json.dumps(str(shore().trust_file))}\n"
    ship.configure(f"[report]\nto = {json.dumps(list(ways))}\n{agent}{more}")


def one_round(ship: Ship) -> None:
    clock = Days(1)
    Agent(ship.site, None, Journal(clock.wall, as_json=True), clock).run_once()


def kinds(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]


def test_all_of_them_come_once_and_make_a_chain(
    ship: Ship, office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick" / "unrep-out"
    configure(ship, "outbox", str(stick), f"http://127.0.0.1:{office.server_port}/receipts")
    one_round(ship)
    sent = len(office.taken)
    assert sent == len(read_receipts(ship.site)) and not stick.exists()
    stick.mkdir(parents=True)
    one_round(ship)
    assert len(office.taken) == sent, "they came twice"
    ledger = Ledger(load_site_keys([ship.site.public_key_file]))
    for number, data in enumerate(office.taken):
        ledger.read(str(number), data)
    (chain,) = ledger.chains()
    assert not ledger.wrong and not chain.missing and not chain.forks
    assert sorted(path.read_bytes() for path in stick.iterdir()) == sorted(office.taken)
    assert "undelivered" not in kinds(capsys)


def test_an_office_that_is_shut_is_tried_until_it_takes_them(
    ship: Ship, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.is_open = False
    configure(ship, f"http://127.0.0.1:{office.server_port}/receipts?key=secret")
    one_round(ship)
    (state,) = read_deliveries(ship.site).values()
    assert (state.taken, office.taken) == (0, []) and "answers 503" in state.error and "secret" not in state.error
    one_round(ship)
    assert "undelivered" in kinds(capsys)
    office.is_open = True
    one_round(ship)
    assert len(office.taken) == len(read_receipts(ship.site))
    (state,) = read_deliveries(ship.site).values()
    assert state.error == "" and state.taken == len(office.taken)


def test_what_was_noted_is_lost_and_a_record_begun_anew(ship: Ship, office: Office) -> None:
    """[A-148]: they come twice rather than never."""
    configure(ship, f"http://127.0.0.1:{office.server_port}/receipts")
    one_round(ship)
    first = len(office.taken)
    ship.site.deliveries_file.write_bytes(b"[" * 5000)
    one_round(ship)
    assert len(office.taken) == 2 * first
    (key,) = read_deliveries(ship.site)
    lost = {key: {"way": "", "taken": 900, "error": ""}}
    ship.site.deliveries_file.write_text(json.dumps(lost))
    one_round(ship)
    assert len(office.taken) == 3 * first


def test_an_update_does_not_wait_for_an_address_that_never_answers(ship: Ship) -> None:
    """[A-148]"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(ship, f"http://127.0.0.1:{silent.getsockname()[1]}/", more="poll_interval_s = 60\n")
        (ship.root.parent / "sources" / "next.unrep").write_bytes(shore().bundle("1.0.2", 3, "1.0.1").read_bytes())
        clock = Days(0.2)
        with pytest.raises(KeyboardInterrupt):
            Agent(ship.site, None, Journal(clock.wall, as_json=True), clock).run()
    assert ship.current == "1.0.2"
