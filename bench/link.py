"""Our fetch beside other tools that can go on after a drop, over the same bad link.

    python bench/link.py [--scenario clean|weather|death|corrupt] [--seeds 1 8 12] [--tools unrep "wget -c"] [--json F]

Each tool fetches one file through chaosproxy.py of tests/support/links, a link of 600 ms, from nginx, or rsync from
its own daemon, and meets the same weather for the same seed. One row a run: seconds; those over the earliest finish
that the outages allow; bytes on the link over bytes of the file; bytes that reached the tool over bytes of the file;
connections; and whether the file is right. Tools that are not installed are named and left out.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.links.bad_link import earliest_s, weather
from tests.support.links.nginx import free_port, nginx

PIECE_BYTES = 65_536
METALINK_PIECE_BYTES = 1_048_576
MOST_S = 400.0
SATELLITE: dict[str, Any] = {"delay_ms": 300, "rate_kbps": 2000}
SCENARIOS: dict[str, dict[str, Any]] = {
    "clean": {"delay_ms": 300, "rate_kbps": 4000},
    "weather": {**SATELLITE, "mtbf_s": 20, "outage": (5, 15), "outage_prob": 0.5, "outage_mode": "mix"},
    "death": {**SATELLITE, "at": [(15.0, "zombie", 0.0)]},
    "corrupt": {**SATELLITE, "corrupt_every": 3_000_000},
}
RSYNC = "rsync --append-verify"
RSYNC_CONFIGURATION = """\
address = 127.0.0.1
port = {port}
use chroot = no
log file = /dev/null
[www]
path = {root}
read only = yes
"""
ARIA2 = ["aria2c", "-q", "-c", "-x4", "-s4", "-k1M", "-m0", "--retry-wait=1", "-t15", "--connect-timeout=10"]


@dataclass(frozen=True)
class Job:
    """What a tool is to do: fetch `url` into `output`, in a directory of its own."""

    url: str
    output: Path
    bundle: TinyBundle


def unrep(job: Job) -> list[str]:
    """Our own command."""
    trust = write_trust(job.output.with_name("shore.pub"))
    return [sys.executable, "-m", "unrep", "fetch", job.url, "--trust", str(trust), "--out", str(job.output)]


def aria2(job: Job) -> list[str]:
    """Four connections, tuned."""
    return [*ARIA2, "--file-allocation=none", "-d", str(job.output.parent), "-o", job.output.name, job.url]


def aria2_metalink(job: Job) -> list[str]:
    """... that knows a hash of each piece of 1 MiB."""
    data = job.bundle.data
    pieces = [data[at : at + METALINK_PIECE_BYTES] for at in range(0, len(data), METALINK_PIECE_BYTES)]
    hashes = "".join(f"<hash>{sha256(piece).hexdigest()}</hash>" for piece in pieces)
    path = job.output.with_name("bundle.meta4")
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">'
        f'<file name="{job.output.name}"><size>{len(data)}</size>'
        f'<hash type="sha-256">{sha256(data).hexdigest()}</hash>'
        f'<pieces length="{METALINK_PIECE_BYTES}" type="sha-256">{hashes}</pieces>'
        f"<url>{job.url}</url></file></metalink>",
        encoding="utf-8",
    )
    options = ["--file-allocation=none", "--realtime-chunk-checksum=true"]
    return [*ARIA2, *options, "-d", str(job.output.parent), "-M", str(path)]


def curl_loop(job: Job) -> list[str]:
    """One stream, continued until it is whole."""
    curl = "curl -s -C - --connect-timeout 10 --speed-limit 1 --speed-time 10 -o"
    return ["sh", "-c", f"until {curl} '{job.output}' '{job.url}'; do sleep 0.5; done"]


def wget(job: Job) -> list[str]:
    """One stream, with wget's own retries."""
    options = ["-q", "-c", "-t", "0", "--waitretry=1", "--retry-connrefused", "-T", "10"]
    return ["wget", *options, "-O", str(job.output), job.url]


def rsync_loop(job: Job) -> list[str]:
    """Its own protocol, continued and checked until it ends well."""
    rsync = "rsync -q --partial --append-verify --timeout=15 --contimeout=10"
    source = job.url.replace("http://", "rsync://").replace("/bundle", "/www/bundle")
    return ["sh", "-c", f"until {rsync} '{source}' '{job.output}'; do sleep 0.5; done"]


