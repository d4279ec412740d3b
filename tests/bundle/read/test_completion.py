"""Hashes of what was made, and the manifest that they complete: bundle.read.completion."""

from hashlib import sha256

import pytest

from bundle.errors import Corrupt
from bundle.format.manifest import Entry, Kind, TreeManifest, is_label
from bundle.format.root import Root
from bundle.read.completion import Completion

CONTENTS = {"a": b"one", "b": b"two", "c": b"one", "d": b""}
ENTRIES = [Entry(path, Kind.FILE, len(data), sha256(data).digest()) for path, data in CONTENTS.items()]
MANIFEST = TreeManifest.of(ENTRIES, "any")
ROOT = Root(
    format=1,
    product="vms",
    version="1",
    seq=1,
    created=0,
    tree=MANIFEST.tree_hash,
    manifest_size=len(MANIFEST.encoded),
    entries=4,
    size=9,
    piece_log=12,
    sections=[],
)


@pytest.fixture
def completion() -> Completion:
    """Of a section that makes a, and with it c."""
    return Completion(ROOT, TreeManifest.of_draft(MANIFEST.draft({1}), {1}, "any"))


def test_what_was_made_completes_the_manifest(completion: Completion) -> None:
    """[F-101]: the same content elsewhere gets its hash, too."""
    assert [is_label(entry.hash) for entry in completion.draft.entries] == [True, False, True, False]
    completion.put(1, sha256(b"one").digest())
    assert completion.digest(1) == sha256(b"one").digest()
    assert completion.manifest().encoded == MANIFEST.encoded
    assert list(completion.manifest().entries) == ENTRIES


@pytest.mark.parametrize("made", [b"One", None])
def test_another_object_or_none_is_another_release(completion: Completion, made: bytes | None) -> None:
    """[F-37]"""
    if made:
        completion.put(1, sha256(made).digest())
    with pytest.raises(Corrupt, match="another tree hash than the signed one"):
        completion.manifest()
    completion.put(1, sha256(b"one").digest())
    assert completion.manifest().tree_hash == ROOT.tree, "what is made again counts"
