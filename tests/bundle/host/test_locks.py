"""Locks of the system: one holder, who is named, and none left by the dead. bundle.host.locks [A-111]"""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.host.files import ForeignFile
from bundle.host.locks import MAX_HOLDER_BYTES, LockTaken, held
from tests.support.repository import REPOSITORY

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX file modes and links")

ASK = """
import sys, pathlib
from bundle.host.locks import LockTaken, held
try:
    with held(pathlib.Path(sys.argv[1]), b"another"):
        print("free")
except LockTaken as taken:
    print("taken by", taken.holder.decode())
"""


def ask(path: Path) -> str:
    """What another process finds."""
    done = subprocess.run([sys.executable, "-c", ASK, path], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("remove", [False, True])
def test_one_process_holds_it_and_is_named(tmp_path: Path, remove: bool) -> None:
    path = tmp_path / "lock"
    with held(path, b"process 7", remove=remove):
        assert ask(path) == "taken by process 7"
    assert path.exists() != remove
    assert ask(path) == "free"


def test_it_is_let_go_of_whatever_happens(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ValueError, match="broken"), held(path, b"", remove=True):
        raise ValueError("broken")
    assert not path.exists()
    with held(path, b""):
        pass


def test_a_longer_holder_leaves_nothing_behind_a_shorter_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path, b"x" * MAX_HOLDER_BYTES):
        pass
    with held(path, b"short"), pytest.raises(LockTaken) as caught, held(path, b""):
        pytest.fail("two holders")
    assert caught.value.holder == b"short" and "held by short" in str(caught.value)


def test_a_lock_file_that_vanished_while_it_was_waited_for_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder removed the name between our open and our lock: what we have locked, nobody else can find."""
    path, seen = tmp_path / "lock", []

    def samestat(one: os.stat_result, other: os.stat_result) -> bool:
        seen.append(one)
        return len(seen) > 1

    monkeypatch.setattr(os.path, "samestat", samestat)
    with held(path, b"", remove=True):
        assert len(seen) == 2


@posix
def test_a_lock_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """[A-111]: flock(2) takes any descriptor, one for reading, too."""
    (tmp_path / "lock").touch(0o644)
    with held(tmp_path / "lock", b""):
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


@posix
def test_a_planted_link_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(ForeignFile), held(tmp_path / "lock", b""):
        pytest.fail("a link was locked")
    assert not (tmp_path / "elsewhere").exists()
