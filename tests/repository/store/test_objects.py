"""[P-4] Objects stand under their hashes whole, or not at all."""

import errno
from hashlib import sha256
from pathlib import Path

import pytest

from bundle.errors import Corrupt
from bundle.host import directories
from bundle.host.progress import Quiet
from bundle.read.tree import DirectoryBase, scan
from repository.errors import Damaged, StorageFailed
from repository.store.objects import objects_of
from tests.support.contents.repositories import TEXT, Ashore


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    return Ashore(tmp_path)


def tree(ashore: Ashore, number: int) -> DirectoryBase:
    source = ashore.source(number)
    return DirectoryBase(source, scan(source))


def test_equal_contents_are_stored_once(ashore: Ashore) -> None:
    assert ashore.store.add_directory(tree(ashore, 0), Quiet()) == 3
    assert ashore.store.add_directory(tree(ashore, 1), Quiet()) == 2, "one of them is in both"
    assert ashore.store.add_directory(tree(ashore, 1), Quiet()) == 0
    paths = [path for path in (ashore.root / "repo/objects").rglob("*") if path.is_file()]
    assert len(paths) == 5 and all(path.parent.name == path.name[:2] for path in paths)
    manifest = tree(ashore, 1).manifest
    assert ashore.store.manifest(manifest.tree_hash) == manifest
    assert all(ashore.store.is_sound(*item) for item in objects_of(manifest).items())


def test_other_bytes_than_the_name_says_are_not_taken(ashore: Ashore) -> None:
    digest = sha256(TEXT).digest()
    for wrong in (TEXT[:-1], TEXT + b"!", TEXT[::-1], b""):
        with pytest.raises(Corrupt), ashore.store.intake() as intake:
            intake.put(digest, len(TEXT), [wrong])
        assert not ashore.store.has(digest) and not ashore.repository.incoming.exists()
    with ashore.store.intake() as intake:
        intake.put(digest, len(TEXT), [TEXT[:100], TEXT[100:]])
    assert b"".join(ashore.store.read(digest, len(TEXT))) == TEXT


def test_a_run_that_is_killed_leaves_no_manifest_without_its_objects(
    ashore: Ashore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = directories.Directory.move, iter(range(99))

    def killed(self: directories.Directory, name: str, into: directories.Directory, new_name: str) -> None:
        if next(count) == 1:
            raise KeyboardInterrupt
        real(self, name, into, new_name)

    base = tree(ashore, 0)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(directories.Directory, "move", killed)
        ashore.store.add_directory(base, Quiet())
    assert not ashore.store.has_tree(base.manifest.tree_hash) and ashore.verify().faults == []
    assert ashore.store.add_directory(base, Quiet()) == 2 and ashore.verify().objects == 3


def test_what_a_killed_run_left_on_its_way_goes(ashore: Ashore) -> None:
    ashore.repository.incoming.mkdir()
    (ashore.repository.incoming / "half").write_bytes(b"x")
    ashore.store.add_directory(tree(ashore, 0), Quiet())
    assert not ashore.repository.incoming.exists()


def test_what_cannot_be_read_is_named(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Damaged, match=r"is missing; 'unrep repo import' of that release"):
        list(ashore.store.read(bytes(32), 7))
    with pytest.raises(Damaged, match="is missing"):
        ashore.store.manifest(bytes(32))

    def failing(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr("repository.store.objects.open_plain", failing)
    with pytest.raises(StorageFailed, match="Input/output error"):
        list(ashore.store.read(bytes(32), 7))
