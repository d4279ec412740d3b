"""Seconds of a fetch of 100 kB and of 500 bytes over UDP, over the earliest finish, in real packets.

    python -m bench.small_fetches [--seeds 1 2 3]

The link has 2 Mbit/s and a round trip of 600 ms. Each fetch is a command of its own, and its seconds are those of its
own clock. With the rate known, the fetch is for a site whose link file has what an earlier fetch has seen. A bundle of
500 bytes is printed in round trips. Needs Linux and root, see tests/support/packets/network.py.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.packets.network import SERVER, Network, network, what_is_missing
from tests.support.packets.path import PacketPath

UDP_PORT = 8080
START_S = 3.0
PATH = PacketPath(2e6, 0.6)
KNOWN_BYTES_PER_S = 240_000  # as a long fetch over this link notes it
UNREP = ["env", f"PYTHONPATH={Path(__file__).resolve().parents[1]}", sys.executable, "-m", "unrep"]


def seconds_of(length: int, seed: int, is_rate_known: bool) -> tuple[int, float]:
    """(bytes of the bundle, seconds of the fetch by its own clock)."""
    bundle = tiny_bundle(Shape(full_bytes=length), seed=3)
    with TemporaryDirectory() as directory, network(PATH, seed) as net:
        place = Path(directory)
        root = net.serve()
        (root / "bundle").write_bytes(bundle.data)
        net.start(net.server_ns, [*UNREP, "serve", str(root), "--bind", SERVER, "--port", str(UDP_PORT), "--udp"])
        time.sleep(START_S)
        options = _site(place) if is_rate_known else []
        return len(bundle.data), _fetched(net, place, options)


def _site(place: Path) -> Sequence[str]:
    """A site where nothing is installed yet, and what it knows of its link."""
    private = place / "site" / ".unrep"
    private.mkdir(parents=True)
    (private / "link.json").write_text(json.dumps({"bytes_per_s": KNOWN_BYTES_PER_S}), encoding="utf-8")
    return ["--site", str(place / "site")]


def _fetched(net: Network, place: Path, options: Sequence[str]) -> float:
    source, trust = net.url("bundle", "udp", UDP_PORT), write_trust(place / "shore.pub")
    command = [*UNREP, "fetch", source, "--trust", str(trust), "--out", str(place / "out"), "--json", *options]
    run = net.run(command, most_s=60)
    assert run.returncode == 0, run.output
    return float(json.loads(run.output[run.output.index("{") :])["seconds"])


def main() -> None:
    """Parses the arguments and prints a line for each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    if missing := what_is_missing():
        parser.error(f"no link at packet level here: {missing}")
    for length, is_known in ((100_000, True), (100_000, False), (300, True), (300, False)):
        found = [seconds_of(length, seed, is_known) for seed in arguments.seeds]
        size, took = found[0][0], sorted(seconds for _, seconds in found)
        middle = statistics.median(took)
        said = (
            f"{middle / PATH.earliest_s(size):.2f} of the earliest"
            if length > 1000
            else f"{middle / PATH.rtt_s:.2f} round trips"
        )
        rate = "rate known" if is_known else "rate not known"
        print(f"{size:>7,} bytes, {rate:<14}  {said}  ({', '.join(f'{one:.2f}' for one in took)} s)", flush=True)


if __name__ == "__main__":
    main()
