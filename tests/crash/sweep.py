"""`make crash`: every fault at every point, on all cores, and the figures. Exit code 1 if anything did not hold.

python -m tests.crash.sweep [SEED [kills] [double-kills] [storage-errors] [power-cuts] [disk-cuts]]
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.support.faults.crash_scenes import Scene, Stage
from tests.support.faults.crash_sweeps import Verdict, cut_disk, cut_power, fail, found, kill, kill_twice, recorded
from tests.support.faults.traced_command import Point, missing, pool
from tests.support.sites import loop_disk

DOUBLE_KILLS = 500
CUTS_A_SCENE = 125
DISK_CUTS = 1000
# A call that opens a file fails once only: from then on Python could not even import.
ONCE_ONLY = ("open", "openat", "write")
Fault = tuple[Scene, Point]


def main(seed: int, parts: list[str]) -> int:
    """Makes the sweeps; the seed decides what is drawn."""
    if why := missing():
        print(f"SKIPPED: the crash sweeps: {why}", file=sys.stderr)
        return 0
    print(f"seed {seed}", flush=True)
    broken = 0
    with TemporaryDirectory(prefix="unrep-stage-") as directory, pool(os.cpu_count() or 1) as workers:
        scenes = Stage(Path(directory)).scenes()
        for name in parts or SWEEPS:
            broken += _swept(name, SWEEPS[name](workers, scenes, seed, Path(directory)))
    print(f"invariants that did not hold, each a manual repair: {broken}")
    return bool(broken)


def _swept(name: str, verdicts: Iterable[Verdict]) -> int:
    begun, points, faults, broken = time.monotonic(), 0, 0, 0
    for verdict in verdicts:
        points, faults = points + 1, faults + verdict.faults
        if verdict.broken:
            broken += 1
            print(f"BROKEN: {verdict.where}\n    {verdict.broken}", flush=True)
    seconds = time.monotonic() - begun
    print(f"{name}: {points} tried, {faults} faults came, {points - broken} held, {seconds:.0f} s", flush=True)
    return broken


def _points(workers: ProcessPoolExecutor, scenes: list[Scene], stored_only: bool) -> list[Fault]:
    lists = workers.map(found, scenes, repeat(stored_only))
    return [(scene, point) for scene, points in zip(scenes, lists, strict=True) for point in points]


def _mapped(
    workers: ProcessPoolExecutor, check: Callable[..., Verdict], jobs: Iterable[tuple[object, ...]]
) -> Iterable[Verdict]:
    return workers.map(check, *zip(*jobs, strict=True), chunksize=8)


def _kills(workers: ProcessPoolExecutor, scenes: list[Scene], _: int, __: Path) -> Iterable[Verdict]:
    return _mapped(workers, kill, list(_points(workers, scenes, stored_only=False)))


def _double_kills(workers: ProcessPoolExecutor, scenes: list[Scene], seed: int, _: Path) -> Iterable[Verdict]:
    chosen = Random(seed).sample(_points(workers, scenes, stored_only=False), DOUBLE_KILLS)
    return _mapped(workers, kill_twice, [(*fault, seed + place) for place, fault in enumerate(chosen)])


def _storage_errors(workers: ProcessPoolExecutor, scenes: list[Scene], seed: int, _: Path) -> Iterable[Verdict]:
    faults = _points(workers, scenes, stored_only=True)
    once = [(*fault, ("EIO", "ENOSPC")[(place + seed) % 2], False) for place, fault in enumerate(faults)]
    onward = [(*fault, "ENOSPC", True) for fault in faults if fault[1].call not in ONCE_ONLY]
    return _mapped(workers, fail, once + onward)


def _power_cuts(workers: ProcessPoolExecutor, scenes: list[Scene], seed: int, directory: Path) -> Iterable[Verdict]:
    runs = list(workers.map(recorded, scenes, repeat(directory), repeat(seed), repeat(CUTS_A_SCENE)))
    return _mapped(workers, cut_power, [(run, cut) for run in runs for cut in run.cuts])


def _disk_cuts(workers: ProcessPoolExecutor, scenes: list[Scene], seed: int, _: Path) -> Iterable[Verdict]:
    if why := loop_disk.missing():
        print(f"SKIPPED: power cuts on a real ext4: {why}; the cuts above are replayed from what a run did")
        return []
    faults = _points(workers, scenes, stored_only=True)
    chosen = Random(seed).sample(faults, min(DISK_CUTS, len(faults)))
    return _mapped(workers, cut_disk, [(*fault, seed + place) for place, fault in enumerate(chosen)])


SWEEPS: dict[str, Callable[[ProcessPoolExecutor, list[Scene], int, Path], Iterable[Verdict]]] = {
    "kills": _kills,
    "double-kills": _double_kills,
    "storage-errors": _storage_errors,
    "power-cuts": _power_cuts,
    "disk-cuts": _disk_cuts,
}

if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(int(given[0]) if given else Random().randrange(1_000_000), given[1:]))
