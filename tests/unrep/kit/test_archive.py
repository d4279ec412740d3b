"""A kit in one file [K-8]."""

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.observers.command import run
from unrep.errors import KitError
from unrep.kit.archive import check_archive, write_archive
from unrep.kit.folder import MARK

PROGRAMS = frozenset({"bin/unrep"})


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    root = tmp_path / "unrep 1"
    for name in ("kit.json", "app/module.py", "bin/unrep", "lib/libc.so.6"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize("ending", [".tar.gz", ".zip"])
def test_the_same_bytes_whatever_the_times_and_the_disk(kit: Path, tmp_path: Path, ending: str) -> None:
    first = tmp_path / f"first{ending}"
    assert write_archive(kit, PROGRAMS, first) == first.stat().st_size
    for path in kit.rglob("*"):
        path.touch()
        path.chmod(0o755)  # as all is on a disk that keeps no rights
    second = tmp_path / f"second{ending}"
    write_archive(kit, PROGRAMS, second)
    assert first.read_bytes() == second.read_bytes()


def test_what_starts_it_comes_first_and_the_mark_last(kit: Path, tmp_path: Path) -> None:
    write_archive(kit, PROGRAMS, tmp_path / "kit.tar.gz")
    with tarfile.open(tmp_path / "kit.tar.gz") as archive:
        members = archive.getmembers()
    assert members[0].name == "unrep 1/bin/unrep" and members[-1].name == f"unrep 1/{MARK}" and len(members) == 4
    assert [member.name for member in members if member.mode == 0o755] == ["unrep 1/bin/unrep"]
    write_archive(kit, PROGRAMS, tmp_path / "kit.zip")
    with zipfile.ZipFile(tmp_path / "kit.zip") as packed:
        assert packed.namelist() == [member.name for member in members]


@pytest.mark.parametrize("name", ["kit", "kit.tar", "kit.gz"])
def test_an_archive_of_another_kind(kit: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(KitError, match=r"ends with \.tar\.gz or \.zip"):
        write_archive(kit, PROGRAMS, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_place_that_is_not_there(kit: Path, tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"No such file|cannot find"):
        write_archive(kit, PROGRAMS, tmp_path / "none" / "kit.zip")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("kit.7z", r"ends with \.tar\.gz or \.zip"), ("none/kit.zip", "not a directory"), ("dir.zip", "is a directory")],
)
def test_a_wrong_archive_is_refused_before_anything_is_built(tmp_path: Path, name: str, reason: str) -> None:
    """By the command: it would need packages, and there are none."""
    (tmp_path / "dir.zip").mkdir()
    out, lock = tmp_path / "out", tmp_path / "no locks"
    code, _, said = run("kit --platform linux_x86_64", "--out", out, "--locks", lock, "--archive", tmp_path / name)
    assert code != 0 and re.search(reason, said) and not out.exists()


def test_an_archive_within_the_kit(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(KitError, match="lies within the kit"):
        check_archive(tmp_path / "out" / "kit.zip", tmp_path / "out")
    check_archive(tmp_path / "kit.zip", tmp_path / "out")
