"""Copies of what the base has: hashed, never longer than signed, holes as holes [A-19], [A-124]."""

import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from apply.errors import BaseDrifted
from apply.rebuild.copies import BATCH, Copies, Copying
from apply.rebuild.writing import CHUNK_BYTES
from bundle.format.manifest import TreeManifest
from bundle.host.blocks import Sharing
from bundle.read.tree import DirectoryBase, scan
from tests.support.sites.site import QUIET


def unshared() -> Sharing:
    sharing = Sharing()
    sharing.possible = False
    return sharing


def copied(base: Path, manifest: TreeManifest, tree: Path) -> Path:
    copies = Copies(manifest)
    for place in range(1, len(manifest.entries) + 1):
        copies.add(place, place)
    tree.mkdir()
    with Copying(tree, unshared()) as copying:
        copying.begin(copies, DirectoryBase(base, manifest))
        copying.gather(QUIET)
    return tree


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_sizes_about_a_chunk(base: Path, tmp_path: Path, size: int) -> None:
    (base / "a").write_bytes(b"x" * size)
    tree = copied(base, scan(base), tmp_path / "tree")
    assert (tree / "a").read_bytes() == b"x" * size


def test_more_files_than_a_batch(base: Path, tmp_path: Path) -> None:
    for number in range(2 * BATCH + 3):
        (base / f"{number}").write_text(f"{number}")
    assert scan(copied(base, scan(base), tmp_path / "tree")) == scan(base)


@pytest.mark.parametrize("size", [5, CHUNK_BYTES, CHUNK_BYTES + 5])
@pytest.mark.parametrize("by", [-1, 1, 3 * CHUNK_BYTES])
def test_one_that_shrank_or_grew(base: Path, tmp_path: Path, size: int, by: int) -> None:
    """Nothing beyond the signed size is written."""
    (base / "a").write_bytes(b"x" * size)
    manifest = scan(base)
    (base / "a").write_bytes(b"x" * (size + by))
    with pytest.raises(BaseDrifted, match="a: has changed"):
        copied(base, manifest, tmp_path / "tree")
    assert (tmp_path / "tree" / "a").stat().st_size <= size


@pytest.mark.skipif(os.name == "nt", reason="NTFS fills what is passed over")
def test_a_sparse_file_stays_sparse(base: Path, tmp_path: Path) -> None:
    with (base / "a").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"in the middle")
    tree = copied(base, scan(base), tmp_path / "tree")
    assert (tree / "a").stat().st_blocks * 512 < 1 << 20
    assert sha256((tree / "a").read_bytes()).digest() == scan(base).entries[0].hash


def test_no_clone_of_what_has_another_size(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone takes all that the source has, at once."""
    (base / "a").write_bytes(b"x")
    manifest = scan(base)
    (base / "a").write_bytes(b"xx")

    def never(_: Sharing, source: BinaryIO, written: BinaryIO) -> bool:
        raise AssertionError("cloned")

    monkeypatch.setattr(Sharing, "whole", never)
    copies = Copies(manifest)
    copies.add(1, 1)
    sharing, tree = Sharing(), tmp_path / "tree"
    sharing.possible = True
    tree.mkdir()
    with Copying(tree, sharing) as copying, pytest.raises(BaseDrifted, match="a: has changed"):
        copying.begin(copies, DirectoryBase(base, manifest))
        copying.gather(QUIET)
