"""Each sync of `apply` removed in turn, and whether the power cuts notice: a table. Exit code 1 if it is unexpected.

python -m tests.crash.mutants [SEED]
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.support.faults.crash_scenes import Scene, Stage
from tests.support.faults.crash_sweeps import Recorded, Verdict, cut_power, recorded
from tests.support.faults.sync_mutants import MUTANTS, UNCHANGED, Mutant
from tests.support.faults.traced_command import missing, pool

CUTS_A_SCENE = 20
BATCH = 16


def main() -> int:
    """Prints the table."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    if why := missing():
        print(f"SKIPPED: the mutants: {why}", file=sys.stderr)
        return 0
    unexpected = 0
    with TemporaryDirectory(prefix="unrep-stage-") as directory, pool(os.cpu_count() or 1) as workers:
        scenes = Stage(Path(directory)).scenes()
        for mutant in (*MUTANTS, *UNCHANGED):
            tried, broken = cut_mutant(workers, scenes, mutant, Path(directory), seed, CUTS_A_SCENE)
            wanted = not mutant.redundant and mutant not in UNCHANGED
            unexpected += bool(broken) != wanted
            first = broken[0].where if broken else mutant.redundant
            print(
                f"{mutant.name:<42} {'red' if broken else 'green':<6} {len(broken):>4} of {tried:<5} {first}",
                flush=True,
            )
    return bool(unexpected)


def cut_mutant(
    workers: ProcessPoolExecutor, scenes: list[Scene], mutant: Mutant, directory: Path, seed: int, cuts: int
) -> tuple[int, list[Verdict]]:
    """Cuts power in runs that lack that sync, until something breaks: how many cuts were tried, and what broke."""
    drawn = (repeat(directory), repeat(seed), repeat(cuts), repeat(mutant))
    runs: list[Recorded] = list(workers.map(recorded, scenes, *drawn))
    jobs = [(run, cut) for run in runs for cut in run.cuts]
    Random(seed).shuffle(jobs)
    tried, broken = 0, []
    for start in range(0, len(jobs), BATCH):
        verdicts = list(workers.map(cut_power, *zip(*jobs[start : start + BATCH], strict=True)))
        tried += len(verdicts)
        if broken := [verdict for verdict in verdicts if verdict.broken]:
            break
    return tried, broken


if __name__ == "__main__":
    sys.exit(main())
