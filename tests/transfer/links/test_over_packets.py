"""Fetches over HTTP and HTTPS on a link that is bad at packet level: real TCP between two network namespaces."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.links.tls_server import certificate
from tests.support.packets.network import SERVER, Network, network
from tests.support.packets.path import PacketPath

BUNDLE = tiny_bundle(Shape(full_bytes=400_000), seed=3)
BLACK_HOLE_S = 10.0  # more than a clean link takes
UNREP = ["env", f"PYTHONPATH={Path(__file__).resolve().parents[3]}", sys.executable, "-m", "unrep"]
pytestmark = pytest.mark.slow


def fetched(net: Network, place: Path, url: str, *options: str) -> float:
    """Fetches the bundle, and returns the seconds by the command's own clock."""
    trust, output = write_trust(place / "shore.pub"), place / "out"
    run = net.run([*UNREP, "fetch", url, "--trust", str(trust), "--out", str(output), *options], most_s=90)
    assert run.returncode == 0, run.output
    assert output.read_bytes() == BUNDLE.data
    output.unlink()
    found = re.search(r" in ([0-9.]+) s", run.output)
    assert found, run.output
    return float(found[1])


@pytest.mark.parametrize(
    "path",
    [
        PacketPath(2e6, 0.3, loss=0.05),
        PacketPath(2e6, 0.3, outages=((1.2, 4.0),)),
        PacketPath(1e6, 0.3, new_address_at=2.0),
    ],
    ids=["loss", "outage", "new-address"],
)
def test_https_comes_through(path: PacketPath, tmp_path: Path) -> None:
    """[T-18], [T-23]: what becomes of a connection has nothing to do with what it carries."""
    pem = certificate(tmp_path, SERVER)
    with network(path) as net:
        (net.serve(pem) / "bundle").write_bytes(BUNDLE.data)
        seconds = fetched(net, tmp_path, net.url("bundle", "https", 443), "--ca-file", str(pem))
    assert seconds < 4 * path.earliest_s(len(BUNDLE.data)) + 15, "or this machine is very busy"


def test_an_address_that_leads_nowhere_costs_little(tmp_path: Path) -> None:
    """[T-172]: the name has an address of IPv6 whose packets vanish."""
    with network(PacketPath(2e6, 0.3)) as net:
        (net.serve() / "bundle").write_bytes(BUNDLE.data)
        clean = fetched(net, tmp_path, net.url("bundle"))
        net.name_server("shore")
        assert fetched(net, tmp_path, net.url("bundle", host="shore")) < clean + BLACK_HOLE_S


def test_a_path_that_swallows_long_packets_costs_little(tmp_path: Path) -> None:
    """[T-173]: packets above 1,400 bytes vanish, and nobody says so."""
    seconds: dict[int | None, float] = {}
    for largest in (None, 1400, 1400):  # a busy machine may hold one up
        with network(PacketPath(2e6, 0.3, largest=largest)) as net:
            (net.serve() / "bundle").write_bytes(BUNDLE.data)
            took_s = fetched(net, tmp_path, net.url("bundle"))
        seconds[largest] = min(took_s, seconds.get(largest, took_s))
    assert seconds[1400] < seconds[None] + BLACK_HOLE_S
