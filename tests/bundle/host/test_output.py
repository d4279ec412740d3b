"""Outputs and temporary files: a full disk is NoRoom, and named [A-207]."""

import errno
import tempfile
from pathlib import Path

import pytest

from bundle.errors import InputError, NoRoom
from bundle.host.output import OUTPUT, WORK, full_temporary_disk, temporary_directory

FULL = OSError(errno.ENOSPC, "No space left on device")


def test_errors_of_the_file_system_become_a_sentence(tmp_path: Path) -> None:
    """[A-207]"""
    for storage in (OUTPUT, WORK):
        with (
            pytest.raises(NoRoom, match=r"b\.unrep: no space left on its file system"),
            storage.errors(Path("b.unrep")),
        ):
            raise FULL
    with pytest.raises(InputError, match="b: cannot be written: Permission denied"), OUTPUT.errors(Path("b")):
        raise OSError(errno.EACCES, "Permission denied")


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
