"""Pull on real sockets: whole fetches over `udp://`, alone and beside HTTP [T-168], [T-169]."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bundle.errors import Refused
from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, tiny_bundle, write_trust
from tests.support.links.nginx import free_port
from tests.support.links.running import running
from tests.support.packets.network import network
from tests.support.packets.path import PacketPath
from transfer.channels.survey import SurveyRequest, survey
from transfer.config import TransferConfig
from transfer.errors import BudgetSpent, Incomplete, SourceRefused, TransferError
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Opened
from transfer.links.opening import open_sources
from transfer.links.pull import PullLink
from transfer.links.pull_lanes import Lanes
from transfer.links.threads import Threads
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.publish import ChannelMove, publish
from transfer.pull.datagrams import Ask, Data, Grant, Open, read_request
from transfer.pull.session import PullSession
from transfer.serving.pull_server import PullServer
from transfer.serving.server import BundleServer

BUNDLE = tiny_bundle(Shape(full_bytes=700_000, delta_bytes={"old": 40_000}))
QUICK = TransferConfig(patience_s=8.0, first_answer_s=1.0, idle_floor_s=0.4, retry_floor_s=0.01, retry_ceiling_s=0.1)


@pytest.fixture
def www(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "b undle").write_bytes(BUNDLE.data)
    return tmp_path / "www"


@contextmanager
def serving(www: Path, port: int = 0, bytes_per_s: float | None = None) -> Iterator[PullServer]:
    server = PullServer(www, "127.0.0.1", port, bytes_per_s)
    server.start()
    try:
        yield server
    finally:
        server.close()


def fetch(output: Path, *sources: str, config: TransferConfig = QUICK) -> Figures:
    links = open_sources(sources, output, config)
    try:
        return Fetch(FetchRequest(links=links, trust=TRUST, output=output, config=config)).run()
    finally:
        links.close()


def url(server: PullServer, name: str = "b%20undle") -> str:
    return f"udp://127.0.0.1:{server.port}/{name}"


def test_a_bundle_is_fetched_and_every_datagram_counts(www: Path, tmp_path: Path) -> None:
    with serving(www) as server:
        figures = fetch(tmp_path / "out", url(server))
        counts = server.counts
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    length = len(BUNDLE.data)
    assert counts.sent_bytes >= length * 1.03
    assert length * 1.03 < figures.bytes_paid <= counts.sent_bytes + counts.received_bytes
    assert figures.bytes_paid < length * 1.12


def test_a_server_that_is_restarted_in_the_middle_is_gone_on_with(www: Path, tmp_path: Path) -> None:
    port = free_port()
    with serving(www, port, bytes_per_s=400_000):
        done: list[Figures] = []

        def run() -> None:
            done.append(fetch(tmp_path / "out", f"udp://127.0.0.1:{port}/b%20undle"))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.8)
        assert thread.is_alive()
    with serving(www, port):
        thread.join(30)
    assert not thread.is_alive() and done[0].complete
    assert (tmp_path / "out").read_bytes() == BUNDLE.data


@pytest.mark.parametrize("is_udp_first", [False, True])
def test_where_udp_is_blocked_http_delivers(is_udp_first: bool, www: Path, tmp_path: Path) -> None:
    """[T-92]: a source over UDP that says nothing has a short turn."""
    config = replace(QUICK, udp_turn_s=0.5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf, running(BundleServer(www, "127.0.0.1", 0)) as http:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        sources = [f"{http.url}b%20undle", f"udp://127.0.0.1:{port}/b%20undle"]
        figures = fetch(tmp_path / "out", *(sources[::-1] if is_udp_first else sources), config=config)
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    by_source = {one.name: one.bytes_received for one in figures.sources}
    assert by_source[f"udp://127.0.0.1:{port}/b%20undle"] < 5000 and figures.seconds < 6


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"loss": 0.05}, {"largest": 1300}, {"forget_at": (3.0,)}, {"new_address_at": 3.0}])
def test_over_real_packets(options: dict[str, Any], tmp_path: Path) -> None:
    """A command at either end of a link that is bad below UDP."""
    content = tiny_bundle(Shape(full_bytes=900_000), seed=3)
    path = PacketPath(down_bit_s=2e6, rtt_s=0.6, **options)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "bundle").write_bytes(content.data)
    unrep = [sys.executable, "-m", "unrep"]
    trust = str(write_trust(tmp_path / "shore.pub"))
    with network(path) as net:
        net.start(net.server_ns, [*unrep, "serve", str(tmp_path / "www"), "--bind", "0.0.0.0", "--udp"])
        time.sleep(3)
        source, output = net.url("bundle", "udp", 8080), str(tmp_path / "out")
        run = net.run([*unrep, "fetch", source, "--trust", trust, "--out", output], most_s=90)
    assert run.returncode == 0 and run.seconds is not None, run.output
    assert (tmp_path / "out").read_bytes() == content.data
    assert run.seconds < 3 * path.earliest_s(len(content.data)) + 5, "or this machine is very busy"


def test_nobody_there_is_incomplete(www: Path, tmp_path: Path) -> None:
    config = TransferConfig(patience_s=1.0)
    with pytest.raises(Incomplete, match="nothing arrives"):
        fetch(tmp_path / "out", f"udp://127.0.0.1:{free_port()}/bundle", config=config)


def test_a_channel_leads_to_the_bundle_beside_it(tmp_path: Path) -> None:
    """[T-169], [T-138]"""
    (tmp_path / "made").write_bytes(BUNDLE.data)
    (tmp_path / "pub").mkdir()
    publish(tmp_path / "made", DirectoryBackend(tmp_path / "pub"), ChannelMove([KEY]), Quiet())
    with serving(tmp_path / "pub") as server:
        found = survey(SurveyRequest([url(server, "stable.channel")], TRUST, tmp_path / "out", QUICK))
        ((source,),) = [offer.places for offer in found.offers]
        assert source.startswith(f"udp://127.0.0.1:{server.port}/") and source.endswith(".unrep")
        fetch(tmp_path / "out", source)
    assert (tmp_path / "out").read_bytes() == BUNDLE.data


def test_a_file_that_is_not_there_is_refused(www: Path, tmp_path: Path) -> None:
    with serving(www) as server, pytest.raises(SourceRefused, match="no such file"):
        fetch(tmp_path / "out", url(server, "none"))


def test_a_budget_holds(www: Path, tmp_path: Path) -> None:
    """[T-168]: and what was paid for is used by the next run."""
    config = TransferConfig(patience_s=8.0, max_bytes=300_000)
    with serving(www) as server:
        with pytest.raises(BudgetSpent):
            fetch(tmp_path / "out", url(server), config=config)
        assert 250_000 < server.counts.sent_bytes + server.counts.received_bytes <= 300_000
        figures = fetch(tmp_path / "out", url(server))
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert figures.bytes_paid < len(BUNDLE.data) * 1.12 - 200_000


def test_a_limit_holds(www: Path, tmp_path: Path) -> None:
    config = TransferConfig(patience_s=8.0, limit_bytes_per_s=300_000)
    with serving(www) as server:
        figures = fetch(tmp_path / "out", url(server), config=config)
    assert figures.bytes_paid / 300_000 * 0.85 < figures.seconds < 8


@pytest.mark.parametrize(
    "bad",
    [
        *("udp://host/bundle", "udp://:8080/bundle", "udp://host:8080/", "udp://host:8080", "udp://host:99999/f"),
        *("udp://host:8080/f?query", "udp://user:word@host:8080/f", "udp://[::1/f", "udp://host:8080/" + "x" * 1100),
    ],
)
def test_a_url_that_is_none_is_refused(bad: str) -> None:
    """[T-169]"""
    with pytest.raises(SourceRefused, match=r"udp|URL|path"):
        PullLink(bad, Threads())


class Liar:
    """A server that answers every request as `answer` has it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"udp://127.0.0.1:{self.socket.getsockname()[1]}/bundle"

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _run(self) -> None:
        try:
            while True:
                datagram, address = self.socket.recvfrom(2000)
                for sent in self._answer(read_request(datagram)):
                    self.socket.sendto(sent, address)
        except OSError:
            return


