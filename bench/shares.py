"""What pull gets of a link beside one TCP download, and what each of many ships gets of one server of pull.

    python -m bench.shares [--seeds 1 2 3] [--ships 200] [--only download ships]

download  one `unrep fetch udp://…` and one curl from nginx (cubic) on the same link of 2 Mbit/s and 600 ms, real
          packets between two network namespaces. Printed: what each put through while both ran, from 15 s on.
          The queue is one bandwidth x delay, and then four. Needs Linux and root.
ships     so many sessions of pull, each with a socket on an address of its own, on one `unrep serve --udp` with a
          rate of 100 Mbit/s for all. Printed: what each had at half time, seconds over the earliest finish, and
          CPU seconds and peak memory of the server. Needs Linux, where all of 127.0.0.0/8 is this machine.
"""

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.links.nginx import free_port
from tests.support.packets.network import SERVER, Network, network, what_is_missing
from tests.support.packets.path import MTU, SEGMENT, PacketPath
from transfer.pull.datagrams import DATA_HEAD_BYTES, MAX_DATAGRAM_BYTES, PACKET_BYTES, WIRE_BYTES
from transfer.pull.session import PullSession

UDP_PORT = 8080
MBIT = 1e6
RTT_S = 0.6
START_S = 3.0  # of servers
SETTLED_S = 15.0
DOWNLOAD_BYTES = 16_000_000
MOST_S = 300.0
SHIP_BYTES = 1_000_000
RATE_BYTES_PER_S = 12_500_000
CREWS = 4  # processes that the ships are in
CREWS_READY_S = 1.0
TICK_S = 0.005
UNREP = ["env", f"PYTHONPATH={Path(__file__).resolve().parents[1]}", sys.executable, "-m", "unrep"]


def beside_a_download(seed: int, queues: int) -> str:
    """One run: what pull and curl get while both run."""
    bit_s = 2 * MBIT
    path = PacketPath(bit_s, RTT_S, queue_bytes=int(queues * bit_s / 8 * RTT_S))
    bundle = tiny_bundle(Shape(full_bytes=DOWNLOAD_BYTES, piece_bytes=65_536), seed=3)
    with TemporaryDirectory() as directory, network(path, seed) as net:
        scratch = Path(directory)
        root = net.serve()
        for name in ("bundle", "download"):
            (root / name).write_bytes(bundle.data)
        serve = [*UNREP, "serve", str(root), "--bind", SERVER, "--port", str(UDP_PORT), "--udp"]
        net.start(net.server_ns, serve)
        time.sleep(START_S)
        trust = write_trust(scratch / "shore.pub")
        net.begin()
        source = net.url("bundle", "udp", UDP_PORT)
        fetch = [*UNREP, "fetch", source, "--trust", str(trust), "--out", str(scratch / "out")]
        ends = [
            net.start(net.ship_ns, ["curl", "-s", "-o", str(scratch / "got"), net.url("download")]),
            net.start(net.ship_ns, fetch),
        ]
        return _shares(net, ends, scratch / "got", f"download  seed {seed}  queue {queues} x")


def _shares(net: Network, ends: list[subprocess.Popen[bytes]], got: Path, head: str) -> str:
    """Looks at what curl has written, and at the link: the rest is pull's."""
    began = time.monotonic()
    marks: list[tuple[float, float, float]] = []  # seconds, bytes on the link, of those curl's
    while all(one.poll() is None for one in ends) and time.monotonic() - began < MOST_S:
        now = time.monotonic() - began
        if now > SETTLED_S:
            marks.append((now, net.stats()["down_bytes"], (got.stat().st_size if got.exists() else 0) * MTU / SEGMENT))
        time.sleep(0.25)
    (start, all_before, curl_before), (end, all_after, curl_after) = marks[0], marks[-1]
    curl, whole = curl_after - curl_before, all_after - all_before
    used = whole / (end - start) / (net.path.down_bit_s / 8)
    return f"{head}  pull {1 - curl / whole:.3f}  curl {curl / whole:.3f}  link used {used:.3f}  in {end - start:.0f} s"


