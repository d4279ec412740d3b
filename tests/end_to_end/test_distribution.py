"""The sdist and the wheel: the same bytes from any directory, and in the wheel what runs aboard and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.machines.release import build, sums
from tests.support.repository import REPOSITORY

pytest.importorskip("hatchling")
PACKAGES = ("apply", "bundle", "fleet", "repository", "transfer", "unrep")
BUILD_MASKED = (
    "import os, pathlib, sys; from tests.support.machines.release import build\n"
    "os.umask(0o077); build(pathlib.Path(sys.argv[1]), TZ='Asia/Tokyo')"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    if not shutil.which("git") or subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "HEAD"]).returncode:
        pytest.skip("this is no checkout of git: there is no commit to build")
    return build(tmp_path_factory.mktemp("dist"))


def test_two_builds_give_the_same_bytes(built: list[Path], tmp_path: Path) -> None:
    """Elsewhere, later, under another umask and time zone."""
    there = tmp_path / "another place"
    there.mkdir()
    command = [sys.executable, "-c", BUILD_MASKED, str(there)]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    assert [path.name for path in built] == sorted(path.name for path in there.iterdir())
    assert len(built) == 2 and sums(built) == sums(sorted(there.iterdir()))


def test_the_wheel_holds_the_packages_and_their_types(built: list[Path]) -> None:
    with zipfile.ZipFile(next(path for path in built if path.suffix == ".whl")) as wheel:
        names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
