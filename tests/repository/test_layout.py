"""What is a repository, and who may work on it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from repository.errors import NotARepository, RepositoryBusy
from repository.layout import Repository
from tests.support.contents.repositories import Ashore


@pytest.mark.parametrize("missing", ["repo.toml", "repo.db", "objects", "manifests"])
def test_what_lacks_a_part_is_none(tmp_path: Path, missing: str) -> None:
    """[P-1]"""
    Ashore(tmp_path)
    (tmp_path / "repo" / missing).rename(tmp_path / "away")
    with pytest.raises(NotARepository, match=f"is no repository, {missing} is missing"):
        Repository.at(tmp_path / "repo")


def test_nothing_and_a_file_are_none(tmp_path: Path) -> None:
    """[P-1]"""
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(NotARepository, match="no such directory; make a repository with 'unrep repo init'"):
            Repository.at(tmp_path / name)


HOLD = (
    "import sys, pathlib; from repository.layout import Repository\n"
    "with Repository(pathlib.Path(sys.argv[1])).locked('releasing 1.0.3'): print('held', flush=True); sys.stdin.read()"
)


def test_the_second_is_told_who_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    """[P-2]"""
    ashore = Ashore(tmp_path)
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "repo")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        with pytest.raises(RepositoryBusy) as busy, ashore.repository.locked("pruning"):
            raise AssertionError("both hold it")
        says = f"process {holder.pid} on {socket.gethostname()} is releasing 1.0.3 since 2"
        assert says in str(busy.value) and os.getpid() != holder.pid
        holder.kill()
    with ashore.repository.locked("pruning"):
        pass