@dataclass
class Ship:
    """One session with a socket of its own. `half_bytes`: what it had of the file at half time."""

    session: PullSession
    socket: socket.socket
    position: int = 0
    half_bytes: int = 0
    done_at: float | None = None

    def turn(self, now: float) -> None:
        """Takes what has come in order, and sends what is due."""
        while data := self.session.take(self.position, SHIP_BYTES):
            self.position += len(data)
        if self.position == SHIP_BYTES:
            self.done_at = now
            return
        for datagram in self.session.outgoing(now):
            self.socket.send(datagram)

    def receive(self) -> None:
        """Takes in what has come."""
        with suppress(BlockingIOError):
            while True:
                datagram = self.socket.recv(MAX_DATAGRAM_BYTES + 1)
                self.session.receive(datagram, time.monotonic())
        self.turn(time.monotonic())


def many_ships(count: int) -> Iterator[str]:
    """All at once on one server."""
    earliest_s = count * SHIP_BYTES * (1 + (WIRE_BYTES + DATA_HEAD_BYTES) / PACKET_BYTES) / RATE_BYTES_PER_S
    with TemporaryDirectory() as directory:
        (Path(directory) / "bundle").write_bytes(tiny_bundle(Shape(full_bytes=SHIP_BYTES)).data[:SHIP_BYTES])
        with _server(directory) as (server, port), ProcessPoolExecutor(CREWS, get_context("fork")) as crews:
            began = time.monotonic() + CREWS_READY_S
            groups = [range(at, count, CREWS) for at in range(CREWS)]
            calls = [crews.submit(_sail, group, port, began, earliest_s / 2) for group in groups]
            ends = [end for call in calls for end in call.result()]
            cpu_s, peak = _usage(server.pid)
    half, done = sorted(end[0] for end in ends), sorted(end[1] for end in ends)
    yield f"ships     {count} of {SHIP_BYTES:,} bytes; bytes at half time: least {half[0]:,}, median "
    yield f"          {statistics.median(half):,.0f}, most {half[-1]:,}; done after {done[0]:.1f} to {done[-1]:.1f} s"
    over = done[-1] / earliest_s
    yield f"          {over:.3f} of the earliest; server: {cpu_s:.1f} s CPU, {peak / 1024:.0f} MiB at peak"


@contextmanager
def _server(directory: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--udp", "--udp-rate", str(RATE_BYTES_PER_S)]
    command = [sys.executable, "-m", "unrep", "serve", directory, *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(START_S)
            yield process, port
        finally:
            process.terminate()


def _ship(number: int, port: int) -> Ship:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setblocking(False)
    one.bind((f"127.0.{number // 250 + 1}.{number % 250 + 1}", 0))
    one.connect(("127.0.0.1", port))
    session = PullSession("/bundle", Random(number))
    session.want(0, SHIP_BYTES)
    return Ship(session, one)


def _sail(numbers: range, port: int, began: float, half_s: float) -> list[tuple[int, float]]:
    """Until all of these are done: what each had at half time, and when it was done."""
    ships = {ship.socket.fileno(): ship for ship in (_ship(number, port) for number in numbers)}
    poll = select.epoll()
    for file in ships:
        poll.register(file, select.EPOLLIN)
    time.sleep(max(0.0, began - time.monotonic()))
    is_half = False
    while any(ship.done_at is None for ship in ships.values()):
        now = time.monotonic()
        assert now - began < MOST_S, "not done in time"
        for ship in ships.values():
            if ship.done_at is None and ship.session.wake_at(now) <= now:
                ship.turn(now)
        for file, _ in poll.poll(TICK_S):
            ships[file].receive()
        if not is_half and now - began >= half_s:
            is_half = True
            for ship in ships.values():
                ship.half_bytes = ship.position + ship.session.stash.held_bytes
    return [(ship.half_bytes, (ship.done_at or now) - began) for ship in ships.values()]


def _usage(pid: int) -> tuple[float, float]:
    """(CPU seconds, peak of resident memory in KiB) of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return ticks / os.sysconf("SC_CLK_TCK"), float(peak.split()[1])


def main() -> None:
    """Parses the arguments and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ships", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=("download", "ships"), default=["download", "ships"])
    arguments = parser.parse_args()
    if "ships" in arguments.only:
        for line in many_ships(arguments.ships):
            print(line, flush=True)
    if "download" in arguments.only:
        if missing := what_is_missing():
            parser.error(f"no link at packet level here: {missing}")
        for queues in (1, 4):
            for seed in arguments.seeds:
                print(beside_a_download(seed, queues), flush=True)


if __name__ == "__main__":
    main()
