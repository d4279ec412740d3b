"""[P-1] A new repository: in a new or empty directory, whole or to be made again."""

from pathlib import Path

import pytest

from repository.beginning import begin
from repository.errors import NotARepository, SettingsRefused
from repository.layout import Repository
from repository.settings import first_settings

TEXT = first_settings("vms", "any", {"key": "k.key"}, [])


def test_it_is_one_then(tmp_path: Path) -> None:
    begin(tmp_path / "repo", TEXT)
    assert Repository.at(tmp_path / "repo").root == tmp_path / "repo"


def test_one_that_is_there_is_left_alone(tmp_path: Path) -> None:
    begin(tmp_path, TEXT)
    with pytest.raises(NotARepository, match="is a repository already"):
        begin(tmp_path, TEXT)


def test_a_directory_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(NotARepository, match="is there and not empty"):
        begin(tmp_path, TEXT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_call_that_was_killed_is_made_again(tmp_path: Path) -> None:
    begin(tmp_path, TEXT)
    (tmp_path / "repo.toml").rename(tmp_path / "repo.toml.new")
    (tmp_path / "repo.db").write_bytes(b"half")
    begin(tmp_path, TEXT)
    assert Repository.at(tmp_path)


def test_bad_settings_make_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="product"):
        begin(tmp_path / "repo", TEXT.replace('"vms"', '"v/s"'))
    with pytest.raises(NotARepository):
        Repository.at(tmp_path / "repo")
    begin(tmp_path / "repo", TEXT)
