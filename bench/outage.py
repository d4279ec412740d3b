"""An outage in a trial: what metrics, history and the receipt say of it.

    python -m bench.outage [--seconds 60]

A release comes that never becomes healthy. The ship waits for so long, goes back, and the old version serves again.
Prints how long the application was out of service by the clock of this program, and what the ship's own words are.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from apply.errors import RolledBack
from tests.support.sites.site import Ship, shore


def unrep(*words: object) -> str:
    """What the command prints."""
    line = [sys.executable, "-m", "unrep", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        ship = Ship.sailing(Path(scratch), "1.0.0")
        ship.configure(deadline_s=seconds)
        bundle = shore().bundle("sick", 2, "1.0.0")
        begun = time.monotonic()
        with suppress(RolledBack):
            ship.apply(bundle)
        print(f"the whole run, by this program's clock: {time.monotonic() - begun:.2f} s")
        print("unrep history:")
        print(unrep("history", "--site", ship.root))
        wanted = ("unrep_outage_seconds_sum", "unrep_outage_seconds_count", "unrep_recovery_seconds_sum")
        print("unrep metrics:")
        print("\n".join(line for line in unrep("metrics", "--site", ship.root).splitlines() if line.startswith(wanted)))
        receipt = max(ship.site.outbox.iterdir())
        print(f"unrep receipt, of {receipt.stat().st_size} bytes:")
        print(unrep("receipt", receipt, "--key", ship.site.private / "site.pub"))


if __name__ == "__main__":
    main()
