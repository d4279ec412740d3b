"""Rebuilding a release aboard against copying it: `unrep apply` beside `cp -a` and `sync -f`, in turns, on one disk.

    python bench/apply_against_copy.py FULL.unrep DELTA.unrep TARGET --trust K.pub [--runs 5]

FULL installs the base on an empty site, DELTA brings it to the release in the directory TARGET. Of each apply the steps
verify, plan, preflight, reconstruct and make durable count, of each copy the whole. Prints seconds and their ratio.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = ("verify", "plan", "preflight", "reconstruct", "make durable")


def unrep(*arguments: object) -> dict[str, object]:
    """The JSON object of a command that must succeed."""
    argv = [sys.executable, "-m", "unrep", *map(str, arguments), "--json"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    document: dict[str, object] = json.loads(done.stdout)
    return document


def apply_seconds(template: Path, delta: Path, trust: Path, scratch: Path) -> tuple[float, int]:
    """(seconds of the counted steps, peak resident bytes) of one update of a fresh copy of the site."""
    site = scratch / "site"
    subprocess.run(["cp", "-a", template, site], check=True)
    subprocess.run(["sync", "-f", site], check=True)
    run = unrep("apply", delta, "--site", site, "--trust", trust)
    shutil.rmtree(site)
    steps, peak = run["steps"], run["peak_rss_bytes"]
    assert isinstance(steps, dict) and isinstance(peak, int)
    return sum(steps[name] for name in STEPS), peak


def copy_seconds(target: Path, scratch: Path) -> float:
    """Seconds of `cp -a` and `sync -f`."""
    copy = scratch / "copy"
    begun = time.perf_counter()
    subprocess.run(["cp", "-a", target, copy], check=True)
    subprocess.run(["sync", "-f", copy], check=True)
    seconds = time.perf_counter() - begun
    shutil.rmtree(copy)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("full", type=Path)
    parser.add_argument("delta", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--trust", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
        scratch = Path(directory)
        template = scratch / "template"
        template.mkdir()
        unrep("apply", options.full, "--site", template, "--trust", options.trust)
        applied, copied, peaks = [], [], []
        for number in range(options.runs):
            copied.append(copy_seconds(options.target, scratch))
            seconds, peak = apply_seconds(template, options.delta, options.trust, scratch)
            applied.append(seconds)
            peaks.append(peak)
            print(f"run {number + 1}: cp -a and sync -f {copied[-1]:6.2f} s    apply {applied[-1]:6.2f} s", flush=True)
    copy, apply = statistics.median(copied), statistics.median(applied)
    print(
        f"medians: {copy:.2f} s and {apply:.2f} s, ratio {apply / copy:.2f}; peak memory {max(peaks) / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    main()
