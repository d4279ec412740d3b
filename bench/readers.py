"""Readers of `current` while it moves: how many files and trees they read, and how many were missing or mixed.

    python bench/readers.py [--readers 8] [--switches 1000]

Exit code 1 unless all were whole.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.sites.readers import make_site, make_switches, watched

VERSIONS = ("1.0.0", "1.0.1")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--switches", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as name:
        site = Path(name)
        make_site(site, VERSIONS)
        began = time.monotonic()
        with watched(site, VERSIONS, options.readers) as saw:
            make_switches(site, VERSIONS, options.switches)
        seconds = time.monotonic() - began
    print(f"{options.readers} readers, {options.switches} switches in {seconds:.1f} s: {saw.files:,} files, ", end="")
    print(f"{saw.trees:,} trees, {saw.misses} misses, {saw.mixed} mixed trees, {saw.torn} torn files")
    return int(saw.misses + saw.mixed + saw.torn > 0 or len(saw.seen) != len(VERSIONS))


if __name__ == "__main__":
    sys.exit(main())
