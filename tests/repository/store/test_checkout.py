"""[P-18] A release as a directory again: whole, or not there."""

from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from bundle.read.tree import scan
from repository.errors import Damaged, ReleaseRefused
from repository.store.checkout import check_out
from tests.support.contents.repositories import Ashore


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    made = Ashore(tmp_path)
    made.release(0)
    return made


def out(ashore: Ashore, directory: Path) -> None:
    manifest = ashore.store.manifest(scan(ashore.source(0)).tree_hash)
    check_out(ashore.store, manifest, directory, Quiet())


@pytest.mark.parametrize("is_there", [False, True])
def test_it_stands_in_a_new_or_empty_directory(ashore: Ashore, is_there: bool) -> None:
    if is_there:
        (ashore.root / "out").mkdir()
    out(ashore, ashore.root / "out")
    assert scan(ashore.root / "out") == scan(ashore.source(0))
    assert not [path for path in ashore.root.iterdir() if path.name.startswith(".")]


def test_nothing_is_written_over(ashore: Ashore) -> None:
    (ashore.root / "out").mkdir()
    (ashore.root / "out/thesis.txt").touch()
    (ashore.root / "file").touch()
    for name in ("out", "file"):
        with pytest.raises(ReleaseRefused, match="is there and not empty"):
            out(ashore, ashore.root / name)
    with pytest.raises(ReleaseRefused, match="nowhere: no such directory"):
        out(ashore, ashore.root / "nowhere/out")
    assert (ashore.root / "out/thesis.txt").exists()


def test_nothing_stands_there_after_an_error(ashore: Ashore) -> None:
    path = ashore.store.path(scan(ashore.source(0)).entry(3).hash)
    path.write_bytes(b"damaged")
    with pytest.raises(Damaged):
        out(ashore, ashore.root / "out")
    assert not (ashore.root / "out").exists()
    assert not [path for path in ashore.root.iterdir() if path.name.startswith(".")]
