"""Our fetch beside other tools over a link that is bad below TCP: real packets between two network namespaces.

    python bench/packets.py [--weathers clean loss2 ...] [--seeds 1 2 3] [--tools "unrep udp" curl] [--json F]

Needs Linux and root, see tests/support/packets/network.py. Each tool fetches one file from nginx, from `unrep serve
--udp` or from rsync's daemon, and meets the same weather for the same seed. One row a run: seconds; those over the
earliest finish of the path; bytes on the link over bytes of the file, down and up; and whether the file is right.
The seconds of unrep have the start of Python in them. On a busy machine all are provisional.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.packets.network import SERVER as ADDRESS
from tests.support.packets.network import Network, network, what_is_missing
from tests.support.packets.path import PacketPath, outages

PIECE_BYTES = 65_536
MOST_OVER = 15
SPARE_S = 30
UDP_PORT = 8080
START_S = 3.0
RTT_S = 0.6
MBIT = 1e6
RSYNC = "address = 0.0.0.0\nuse chroot = no\nlog file = /dev/null\n[www]\npath = {root}\nread only = yes\n"

WEATHERS: dict[str, Callable[[int], PacketPath]] = {
    **{
        f"{kbit}k-loss{loss}": lambda seed, kbit=kbit, loss=loss: PacketPath(kbit * 1000, RTT_S, loss=loss / 100)  # type: ignore[misc]
        for kbit in (64, 512, 2000, 10_000)
        for loss in (0, 1, 2, 5)
    },
    "outages": lambda seed: PacketPath(2 * MBIT, RTT_S, outages=outages(seed, 30, 5, 60)),
    "bursts": lambda seed: PacketPath(2 * MBIT, RTT_S, burst=(5.0, 0.3, 0.8)),
    "new-address": lambda seed: PacketPath(2 * MBIT, RTT_S, new_address_at=12.0),
    "forgetful-nat": lambda seed: PacketPath(2 * MBIT, RTT_S, forget_at=(10.0, 22.0)),
    "thin-uplink": lambda seed: PacketPath(2 * MBIT, RTT_S, up_bit_s=32_000),
    "shallow-queue": lambda seed: PacketPath(2 * MBIT, RTT_S, queue_bytes=15_000),
    "deep-queue": lambda seed: PacketPath(2 * MBIT, RTT_S, queue_bytes=1_500_000),
    "disorder": lambda seed: PacketPath(2 * MBIT, RTT_S, reorder=0.05, duplicate=0.01, corrupt=0.01),
    "jitter": lambda seed: PacketPath(2 * MBIT, RTT_S, jitter_s=0.15),
    "black-hole": lambda seed: PacketPath(2 * MBIT, RTT_S, largest=1400),
    "ipv6-hole": lambda seed: PacketPath(2 * MBIT, RTT_S),  # by a name that has such an address, too
}
NAMED = {"ipv6-hole": "shore"}


@dataclass(frozen=True)
class Job:
    """What a tool is to do: fetch the file from `net` into `output`."""

    net: Network
    output: Path
    trust: Path
    host: str = ADDRESS

    def url(self, name: str, scheme: str = "http", port: int = 80) -> str:
        """The address of a file at the server."""
        return self.net.url(name, scheme, port, self.host)


def unrep(job: Job, *sources: str) -> list[str]:
    """Our own command."""
    command = [sys.executable, "-m", "unrep", "fetch", *sources, "--trust", str(job.trust), "--out", str(job.output)]
    return ["env", f"PYTHONPATH={Path(__file__).resolve().parents[1]}", *command]


def aria2(job: Job, connections: int) -> list[str]:
    """So many connections, tuned."""
    options = f"-q -c -x{connections} -s{connections} -k1M -m0 --retry-wait=1 -t15 --connect-timeout=10".split()
    place = ["--file-allocation=none", "-d", str(job.output.parent), "-o", job.output.name]
    return ["aria2c", *options, *place, job.url("bundle")]


def curl(job: Job) -> list[str]:
    """One stream, continued until it is whole."""
    command = "curl -s -C - --connect-timeout 10 --speed-limit 1 --speed-time 10 -o"
    return ["sh", "-c", f"until {command} '{job.output}' '{job.url('bundle')}'; do sleep 0.5; done"]


def rsync(job: Job) -> list[str]:
    """Its own protocol, continued and checked until it ends well."""
    source = job.url("www/bundle", "rsync", 873)
    command = f"rsync -q --partial --append-verify --timeout=15 --contimeout=10 '{source}' '{job.output}'"
    return ["sh", "-c", f"until {command}; do sleep 0.5; done"]


def http_of(job: Job) -> str:
    """The file at nginx."""
    return job.url("bundle")


def udp_of(job: Job) -> str:
    """The file at `unrep serve --udp`."""
    return job.url("bundle", "udp", UDP_PORT)


TOOLS: dict[str, tuple[str | None, Callable[[Job], list[str]]]] = {
    "unrep udp": (None, lambda job: unrep(job, udp_of(job))),
    "unrep http": (None, lambda job: unrep(job, http_of(job))),
    "unrep both": (None, lambda job: unrep(job, http_of(job), udp_of(job))),
    "aria2 -x4": ("aria2c", lambda job: aria2(job, 4)),
    "aria2 -x16": ("aria2c", lambda job: aria2(job, 16)),
    "curl": ("curl", curl),
    "rsync": ("rsync", rsync),
}


@dataclass(frozen=True)
class Row:
    """One tool in one weather; `seconds` is None if it was not done in time. The shares are of the file's bytes."""

    tool: str
    weather: str
    seed: int
    seconds: float | None
    over_earliest: float | None
    down: float
    up: float
    is_right: bool

    def line(self) -> str:
        """As a row of the table."""
        shares = f"{self.down:7.3f} {self.up:7.4f}"
        if self.seconds is None:
            return f"{self.tool:<11} {self.weather:<14} {self.seed:>2}  not done in time {shares}"
        took = f"{self.seconds:7.1f} {self.over_earliest:6.2f} {shares}"
        return f"{self.tool:<11} {self.weather:<14} {self.seed:>2} {took}  {'right' if self.is_right else 'WRONG'}"


