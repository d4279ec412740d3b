"""What heads of answers cost a fetch with a budget: what left the server, beside the budget and what was counted.

    python bench/heads.py [--budget 300000]

A server on this machine answers every range as asked, behind a head as heavy as it likes. Its send buffer is small, so
that what it has sent has left it, but for what was in flight: 64 KiB a connection at most.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.links.large_headers import HeavyHeads

FLIGHT_BYTES = 64 * 1024
HEADS = (300, 4_000, 15_000, 60_000, 95 * 60_000)


def fetched(directory: Path, url: str, budget: int) -> tuple[int, int]:
    """The exit code of `unrep fetch`, and the bytes that it says it has paid."""
    trust, out = write_trust(directory / "trust.pub"), directory / url.rpartition(":")[2].replace("/", "-")
    command = [sys.executable, "-m", "unrep", "fetch", url, "--trust", str(trust), "--out", str(out)]
    done = subprocess.run([*command, "--max-bytes", str(budget), "--json"], stdout=subprocess.PIPE, check=False)
    return done.returncode, json.loads(done.stdout)["bytes_paid"]


def report(budget: int) -> bool:
    """Prints the table; whether no server sent more than 1.05 of the budget and what was in flight."""
    bundle, is_held = tiny_bundle(Shape(full_bytes=3 * budget)), True
    print(" ".join(f"{column:>12}" for column in ("head", "answers", "left server", "budget", "counted", "exit code")))
    with tempfile.TemporaryDirectory() as directory:
        for head_bytes in HEADS:
            with HeavyHeads(bundle.data, head_bytes) as server:
                code, counted = fetched(Path(directory), server.url, budget)
                row = (head_bytes, server.answers, server.sent_bytes, budget, counted, code)
                is_held &= server.sent_bytes <= 1.05 * budget + FLIGHT_BYTES
            print(" ".join(f"{figure:>12,}" for figure in row), flush=True)
    return is_held


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--budget", type=int, default=300_000)
    sys.exit(not report(options.parse_args().budget))


if __name__ == "__main__":
    main()
