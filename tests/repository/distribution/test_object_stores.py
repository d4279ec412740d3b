"""[P-12] Destinations that are no directories: whatever has a file system in fsspec, and a directory beside it."""

import json
import uuid
from pathlib import Path

import pytest

from repository.errors import ReleaseRefused
from tests.support.contents.repositories import Ashore
from transfer.channels.signing import read_unverified
from transfer.errors import OutputRefused
from transfer.publishing.object_store import ObjectStoreBackend

fsspec = pytest.importorskip("fsspec", reason="the extra unrep[publish] is not installed")


def test_a_store_and_a_directory_at_once(tmp_path: Path) -> None:
    ashore, url = Ashore(tmp_path), f"memory://{uuid.uuid4()}/vms"
    ashore.settle(f"destinations = {json.dumps([str(ashore.root / 'www'), url])}\nreleases = 1")
    for number in range(3):
        ashore.release(number)
    store = ObjectStoreBackend(url)
    data = store.read("stable.channel", 20_000)
    assert data and read_unverified(data) == ashore.channel()
    for name in ashore.published():
        assert store.read(name, 1 << 20) == (ashore.root / "www" / name).read_bytes()
    gone = ashore.published()
    ashore.prune()
    gone -= ashore.published()
    assert len(gone) == 2 and not any(store.length_of(name) for name in gone)


def test_a_store_that_is_none_is_named_before_anything_is_built(tmp_path: Path) -> None:
    ashore = Ashore(tmp_path)
    ashore.settle('destinations = ["nonsense://bucket/vms"]')
    with pytest.raises(OutputRefused, match="nonsense://bucket/vms: cannot be opened"):
        ashore.release(0)
    with pytest.raises(ReleaseRefused):
        ashore.release(0, channel="beta")