TOOLS: dict[str, tuple[str | None, Callable[[Job], list[str]]]] = {
    "unrep": (None, unrep),
    "aria2 -x4": ("aria2c", aria2),
    "aria2 -x4, metalink": ("aria2c", aria2_metalink),
    "curl -C - loop": ("curl", curl_loop),
    "wget -c": ("wget", wget),
    RSYNC: ("rsync", rsync_loop),
}


@dataclass(frozen=True)
class Row:
    """One tool in one weather; `seconds` is None if it was not done in time. The shares are of the file's bytes."""

    tool: str
    scenario: str
    seed: int
    seconds: float | None
    over_earliest: float | None
    link: float
    delivered: float
    connections: int
    is_right: bool

    def line(self) -> str:
        """As a row of the table."""
        if self.seconds is None:
            return f"{self.tool:<22} {self.scenario} {self.seed:>3}  not done in {MOST_S:.0f} s"
        return (
            f"{self.tool:<22} {self.scenario} {self.seed:>3} {self.seconds:7.1f} {self.over_earliest:6.3f} "
            f"{self.link:7.4f} {self.delivered:9.4f} {self.connections:>4}  {'right' if self.is_right else 'WRONG'}"
        )


def run(tool: str, scenario: str, seed: int, bundle: TinyBundle, upstream_port: int) -> Row:
    """One tool in one weather."""
    options = SCENARIOS[scenario]
    length = len(bundle.data)
    with TemporaryDirectory() as directory, weather(upstream_port, seed=seed, **options) as link:
        job = Job(link.url("bundle"), Path(directory) / "out", bundle)
        command = TOOLS[tool][1](job)
        took = run_for(command, MOST_S)
        stats = link.stats()
        is_right = job.output.exists() and job.output.read_bytes() == bundle.data
    ideal = earliest_s(stats["events"], options["rate_kbps"] * 125, length)
    shares = stats["link_down"] / length, stats["delivered_down"] / length
    return Row(tool, scenario, seed, took, took and took / ideal, *shares, stats["connections"], is_right)


def run_for(command: list[str], most_s: float) -> float | None:
    """Seconds that a command took; None if it was ended, with all that it had started, because it took too long."""
    began = time.monotonic()
    null = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=null, stderr=null, start_new_session=True) as process:
        try:
            process.wait(most_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
    return time.monotonic() - began


@contextmanager
def rsync_daemon(root: Path, scratch: Path) -> Iterator[int]:
    """A daemon of rsync's own over a directory; its port."""
    port = free_port()
    configuration = scratch / "rsyncd.conf"
    configuration.write_text(RSYNC_CONFIGURATION.format(port=port, root=root), encoding="utf-8")
    command = ["rsync", "--daemon", "--no-detach", f"--config={configuration}"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            time.sleep(0.5)
            yield port
        finally:
            process.terminate()


@contextmanager
def http_server(root: Path, scratch: Path) -> Iterator[int]:
    """nginx over a directory; its port."""
    with nginx(root, scratch) as server:
        yield server.port


def main() -> None:
    """Parses the arguments and runs each tool for each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", choices=SCENARIOS, default="weather")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 8, 12])
    parser.add_argument("--bytes", type=int, default=12 * 1024 * 1024, help="length of the section that is fetched")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--json", type=Path, metavar="F", help="also write the rows as JSON")
    arguments = parser.parse_args()
    bundle = tiny_bundle(Shape(full_bytes=arguments.bytes, piece_bytes=PIECE_BYTES), seed=3)
    print(json.dumps({"bytes": len(bundle.data), **SCENARIOS[arguments.scenario]}))
    print(f"{'tool':<22} scenario, seed, seconds, over earliest, link over file, delivered over file, connections")
    rows = []
    with TemporaryDirectory() as directory:
        www = Path(directory) / "www"
        www.mkdir()
        (www / "bundle").write_bytes(bundle.data)
        for tool in arguments.tools:
            needs = TOOLS[tool][0]
            if needs and not shutil.which(needs):
                print(f"{tool:<22} LEFT OUT: {needs} is not installed", flush=True)
                continue
            serve = rsync_daemon(www, Path(directory)) if tool == RSYNC else http_server(www, Path(directory, "nginx"))
            with serve as port:
                for seed in arguments.seeds:
                    rows.append(run(tool, arguments.scenario, seed, bundle, port))
                    print(rows[-1].line(), flush=True)
    if arguments.json:
        document = {"bytes": len(bundle.data), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
