"""When the power goes, what was not synced is lost, zeroed or torn, and a site recovers: [A-6], [A-7], [A-34].

A sample of `make crash`, and a proof that it would notice a sync that is missing.
"""

from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest

from tests.crash.mutants import cut_mutant
from tests.support.faults.crash_samples import SEED, held, sample
from tests.support.faults.crash_scenes import Scene
from tests.support.faults.crash_sweeps import cut_disk, cut_power, recorded
from tests.support.faults.sync_mutants import MUTANTS, Mutant
from tests.support.faults.traced_command import missing
from tests.support.sites import loop_disk

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")
CUTS_A_SCENE = 3
DISK_CUTS = 16


@pytest.mark.slow
def test_a_power_cut(workers: ProcessPoolExecutor, scenes: list[Scene], tmp_path: Path) -> None:
    runs = list(workers.map(recorded, scenes, repeat(tmp_path), repeat(SEED), repeat(CUTS_A_SCENE)))
    jobs = [(run, cut) for run in runs for cut in run.cuts]
    held(list(workers.map(cut_power, *zip(*jobs, strict=True))))


@pytest.mark.slow
@pytest.mark.skipif(bool(loop_disk.missing()), reason=loop_disk.missing() or "nothing is missing")
def test_a_power_cut_of_a_real_disk(workers: ProcessPoolExecutor, scenes: list[Scene]) -> None:
    faults = sample(workers, scenes, DISK_CUTS, stored_only=True)
    held(list(workers.map(cut_disk, *zip(*faults, strict=True), range(SEED, SEED + len(faults)))))


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.name.startswith(("write_file", "sync_tree: "))], ids=lambda mutant: mutant.name
)
def test_a_sync_that_is_missing_is_noticed(
    workers: ProcessPoolExecutor, scenes: list[Scene], tmp_path: Path, mutant: Mutant
) -> None:
    install = scenes[:1]
    tried, broken = cut_mutant(workers, install, mutant, tmp_path, seed=1, cuts=40)
    assert broken, f"{tried} power cuts, and none of them noticed"
