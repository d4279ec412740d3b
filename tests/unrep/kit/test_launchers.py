"""`install.sh` replaces what starts a kit, and nothing else [K-12]; what a kit is tried with [K-11]."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unrep.kit import building, linux
from unrep.kit.folder import MARK

posix = pytest.mark.skipif(os.name == "nt", reason="scripts of Linux")


def kit_at(root: Path) -> Path:
    """What of a kit `install.sh` looks at."""
    (root / "bin").mkdir(parents=True)
    (root / MARK).touch()
    (root / "bin" / "unrep").write_text("#!/bin/sh\n")
    (root / "bin" / "unrep").chmod(0o755)
    shutil.copy(linux._LAUNCHERS / "install.sh", root)
    return root


def install(kit: Path, place: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", kit / "install.sh", place], capture_output=True, text=True)


@posix
@pytest.mark.parametrize("there", ["nothing", "this kit", "an older kit", "a link to it", "a kit that has gone"])
def test_a_link_to_a_kit_is_replaced(tmp_path: Path, there: str) -> None:
    kit, old, link = kit_at(tmp_path / "a kit"), kit_at(tmp_path / "old"), tmp_path / "place" / "unrep"
    link.parent.mkdir()
    if there != "nothing":
        link.symlink_to((kit if there == "this kit" else old) / "bin" / "unrep")
    if there == "a link to it":
        link.rename(tmp_path / "further")
        link.symlink_to(tmp_path / "further")
    if there == "a kit that has gone":
        shutil.rmtree(old)
    told = install(kit, link.parent)
    assert told.returncode == 0 and link.readlink() == kit / "bin" / "unrep", told.stderr


@posix
@pytest.mark.parametrize("there", ["a file", "another program", "no kit", "the launcher of a site", "nothing at all"])
def test_what_is_somebody_elses_stays(tmp_path: Path, there: str) -> None:
    kit, link = kit_at(tmp_path / "a kit"), tmp_path / "place" / "unrep"
    link.parent.mkdir()
    leads = {
        "another program": "venv/bin/python",
        "no kit": "venv/bin/unrep",
        "the launcher of a site": "home/launch/unrep",
        "nothing at all": "gone",
    }
    if there in leads:
        link.symlink_to(tmp_path / leads[there])
        if there != "nothing at all":
            (tmp_path / leads[there]).parent.mkdir(parents=True)
            (tmp_path / leads[there]).touch()
    else:
        link.touch()
    before = link.lstat()
    told = install(kit, link.parent)
    assert told.returncode == 5 and f"{link}: is there, and starts no kit: move it away" in told.stderr
    assert link.lstat().st_ino == before.st_ino


def test_a_kit_is_tried_without_the_site_of_whoever_builds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """[K-11]: it may have none of that site's rights, and says nothing of it."""
    monkeypatch.setenv("UNREP_SITE", "/srv/vms")
    building._run([sys.executable, "-c", "import os, sys; sys.exit('UNREP_SITE' in os.environ)"], "sees a site")
