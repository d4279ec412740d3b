"""Killed before any call that changes a file system, or refused one, a site is never without a whole version, and
recovers by itself. A sample of `make crash`, which goes through all: [A-17], [A-20], [A-28] to [A-30], [A-33].
"""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support.faults.crash_samples import SEED, held, sample
from tests.support.faults.crash_scenes import Scene
from tests.support.faults.crash_sweeps import fail, kill, kill_twice
from tests.support.faults.traced_command import missing, traced
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")
KILLS, DOUBLE_KILLS, STORAGE_ERRORS = 28, 14, 14


@pytest.mark.slow
def test_a_kill(workers: ProcessPoolExecutor, scenes: list[Scene]) -> None:
    held(list(workers.map(kill, *zip(*sample(workers, scenes, KILLS), strict=True))))


def test_a_kill_and_another_of_the_recovery(workers: ProcessPoolExecutor, scenes: list[Scene]) -> None:
    faults = sample(workers, scenes, DOUBLE_KILLS)
    held(list(workers.map(kill_twice, *zip(*faults, strict=True), range(SEED, SEED + len(faults)))))


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_call_that_fails(workers: ProcessPoolExecutor, scenes: list[Scene], error: str) -> None:
    faults = sample(workers, scenes, STORAGE_ERRORS, stored_only=True)
    held([*workers.map(fail, *zip(*faults, strict=True), [error] * len(faults), [False] * len(faults))])


@pytest.mark.parametrize("directory", [".unrep/staging", ".unrep/manifests", ".venvs"])
def test_a_directory_that_cannot_be_read_is_named(
    workers: ProcessPoolExecutor, scenes: list[Scene], directory: str
) -> None:
    with scenes[1].copied() as root:
        place = root / "site" / directory
        options = ["-P", str(place), "-e", "trace=openat", "-e", "inject=openat:error=EIO"]
        ended = workers.submit(traced, scenes[1].at(root), options).result()
    assert ended.code == 5 and ended.err == f"unrep: {place}: Input/output error\n"


def test_the_command_as_a_shell_starts_it(scenes: list[Scene]) -> None:
    """The workers fork; this one is a process of its own from its first instruction. It dies as it moves `current`."""
    scene, repository = scenes[1], REPOSITORY
    options = ["-e", "trace=/^rename", "-e", "inject=/^rename:signal=KILL:when=3"]
    with scene.copied() as root:
        command = [sys.executable, "-m", "unrep", *scene.at(root)]
        doomed = ["strace", "-f", "-qq", "-o", os.devnull, *options, *command]
        assert subprocess.run(doomed, cwd=repository, capture_output=True).returncode == -signal.SIGKILL
        assert scene.check_serving(root) == "1.0.0" and (root / "site/.current.new").is_symlink()
        assert subprocess.run(command, cwd=repository, capture_output=True).returncode == 0
        assert scene.check_serving(root) == "1.0.1"