def grant(request: Open | Ask) -> bytes:
    return Grant(request.session, request.number, b"c" * 8, b"h" * 8, len(BUNDLE.data)).pack()


def wrong_bytes(request: Open | Ask) -> Iterator[bytes]:
    yield grant(request)
    for offset, length in (request.range,) if isinstance(request, Open) else request.ranges:
        for at in range(offset, min(offset + length, len(BUNDLE.data)), request.packet):
            data = bytes(min(request.packet, offset + length - at))
            yield Data(request.session, request.number, at, data).pack()


def other_ranges(request: Open | Ask) -> Iterator[bytes]:
    yield grant(request)
    for at in range(0, 50_000, 1000):
        yield Data(request.session, request.number, at, b"x" * 1000).pack()


def garbage(request: Open | Ask) -> Iterator[bytes]:
    random = Random(request.number)
    for _ in range(50):
        yield random.randbytes(random.randrange(1, 1400))


def oversized(request: Open | Ask) -> Iterator[bytes]:
    for length in (1473, 9000, 60_000):
        yield grant(request).ljust(length, b"x")


def for_ever(request: Open | Ask) -> Iterator[bytes]:
    """Until the ship has gone: what it asked for first, damaged, again and again."""
    yield grant(request)
    while True:
        yield from wrong_bytes(request)


