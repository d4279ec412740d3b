"""Temporary files: a full disk is NoRoom, and named, and one that is too small is not used [A-207], [A-215]."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bundle.errors import InputError, NoRoom
from bundle.host.temporary_files import full_temporary_disk, room_for_temporary_files, temporary_directory

FULL = OSError(errno.ENOSPC, "No space left on device")


def test_temporary_files_name_their_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-207]: what another disk refuses is left to others, and nothing stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(NoRoom) as caught, temporary_directory("x-") as directory:
        assert directory.parent == tmp_path
        raise FULL
    assert str(caught.value).startswith(f"{tmp_path}: no space left for temporary files: ")
    assert "TMPDIR" in str(caught.value)
    for error in (PermissionError(errno.EACCES, "no"), NoRoom("elsewhere")):
        with pytest.raises(type(error)), temporary_directory("x-"), full_temporary_disk():
            raise error
    assert not list(tmp_path.iterdir())


def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_usable() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    with pytest.raises(InputError, match="name one in TMPDIR"), temporary_directory("x-"):
        pass


def disks(monkeypatch: pytest.MonkeyPatch, **free: int) -> None:
    """By the name of the directory, the room that its disk has."""

    def usage(place: Path) -> "shutil._ntuple_diskusage":
        return shutil._ntuple_diskusage(10**9, 0, free[Path(place).name])

    monkeypatch.setattr(shutil, "disk_usage", usage)


@pytest.mark.parametrize(
    ("small", "large", "wanted", "chosen"),
    [(100, 200, 100, "small"), (99, 200, 100, "large"), (99, 99, 100, "small"), (50, 60, 100, "large")],
)
def test_the_disk_with_room(
    small: int, large: int, wanted: int, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-215]: for other processes, too, and afterwards all is as before."""
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "small"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "small"))
    disks(monkeypatch, small=small, large=large)
    asked = [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"]
    with room_for_temporary_files(tmp_path / "large", wanted):
        with temporary_directory("x-") as directory:
            assert directory.parent.name == chosen
        assert Path(subprocess.check_output(asked, text=True).strip()).name == chosen
        with pytest.raises(NoRoom, match=f"{chosen}: .*, which may take 100 bytes: .* TMPDIR"), full_temporary_disk():
            raise FULL
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path / "small")


def test_the_output_serves_where_there_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-215]"""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    monkeypatch.delenv("TMPDIR", raising=False)
    with room_for_temporary_files(tmp_path, 1), temporary_directory("x-") as directory:
        assert directory.parent == tmp_path
    assert "TMPDIR" not in os.environ and tempfile.tempdir is None
