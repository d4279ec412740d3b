"""A large file that changes in part: its other blocks stay those of the base [A-19], apply.rebuild.writing."""

import os
import sys
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import BinaryIO

import pytest

from apply.errors import BaseDrifted
from apply.rebuild.writing import write_beside
from bundle.format.manifest import Entry, Kind
from bundle.host.blocks import Sharing
from bundle.host.directories import Descent


def entry(data: bytes) -> Entry:
    return Entry("a", Kind.FILE, len(data), sha256(data).digest())


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "base").mkdir()
    (tmp_path / "tree").mkdir()
    return tmp_path / "base", tmp_path / "tree"


def beside(trees: tuple[Path, Path], data: bytes) -> bytes:
    base, tree = trees
    with Descent(tree) as into:
        write_beside(into, entry(data), iter([data]), lambda: entry(data).hash, base, Sharing())
    return (tree / "a").read_bytes()


@pytest.mark.parametrize("former", ["none", "shorter", "link"])
def test_whatever_the_base_has_there(trees: tuple[Path, Path], former: str) -> None:
    data = Random(1).randbytes(3_000_000)
    if former == "shorter":
        (trees[0] / "a").write_bytes(data[:1000])
    if former == "link":
        if os.name == "nt":
            pytest.skip("links need a privilege on Windows")
        (trees[0] / "a").symlink_to("/dev/zero")
    assert beside(trees, data) == data


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="blocks are shared on Linux alone")
def test_a_base_that_changes_just_then_is_noticed(trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data = Random(1).randbytes(3_000_000)
    (trees[0] / "a").write_bytes(data)

    def of_something_else(_: Sharing, source: BinaryIO, written: BinaryIO, start: int, length: int) -> bool:
        written.seek(start)
        written.write(b"x" * length)
        return True

    monkeypatch.setattr(Sharing, "stretch", of_something_else)
    monkeypatch.setattr(Sharing, "possible", True, raising=False)
    with pytest.raises(BaseDrifted, match="a: has changed"):
        beside(trees, data)
