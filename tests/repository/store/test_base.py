"""A tree of the store as a base of a build: small objects where they stand, large ones unpacked once."""

from pathlib import Path

import pytest

from bundle.errors import BaseMismatch, InputError
from bundle.format.contents import Compressed, read_content
from bundle.format.objects import read_all
from bundle.host.progress import Quiet
from bundle.read.tree import DirectoryBase, scan
from repository.store import base as base_module
from repository.store.base import StoredTree, stored_trees
from tests.support.contents.repositories import Ashore


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    made = Ashore(tmp_path)
    source = made.source(0)
    made.store.add_directory(DirectoryBase(source, scan(source)), Quiet())
    return made


def contents(tree: StoredTree) -> list[bytes]:
    places = range(1, len(tree.manifest.entries) + 1)
    assert [b"".join(read_all(tree.open(place))) for place in places] == [
        read_content(tree.content(place)) for place in places
    ]
    return [read_content(tree.content(place)) for place in places]


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_its_objects_are_those_of_the_directory(ashore: Ashore, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """[P-9]"""
    monkeypatch.setattr(base_module, "IN_MEMORY_BYTES", limit)
    manifest = scan(ashore.source(0))
    with stored_trees(ashore.store, {manifest.tree_hash: "1.0.0"}) as (tree,):
        assert tree.name == "1.0.0" and tree.manifest == manifest
        assert contents(tree) == [(ashore.source(0) / entry.path).read_bytes() for entry in manifest.entries]
        assert isinstance(tree.content(1), Path if limit == 0 else Compressed)


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_damage_is_found(ashore: Ashore, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """[P-3]"""
    monkeypatch.setattr(base_module, "IN_MEMORY_BYTES", limit)
    manifest = scan(ashore.source(0))
    path = ashore.store.path(manifest.entry(1).hash)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with stored_trees(ashore.store, {manifest.tree_hash: "1.0.0"}) as (tree,):
        with pytest.raises(BaseMismatch, match=path.name):
            tree.open(1)
        with pytest.raises(InputError, match=path.name):
            read_content(tree.content(1))
