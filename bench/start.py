"""What a command costs that only looks: processor and clock seconds of a whole process, least and median of some runs.

    python -m bench.start [--runs 15] [--files 300] [--against SOURCE]

Makes a site of two releases with so many files, and runs `status`, `--help` and `--version` there in turn, so that a
busy machine slows all of them alike. --against runs the same commands from other sources, on the same site, beside.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).parent.parent
Cost = tuple[float, float]


def unrep(source: Path, directory: Path, *words: str) -> Cost:
    """Runs a command of the program that stands in that directory: processor and clock seconds."""
    before, begun = os.times(), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(source)}
    line = [sys.executable, "-m", "unrep", *words]
    done = subprocess.run(line, cwd=directory, env=environment, capture_output=True, check=False)
    after, seconds = os.times(), time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr.decode())
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, seconds


def make_site(directory: Path, files: int) -> Path:
    """A site where the second of two releases runs."""
    site = directory / "site"
    site.mkdir()
    unrep(REPOSITORY, directory, "keygen", "--out", "k")
    for seq in (1, 2):
        release = directory / str(seq)
        release.mkdir()
        for number in range(files):
            (release / f"part_{number:05}.py").write_text(f"NUMBER = {number * (1 + (number == 7) * seq)}\n", "utf-8")
        made = ("--product", "p", "--version", f"{seq}.0", "--seq", str(seq), "--key", "k.key", "--out", f"{seq}.unrep")
        unrep(REPOSITORY, directory, "build", str(release), *made)
        unrep(REPOSITORY, directory, "apply", f"{seq}.unrep", "--site", str(site), "--trust", "k.pub")
    return site


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    sources = {"": REPOSITORY} | ({f" of {given.against}": given.against.resolve()} if given.against else {})
    with tempfile.TemporaryDirectory() as scratch:
        site = make_site(Path(scratch), given.files)
        commands = (("status", "--site", str(site)), ("--help",), ("--version",))
        costs: dict[str, list[Cost]] = {}
        for _ in range(given.runs):
            for words in commands:
                for label, source in sources.items():
                    costs.setdefault(f"unrep {words[0]}{label}", []).append(unrep(source, site, *words))
    print(f"{given.files} files, {given.runs} runs: processor s (least, median), clock s (least, median)")
    for label, found in costs.items():
        used, seconds = ([cost[at] for cost in found] for at in (0, 1))
        figures = (min(used), median(used), min(seconds), median(seconds))
        print(f"{label:<40}", *(f"{figure:8.3f}" for figure in figures))


if __name__ == "__main__":
    main()
