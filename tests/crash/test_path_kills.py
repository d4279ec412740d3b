"""[T-149], [A-130] A sample of `make kills`: a fetch over steps and the update from them, killed at random moments."""

import os
from pathlib import Path

import pytest

from tests.crash.path_kills import lines
from tests.support.faults.killed_path import killed_path

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL of POSIX, and nginx")]
SEED = 20261130


def test_a_killed_fetch_and_update_over_steps_go_on(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    with killed_path(tmp_path, SEED) as (path, link):
        tally = path.kill(link, 6, 4)
    print(lines(tally))
    assert (tally.fetches, tally.applies) == (6, 4)