@pytest.mark.parametrize("answer", [wrong_bytes, other_ranges, garbage, oversized, for_ever])
def test_a_server_that_lies_ends_it_and_leaves_nothing(answer: Any, tmp_path: Path) -> None:
    config = TransferConfig(patience_s=2.0)
    with Liar(answer) as source, pytest.raises((TransferError, Refused)):
        fetch(tmp_path / "out", source, config=config)
    assert not (tmp_path / "out").exists()


def test_a_link_that_was_let_go_of_is_taken_up_again(www: Path) -> None:
    """The thread and its sockets end with the last connection; the next one has others, and the same session."""
    with serving(www) as server:
        threads = Threads()
        link = PullLink(url(server), threads)
        got = b""
        for turn in range(30):
            connection = link.dial()
            connection.ask(turn * 1000, 1000, 1000)
            while not isinstance(event := threads.wait(5.0), Ended):
                assert event is not None and not isinstance(event, Failed), event
                got += event.data if isinstance(event, Arrived) else b""
            connection.close()
        assert server.counts.unproven == 1
    assert got == BUNDLE.data[:30_000] and 1 <= link.connections <= 31
    until = time.monotonic() + 10
    while any(one.name == "pull" for one in threading.enumerate()):
        assert time.monotonic() < until, "a thread without a connection goes on"
        time.sleep(0.01)


def test_lanes_that_want_the_same_bytes_ask_for_them_once() -> None:
    events: list[Event] = []
    session = PullSession("/f", Random(1))
    lanes = Lanes("udp://sim", session, events.append)
    first, second = lanes.dial(), lanes.dial()
    first.ask(0, 3000, 1000)
    second.ask(0, 3000, 1000)
    request = read_request(next(iter(session.outgoing(0.0))))
    assert isinstance(request, Open) and request.range == (0, 3000)
    first.close()
    assert not session.is_idle  # the second still wants them
    session.receive(Grant(request.session, 1, b"c" * 8, b"h" * 8, 2000).pack(), 0.1)
    session.receive(Data(request.session, 1, 0, b"a" * 1452).pack(), 0.1)
    lanes.deliver()
    session.receive(Data(request.session, 1, 1452, b"b" * 548).pack(), 0.1)
    lanes.deliver()
    kinds = [type(event) for event in events]
    assert kinds == [Opened, Opened, Answered, Arrived, Arrived, Arrived, Ended]
    assert b"".join(event.data for event in events if isinstance(event, Arrived)) == b"a" * 1452 + b"b" * 548
    assert session.untaken_bytes == 2000
    second.taken(2000)
    second.ask(2000, 10, 1000)
    assert isinstance(events[-1], Failed) and str(events[-1].fault) == "ends at byte 2000"
