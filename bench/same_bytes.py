"""Whether another checkout of the program builds the same bundles, byte for byte, from the same releases.

    python bench/same_bytes.py CHECKOUT PAIR... [--corpora DIRECTORY] [--full]

PAIR: a name of bench/corpora/fetch.py, or a directory that holds `old` and `new`. Pairs are fetched into DIRECTORY
unless they are there. Each program runs from its own checkout, with this Python and its packages; one key signs both.
One row a pair: bytes, the bundle's SHA-256, same or DIFFERENT. Exit code 1 if any differs.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def run(checkout: Path, *arguments: str | Path) -> None:
    """One `unrep` command of a checkout. Raises CalledProcessError."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-m", "unrep", *arguments], cwd=checkout, env=environment, check=True)


def pair_at(name: str, corpora: Path) -> Path:
    """The directory of a pair, fetched if it is not there yet."""
    if Path(name, "old").is_dir():
        return Path(name).resolve()
    place = corpora / name
    if not (place / "new").is_dir():
        subprocess.run([sys.executable, HERE / "bench" / "corpora" / "fetch.py", name, place], check=True)
    return place.resolve()


def built(checkout: Path, pair: Path, key: Path, out: Path, full: bool) -> bytes:
    """The bundle that a checkout builds."""
    named = ("--product", "bench", "--version", "2", "--seq", "2", "--key", key)
    run(checkout, "build", pair / "new", "--base", pair / "old", *named, "--out", out, *(["--full"] if full else []))
    return out.read_bytes()


def main() -> int:
    """Builds and compares; 1 if any pair differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--corpora", type=Path, default=Path("bench-corpora"))
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    differing = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        run(HERE, "keygen", "--out", scratch / "shore")
        for pair in options.pairs:
            place = pair_at(pair, options.corpora)
            bundles = [
                built(checkout.resolve(), place, scratch / "shore.key", scratch / f"{number}.unrep", options.full)
                for number, checkout in enumerate((options.checkout, HERE))
            ]
            same = bundles[0] == bundles[1]
            differing += not same
            digest = hashlib.sha256(bundles[1]).hexdigest()
            print(f"{pair:16} {len(bundles[1]):12,} {digest[:16]} {'same' if same else 'DIFFERENT'}", flush=True)
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