def run(tool: str, weather: str, seed: int, bundle: TinyBundle) -> Row:
    """One tool in one weather."""
    path, length = WEATHERS[weather](seed), len(bundle.data)
    with TemporaryDirectory() as directory, network(path, seed) as net:
        scratch = Path(directory)
        root = net.serve()
        (root / "bundle").write_bytes(bundle.data)
        job = Job(net, scratch / "out", write_trust(scratch / "shore.pub"), NAMED.get(weather, ADDRESS))
        if weather in NAMED:
            net.name_server(NAMED[weather])
        serve = ["-m", "unrep", "serve", str(root), "--bind", ADDRESS, "--port", str(UDP_PORT), "--udp"]
        where = f"PYTHONPATH={Path(__file__).resolve().parents[1]}"
        net.start(net.server_ns, ["env", where, sys.executable, *serve])
        if tool == "rsync":
            (scratch / "rsyncd.conf").write_text(RSYNC.format(root=root), encoding="utf-8")
            daemon = ["rsync", "--daemon", "--no-detach", f"--config={scratch / 'rsyncd.conf'}"]
            net.start(net.server_ns, daemon)
        time.sleep(START_S)
        earliest_s = path.earliest_s(length)
        done = net.run(TOOLS[tool][1](job), most_s=MOST_OVER * earliest_s + SPARE_S)
        stats = net.stats()
        is_right = job.output.exists() and job.output.read_bytes() == bundle.data
    shares = stats["down_sent_bytes"] / length, stats["up_sent_bytes"] / length
    return Row(tool, weather, seed, done.seconds, done.seconds and done.seconds / earliest_s, *shares, is_right)


def medians(rows: list[Row]) -> list[str]:
    """One line for each tool in each weather: the median over its seeds, for those that were done."""
    lines = []
    for tool, weather in dict.fromkeys((row.tool, row.weather) for row in rows):
        own = [row for row in rows if (row.tool, row.weather) == (tool, weather)]
        done = [row.over_earliest for row in own if row.over_earliest is not None]
        over = f"{statistics.median(done):.2f}" if done else "-"
        down = statistics.median(row.down for row in own)
        lines.append(f"{tool:<11} {weather:<14} {len(done)} of {len(own)} done, over {over}, down {down:.3f}")
    return lines


def main() -> None:
    """Parses the arguments and runs each tool for each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--weathers", nargs="+", choices=WEATHERS, default=["2000k-loss0", "2000k-loss2", "outages"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--bytes", type=int, default=4_000_000, help="length of the section that is fetched")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--json", type=Path, metavar="F", help="also write the rows as JSON")
    arguments = parser.parse_args()
    if missing := what_is_missing():
        parser.error(f"no link at packet level here: {missing}")
    bundle = tiny_bundle(Shape(full_bytes=arguments.bytes, piece_bytes=PIECE_BYTES), seed=3)
    print("tool, weather, seed, seconds, over earliest, link over file down and up")
    rows = []
    for tool in arguments.tools:
        needs = TOOLS[tool][0]
        if needs and not shutil.which(needs):
            print(f"{tool:<11} LEFT OUT: {needs} is not installed", flush=True)
            continue
        for weather in arguments.weathers:
            for seed in arguments.seeds:
                rows.append(run(tool, weather, seed, bundle))
                print(rows[-1].line(), flush=True)
    print("\n".join(medians(rows)))
    if arguments.json:
        document = {"bytes": len(bundle.data), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
