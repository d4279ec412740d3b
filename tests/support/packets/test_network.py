"""The link at packet level is what it says: its rate, its delay, its losses, for real TCP and UDP."""

import shutil
from random import Random

import pytest

from tests.support.packets.network import SERVER, network
from tests.support.packets.path import Direction, PacketPath, outages

PING = """\
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
began = time.monotonic(); got = 0
for number in range(100):
    s.sendto(bytes([number]) * 200, ("{server}", 9))
for number in range(100):
    try: s.recv(2048); got += 1
    except TimeoutError: break
print(got, time.monotonic() - began)
"""
ECHO = """\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 9))
while True:
    data, address = s.recvfrom(2048); s.sendto(data, address)
"""


@pytest.mark.slow
def test_tcp_gets_the_rate_of_the_link() -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed: tests/support/machines/debian_packages.sh installs it on Debian")
    path, length = PacketPath(down_bit_s=1_000_000, rtt_s=0.2), 300_000
    with network(path) as net:
        (net.serve() / "bundle").write_bytes(Random(1).randbytes(length))
        run = net.run(["curl", "-so", "/dev/null", net.url("bundle")], most_s=60)
        stats = net.stats()
    assert run.returncode == 0 and run.seconds is not None
    assert 0.95 * path.earliest_s(length) < run.seconds < 2 * path.earliest_s(length)
    assert length < stats["down_bytes"] <= stats["down_sent_bytes"] < 1.1 * length


@pytest.mark.slow
def test_udp_meets_loss_and_delay() -> None:
    with network(PacketPath(down_bit_s=2_000_000, rtt_s=0.3, loss=0.3)) as net:
        net.start(net.server_ns, ["python3", "-c", ECHO])
        run = net.run(["python3", "-c", "import time; time.sleep(1)\n" + PING.format(server=SERVER)], most_s=30)
        stats = net.stats()
    got, seconds = run.output.split()
    assert 20 < int(got) < 80 and float(seconds) > 0.3
    assert stats["up_lost"] > 10 and stats["down_lost"] > 5


def test_a_queue_drops_what_does_not_fit_and_delays_what_does() -> None:
    direction = Direction(PacketPath(down_bit_s=80_000, rtt_s=1.0, queue_bytes=3000), 80_000, 1, "down")
    fates = [direction.send(1000, 0.0) for _ in range(4)]
    assert [fate.arrives for fate in fates] == [(0.6,), (0.7,), (0.8,), ()]
    assert fates[3].lost == "full"


def test_the_same_seed_is_the_same_weather() -> None:
    path = PacketPath(down_bit_s=1e6, rtt_s=0.1, loss=0.1, burst=(1.0, 0.2, 0.8), jitter_s=0.1, corrupt=0.1)
    first, again = (
        [Direction(path, 1e6, 7, "down").send(500, at / 10) for at in range(200)],
        [Direction(path, 1e6, 7, "down").send(500, at / 10) for at in range(200)],
    )
    assert first == again
    assert outages(3, 10, 1, 2) == outages(3, 10, 1, 2) != outages(4, 10, 1, 2)


def test_the_earliest_finish_counts_outages_and_loss() -> None:
    path = PacketPath(down_bit_s=12_000, rtt_s=2.0, loss=0.5)
    assert path.earliest_s(1448) == pytest.approx(3.0 + 2.0 + 1.0)
    assert PacketPath(down_bit_s=12_000, rtt_s=2.0, outages=((3.5, 10.0),)).earliest_s(1448) == pytest.approx(15.0)
