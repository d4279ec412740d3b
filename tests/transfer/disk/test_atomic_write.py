"""A file that appears whole or not at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer.disk.atomic_write import write_atomically


def test_it_is_there_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    """[T-50]"""
    write_atomically(tmp_path / "f", [b"one", b"two"])
    write_atomically(tmp_path / "f", [b"three"])
    assert (tmp_path / "f").read_bytes() == b"three" and list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_what_stops_it_leaves_what_was_there(tmp_path: Path) -> None:
    """[T-50]"""
    (tmp_path / "f").write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"new"
        assert (tmp_path / "f").read_bytes() == b"old" and (tmp_path / "f.part").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "f", chunks())
    assert (tmp_path / "f").read_bytes() == b"old" and list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_what_a_kill_left_is_written_over(tmp_path: Path) -> None:
    """[T-50]"""
    (tmp_path / "f.part").write_bytes(b"half of something longer")
    write_atomically(tmp_path / "f", [b"new"])
    assert (tmp_path / "f").read_bytes() == b"new" and list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_it_is_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-50]"""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("sync")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_atomically(tmp_path / "f", [b"new"])
    assert steps[:2] == ["sync", "rename"] and (os.name == "nt" or steps[2:] == ["sync"])
