"""A sample of the faults of `make crash`, drawn anew in every run; UNREP_CRASH_SEED repeats one."""

import os
from concurrent.futures import ProcessPoolExecutor
from random import Random

from tests.support.faults.crash_scenes import Scene
from tests.support.faults.crash_sweeps import Verdict, found
from tests.support.faults.traced_command import Point

SEED = int(os.environ.get("UNREP_CRASH_SEED", "0")) or Random().randrange(1, 1_000_000)
Fault = tuple[Scene, Point]


def held(verdicts: list[Verdict]) -> None:
    """Asserts that every site held, and that most faults took place."""
    print(f"seed {SEED}: set UNREP_CRASH_SEED to repeat")  # pytest shows it with a failure
    broken = [f"{verdict.where}: {verdict.broken}" for verdict in verdicts if verdict.broken]
    assert not broken, "\n".join(broken)
    assert sum(verdict.faults for verdict in verdicts) >= 0.9 * len(verdicts), "most faults never came"


def sample(workers: ProcessPoolExecutor, scenes: list[Scene], size: int, stored_only: bool = False) -> list[Fault]:
    """Points of all scenes, as many of each."""
    random = Random(SEED)
    lists = list(workers.map(found, scenes, [stored_only] * len(scenes)))
    rounds = -(-size // len(scenes))
    return [(scene, random.choice(points)) for scene, points in zip(scenes, lists, strict=True) for _ in range(rounds)]
