"""[P-11], [P-16] A sample of `make kills`: commands of the repository, killed at random moments."""

import os
from pathlib import Path

import pytest

from tests.crash.repository_kills import SEED, line
from tests.support.faults.killed_repository import KilledRepository

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL and fork of POSIX")]


def test_a_killed_command_leaves_a_sound_repository(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    repository = KilledRepository(tmp_path, SEED)
    releases, prunes = repository.kill_releases(12), repository.kill_prunes(4)
    print(line("release", releases, 0), line("repo prune", prunes, 0), sep="\n")
    assert (releases.killed, prunes.killed) == (12, 4)
