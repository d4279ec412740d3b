"""Rebuilding a release aboard against copying it: `unrep apply` beside `cp -a` and `sync -f`, in turns, on one disk.

    python bench/apply_against_copy.py FULL.unrep DELTA.unrep TARGET --trust K.pub [--runs 5] [--on DIRECTORY]...

FULL installs the base on an empty site, DELTA brings it to the release in the directory TARGET. `--on`: where, such as
/dev/shm for a file system in memory; the working directory by default. Prints for each place and both ways the wall
seconds and the CPU seconds: the median of all runs, the least and the most. Of an apply the wall seconds are those of
the steps verify, plan, preflight, reconstruct and make durable, and the CPU seconds are those of the whole command.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STEPS = ("verify", "plan", "preflight", "reconstruct", "make durable")


@dataclass(frozen=True)
class Cost:
    """Of one run, in seconds."""

    wall_s: float
    cpu_s: float


def measured(*argv: object) -> tuple[Cost, bytes]:
    """Runs a command that must succeed, and returns what it printed, too."""
    begun = time.perf_counter()
    with subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{argv[0]}: exit code {process.returncode}")
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime), printed


def apply_once(template: Path, delta: Path, trust: Path, scratch: Path) -> tuple[Cost, int]:
    """One update of a fresh copy of the site, and its peak of resident bytes."""
    site = scratch / "site"
    measured("cp", "-a", template, site)
    measured("sync", "-f", site)
    cost, printed = measured(sys.executable, "-m", "unrep", "apply", delta, "--site", site, "--trust", trust, "--json")
    document = json.loads(printed)
    shutil.rmtree(site)
    return Cost(sum(document["steps"][name] for name in STEPS), cost.cpu_s), document["peak_rss_bytes"]


def copy_once(target: Path, scratch: Path) -> Cost:
    """One `cp -a` and `sync -f`."""
    copy = scratch / "copy"
    copied, synced = measured("cp", "-a", target, copy)[0], measured("sync", "-f", copy)[0]
    shutil.rmtree(copy)
    return Cost(copied.wall_s + synced.wall_s, copied.cpu_s + synced.cpu_s)


def spread(seconds: Sequence[float]) -> str:
    """The median, the least and the most."""
    return f"{statistics.median(seconds):6.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def compare(options: argparse.Namespace, place: Path) -> None:
    """All runs at one place."""
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as directory:
        scratch = Path(directory)
        template = scratch / "template"
        template.mkdir()
        argv = ("apply", options.full, "--site", template, "--trust", options.trust, "--json")
        measured(sys.executable, "-m", "unrep", *argv)
        applied, copied, peaks = [], [], []
        for _ in range(options.runs):
            copied.append(copy_once(options.target, scratch))
            cost, peak = apply_once(template, options.delta, options.trust, scratch)
            applied.append(cost)
            peaks.append(peak)
    print(f"{place}, {options.runs} runs in turn:")
    for name, costs in (("cp -a and sync -f", copied), ("unrep apply", applied)):
        wall, cpu = spread([cost.wall_s for cost in costs]), spread([cost.cpu_s for cost in costs])
        print(f"  {name:<18} wall s {wall}   CPU s {cpu}")
    ratio = statistics.median(c.wall_s for c in applied) / statistics.median(c.wall_s for c in copied)
    print(f"  ratio of the medians, wall: {ratio:.2f}; peak memory {max(peaks) / 2**20:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("full", type=Path)
    parser.add_argument("delta", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--trust", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--on", type=Path, action="append", default=[])
    options = parser.parse_args()
    for place in options.on or [Path.cwd()]:
        compare(options, place.absolute())


if __name__ == "__main__":
    main()
