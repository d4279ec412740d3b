"""What SIGKILL costs a fetch: killed at ten random moments, resumed each time, and counted on the link.

    python bench/fetch_kills.py [--kills 10] [--megabytes 4] [--kbit-s 8000] [--round-trip-s 0.6] [--seed 1]

A bundle comes through a proxy that is as slow as a satellite link. After each kill the partial file is read and every
piece in it compared with the bundle. "again" is what the link had delivered in that run and what does not stand there,
so that it comes a second time: one piece at most, beside the heads of two answers and the bundle's own header, which
each run asks for. "in flight" is what was on the link when the process died; nobody can keep that.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.killed_fetch import ANSWER_HEAD_BYTES, KilledFetch, LinkRate, killed_fetch

PIECE_BYTES = 64 * 1024


def report(fetch: KilledFetch, kills: int, seed: int) -> bool:
    """Prints the table; whether every kill stayed within its bound."""
    bound = PIECE_BYTES + len(fetch.bundle.header) + 2 * ANSWER_HEAD_BYTES
    columns = ("kill", "resumed", "received", "kept after", "again", "bound", "in flight")
    print(" ".join(f"{column:>10}" for column in columns))
    worst = again = lost = 0
    for number, kill in enumerate(fetch.kill_often(kills, Random(seed)), 1):
        row = (number, kill.kept_before, kill.received, kill.kept_after, kill.again, bound, kill.in_flight)
        print(" ".join(f"{figure:>10,}" for figure in row), flush=True)
        worst, again, lost = max(worst, kill.again), again + kill.again, lost + kill.in_flight
    figures = fetch.finish()
    assert fetch.output.read_bytes() == fetch.bundle.data
    print(f"\nThe last run resumed {figures['bytes_resumed']:,} bytes and received {figures['bytes_received']:,}; the")
    print(f"file of {figures['bytes_total']:,} bytes is whole. Received again: {worst:,} bytes at the worst kill,")
    print(f"{again:,} for all {kills}; lost in flight: {lost:,}.")
    return worst <= bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--megabytes", type=float, default=4.0)
    parser.add_argument("--kbit-s", type=int, default=8000)
    parser.add_argument("--round-trip-s", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bundle = tiny_bundle(Shape(full_bytes=int(options.megabytes * 1e6), piece_bytes=PIECE_BYTES), options.seed)
    print(
        f"seed {options.seed}: {len(bundle.data):,} bytes in pieces of {PIECE_BYTES:,}, "
        f"{options.kbit_s} kbit/s, {options.round_trip_s} s round trip\n"
    )
    rate = LinkRate(options.kbit_s * 1000, options.round_trip_s)
    with tempfile.TemporaryDirectory() as name, killed_fetch(Path(name), bundle, rate) as fetch:
        within = report(fetch, options.kills, options.seed)
    sys.exit(0 if within else 1)


if __name__ == "__main__":
    main()
