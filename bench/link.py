"""Our fetch beside other tools that can go on after a drop, over the same bad link.

    python bench/link.py [--scenario clean|weather|death|corrupt] [--seeds 1 8 12] [--tools unrep "aria2 -x4"]

Each tool fetches one file from nginx through tests/support/chaosproxy.py, a satellite link of 600 ms, and meets the
same weather for the same seed. One row a run: seconds; those over the earliest finish that the outages allow; bytes on
the link over bytes of the file; bytes that reached the tool over bytes of the file; connections; and whether the file
is right. The other tools are skipped where they are not installed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.nginx import nginx
from tests.support.tiny_bundle import Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.weather import earliest_s, weather

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


TOOLS: dict[str, tuple[str | None, Callable[[Job], list[str]]]] = {
    "unrep": (None, unrep),
    "aria2 -x4": ("aria2c", aria2),
    "aria2 -x4, metalink": ("aria2c", aria2_metalink),
    "curl -C - loop": ("curl", curl_loop),
    "wget -c": ("wget", wget),
}


def run(tool: str, scenario: str, seed: int, bundle: TinyBundle, upstream_port: int) -> None:
    """One tool in one weather; prints its row."""
    options = SCENARIOS[scenario]
    length = len(bundle.data)
    with TemporaryDirectory() as directory, weather(upstream_port, seed=seed, **options) as link:
        job = Job(link.url("bundle"), Path(directory) / "out", bundle)
        command = TOOLS[tool][1](job)
        began = time.monotonic()
        try:
            subprocess.run(command, capture_output=True, timeout=MOST_S, check=False)
        except subprocess.TimeoutExpired:
            print(f"{tool:<20} {scenario} {seed:>3}  not done in {MOST_S:.0f} s", flush=True)
            return
        took, stats = time.monotonic() - began, link.stats()
        right = job.output.exists() and job.output.read_bytes() == bundle.data
    ideal = earliest_s(stats["events"], options["rate_kbps"] * 125, length)
    print(
        f"{tool:<20} {scenario} {seed:>3} {took:7.1f} {took / ideal:6.3f} {stats['link_down'] / length:7.4f} "
        f"{stats['delivered_down'] / length:9.4f} {stats['connections']:>4}  {'right' if right else 'WRONG'}",
        flush=True,
    )


def main() -> None:
    """Parses the arguments and runs each tool for each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", choices=SCENARIOS, default="weather")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 8, 12])
    parser.add_argument("--bytes", type=int, default=12 * 1024 * 1024, help="length of the section that is fetched")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    arguments = parser.parse_args()
    bundle = tiny_bundle(Shape(full_bytes=arguments.bytes, piece_bytes=PIECE_BYTES), seed=3)
    print(json.dumps({"bytes": len(bundle.data), **SCENARIOS[arguments.scenario]}))
    print(f"{'tool':<20} scenario, seed, seconds, over earliest, link over file, delivered over file, connections")
    with TemporaryDirectory() as directory:
        www = Path(directory) / "www"
        www.mkdir()
        (www / "bundle").write_bytes(bundle.data)
        with nginx(www, Path(directory) / "nginx") as server:
            for tool in arguments.tools:
                needs = TOOLS[tool][0]
                if needs and not shutil.which(needs):
                    print(f"{tool:<20} is not installed")
                    continue
                for seed in arguments.seeds:
                    run(tool, arguments.scenario, seed, bundle, server.port)


if __name__ == "__main__":
    main()
