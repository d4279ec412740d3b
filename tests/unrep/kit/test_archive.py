"""A kit in one file [K-8]."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from unrep.errors import KitError
from unrep.kit.archive import write_archive
from unrep.kit.folder import MARK


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    root = tmp_path / "unrep 1"
    for name in ("kit.json", "app/module.py", "bin/unrep", "lib/libc.so.6"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
        (root / name).chmod(0o755 if name == "bin/unrep" else 0o644)
    return root


@pytest.mark.parametrize("ending", [".tar.gz", ".zip"])
def test_the_same_bytes_whatever_the_times(kit: Path, tmp_path: Path, ending: str) -> None:
    first = tmp_path / f"first{ending}"
    assert write_archive(kit, first) == first.stat().st_size
    for path in kit.rglob("*"):
        path.touch()
    second = tmp_path / f"second{ending}"
    write_archive(kit, second)
    assert first.read_bytes() == second.read_bytes()


def test_what_starts_it_comes_first_and_the_mark_last(kit: Path, tmp_path: Path) -> None:
    write_archive(kit, tmp_path / "kit.tar.gz")
    with tarfile.open(tmp_path / "kit.tar.gz") as archive:
        members = archive.getmembers()
    assert members[0].name == "unrep 1/bin/unrep" and members[-1].name == f"unrep 1/{MARK}" and len(members) == 4
    write_archive(kit, tmp_path / "kit.zip")
    with zipfile.ZipFile(tmp_path / "kit.zip") as packed:
        assert packed.namelist() == [member.name for member in members]


@pytest.mark.parametrize("name", ["kit", "kit.tar", "kit.gz"])
def test_an_archive_of_another_kind(kit: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(KitError, match=r"ends with \.tar\.gz or \.zip"):
        write_archive(kit, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_place_that_is_not_there(kit: Path, tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"No such file|cannot find"):
        write_archive(kit, tmp_path / "none" / "kit.zip")
