"""An answer over HTTP tells where the same file is over UDP [T-185]: real servers, real sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest
from urllib3 import HTTPResponse

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.nginx import free_port, nginx
from tests.support.links.running import running
from tests.support.links.simulated_link import Behaviour, SimulatedLink, SimulatedSources, fetch_over
from transfer.config import TransferConfig
from transfer.errors import SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.contract import Link
from transfer.links.http_answers import udp_port
from transfer.links.opening import open_sources
from transfer.serving.pull_server import PullServer
from transfer.serving.server import BundleServer

BUNDLE = tiny_bundle(Shape(full_bytes=1_500_000))
LARGE = tiny_bundle(Shape(full_bytes=6_000_000, piece_bytes=65_536))
QUICK = TransferConfig(patience_s=8.0, first_answer_s=1.0, idle_floor_s=0.4, retry_floor_s=0.01, retry_ceiling_s=0.1)


@pytest.fixture
def www(tmp_path: Path) -> Path:
    (tmp_path / "www" / "fleet").mkdir(parents=True)
    (tmp_path / "www" / "fleet" / "b undle").write_bytes(BUNDLE.data)
    return tmp_path / "www"


@contextmanager
def pull_server(www: Path) -> Iterator[PullServer]:
    server = PullServer(www, "127.0.0.1", 0, None)
    server.start()
    try:
        yield server
    finally:
        server.close()


def fetch(output: Path, source: str) -> Figures:
    links = open_sources([source], output, QUICK)
    try:
        return Fetch(FetchRequest(links=links, trust=TRUST, output=output, config=QUICK)).run()
    finally:
        links.close()


@pytest.mark.parametrize(
    ("header", "port"),
    [
        ('unrep-pull=":8080"', 8080),
        ('h3=":443"; ma=86400, unrep-pull=":4433"; ma=60', 4433),
        ('h3=":443",unrep-pull=":1"', 1),
        ('unrep-pull="other.example:8080"', None),
        ('unrep-pull="[::1]:8080"', None),
        ('unrep-pull=":0"', None),
        ('unrep-pull=":65536"', None),
        ('unrep-pull=":123456"', None),
        ("unrep-pull=8080", None),
        ('not-unrep-pull=":8080"', None),
        ("clear", None),
        ("", None),
    ],
)
def test_the_header(header: str, port: int | None) -> None:
    assert udp_port(HTTPResponse(headers={"Alt-Svc": header} if header else {})) == port


def test_a_web_server_tells_of_the_faster_way(www: Path, tmp_path: Path) -> None:
    """nginx with the line of the manual. It is slow, so what comes over UDP counts."""
    with pull_server(www) as pull:
        port = pull.port
        told = f"limit_rate 30k; add_header Alt-Svc 'unrep-pull=\":{pull.port}\"';"
        with nginx(www, tmp_path / "nginx", directives=told) as web:
            figures = fetch(tmp_path / "out", web.url("fleet/b%20undle"))
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    received = {one.name: one.bytes_received for one in figures.sources}
    assert received[f"udp://127.0.0.1:{port}/fleet/b%20undle"] > 1_000_000
    assert sum(received.values()) == figures.bytes_received == figures.bytes_paid


def test_unrep_serve_tells_of_itself(www: Path, tmp_path: Path) -> None:
    with running(BundleServer(www, "127.0.0.1", 0)) as http, pull_server(www) as pull:
        http.udp_port = port = pull.port
        links = open_sources([f"{http.url}fleet/b%20undle"], tmp_path / "out", QUICK)
        assert not links.discover()
        Fetch(FetchRequest(links=links, trust=TRUST, output=tmp_path / "out", config=QUICK)).run()
        links.close()
    udp = f"udp://127.0.0.1:{port}/fleet/b%20undle"
    assert [link.name for link in links.links] == [f"{http.url}fleet/b%20undle", udp]
    assert not links.discover(), "once"


def test_where_nothing_answers_over_udp_the_fetch_is_the_same(www: Path, tmp_path: Path) -> None:
    told = f"add_header Alt-Svc 'unrep-pull=\":{free_port()}\"';"
    with nginx(www, tmp_path / "nginx", directives=told) as web:
        figures = fetch(tmp_path / "out", web.url("fleet/b%20undle"))
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert figures.seconds < 4 and not any(one.lost for one in figures.sources)


class Told(SimulatedSources):
    """Of sources one of which nobody has named."""

    told: list[SimulatedLink]

    def discover(self) -> list[Link]:
        found, self.told = self.told, []
        self.links += found
        return list[Link](found)


def test_one_that_nobody_named_keeps_no_session_waiting(tmp_path: Path) -> None:
    world = Told()
    gone = Behaviour(fault=SourceRefused("404: not found"))
    world.add(LARGE.data, iter([*[Behaviour(drop_after=50_000)] * 6, *[gone] * 20]))
    silent = world.add(LARGE.data, repeat(Behaviour(answer_s=1e6)))
    world.links.remove(silent)
    world.told = [silent]
    session = fetch_over(world, tmp_path / "out", config=replace(QUICK, patience_s=300.0))
    with pytest.raises(SourceRefused, match="404"):
        session.run()
    assert silent.connections and world.clock.now() < 60
