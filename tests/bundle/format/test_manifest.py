"""The tree manifest: bundle.format.manifest."""

import tracemalloc
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.manifest import (
    EMPTY_HASH,
    Entry,
    Kind,
    TreeManifest,
    check_link_target,
    label_of,
)


def entry(path: str, content: bytes = b"x", kind: Kind = Kind.FILE) -> Entry:
    return Entry(path, kind, len(content), sha256(content).digest())


ENTRIES = [
    entry("b.txt", b"two"),
    entry("a/run", b"one", Kind.EXECUTABLE),
    entry("empty.txt", b""),
    entry("nothing", b"", Kind.EMPTY_DIRECTORY),
    entry("copy.txt", b"two"),
]


def encoded(**changes: Any) -> bytes:
    """A manifest of two files as bytes, with columns exchanged."""
    columns: dict[str, Any] = {
        "tree": 1,
        "paths": ["a", "b"],
        "kinds": bytes(2),
        "sizes": [1, 1],
        "hashes": sha256(b"x").digest() + sha256(b"y").digest(),
    }
    return canonical.encode(columns | changes)


def test_it_is_the_same_whatever_the_order() -> None:
    """[F-11], [F-13]"""
    manifest = TreeManifest.of(ENTRIES, "any")
    assert [found.path for found in manifest.entries] == ["a/run", "b.txt", "copy.txt", "empty.txt", "nothing"]
    assert TreeManifest.of(ENTRIES[::-1], "any").encoded == manifest.encoded
    assert TreeManifest.decode(manifest.encoded, "any") == manifest
    assert manifest.tree_hash == sha256(manifest.encoded).digest()
    assert manifest.size == 9


def test_its_bytes() -> None:
    """[F-11], [F-12]: columns, kinds one byte each, hashes 32."""
    manifest = TreeManifest.of([entry("a"), entry("b", b"y", Kind.EXECUTABLE)], "any")
    head = b"\x85\xa4tree\x01\xa5paths\x92\xa1a\xa1b\xa5kinds\xc4\x02\x00\x01\xa5sizes\x92\x01\x01\xa6hashes\xc4\x40"
    assert manifest.encoded == head + sha256(b"x").digest() + sha256(b"y").digest()


def test_paths_ascend_by_code_point() -> None:
    """[F-13]: not by UTF-16 unit, where these two are the other way round."""
    manifest = TreeManifest.of([entry("\U0001f6a2"), entry("\uff21", b"y")], "any")
    assert [found.path for found in manifest.entries] == ["\uff21", "\U0001f6a2"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tree": 2}, "version 2"),
        ({"paths": ["b", "a"]}, "sorted"),
        ({"paths": ["a", "a"]}, "twice"),
        ({"paths": ["a"]}, "differ in length"),
        ({"kinds": bytes(1)}, "differ in length"),
        ({"sizes": [1, 1, 1]}, "differ in length"),
        ({"hashes": bytes(63)}, "differ in length"),
        ({"hashes": bytes(96)}, "differ in length"),
        ({"kinds": b"\0\4"}, "kind 4 is unknown"),
        ({"sizes": [1, -1]}, "size -1"),
        ({"sizes": [1, 1 << 53]}, "size 9007199254740992"),
        ({"sizes": [0, 1]}, "does not go with its hash"),
        ({"hashes": EMPTY_HASH + sha256(b"y").digest()}, "does not go with its hash"),
        ({"kinds": b"\0\2"}, "empty directory"),
        ({"kinds": b"\0\3"}, "symbolic links need"),
        ({"paths": ["a", "a/b"]}, "parent"),
        ({"paths": ["A", "a"]}, "letter case"),
        ({"paths": ["a", "nul"]}, "device"),
        ({"paths": ["../x", "a"]}, r"'\.\.'"),
        ({"x": 1}, "unknown field"),
        ({"sizes": [1, True]}, "int"),
        ({"sizes": [1, 1.0]}, "canonical|int"),
    ],
)
def test_every_broken_rule_is_named(changes: dict[str, Any], word: str) -> None:
    """[F-11], [F-12], [F-13], [F-14], [F-15], [F-16], [F-17], [F-18], [F-19]"""
    TreeManifest.decode(encoded(), "any")
    with pytest.raises(Malformed, match=word):
        TreeManifest.decode(encoded(**changes), "any")


def test_a_manifest_has_a_limit_of_entries() -> None:
    """Seen before a list that long is made."""
    for column, word in (("paths", "more than 1,000,000"), ("sizes", r"length <= 1000000 - at `\$\.sizes`")):
        with pytest.raises(Malformed, match=word):
            TreeManifest.decode(encoded(**{column: [""] * 1_000_001}), "any")


def test_the_platform_decides() -> None:
    """[F-15], [F-16], [F-18]"""
    for entries in ([entry("aux")], [entry("A"), entry("a")], [entry("run", b"bin/run", Kind.SYMLINK)]):
        TreeManifest.of(entries, "posix")
        with pytest.raises(Malformed):
            TreeManifest.of(entries, "any")


def test_places_count_from_one_and_content_has_its_first() -> None:
    manifest = TreeManifest.of(ENTRIES, "any")
    assert manifest.entry(1).path == "a/run"
    assert manifest.places[sha256(b"two").digest()] == 2


def test_needed_is_new_content_once_each() -> None:
    """[F-31]"""
    manifest = TreeManifest.of(ENTRIES, "any")
    assert manifest.needed(None) == {1, 2}
    assert manifest.needed(TreeManifest.of([entry("elsewhere", b"two")], "any")) == {1}
    assert not manifest.needed(manifest)


@given(st.sets(st.integers(1, len(ENTRIES))))
def test_without_some_entries_it_is_what_the_others_make(gone: set[int]) -> None:
    """[F-61]"""
    manifest = TreeManifest.of(ENTRIES, "any")
    left = manifest.without(gone)
    assert left == TreeManifest.of([e for place, e in enumerate(manifest.entries, 1) if place not in gone], "any")
    assert list(left.entries) == [e for place, e in enumerate(manifest.entries, 1) if place not in gone]


@pytest.mark.parametrize("path", ["a\udc80", "a" * 70_000, "é" * 40_000])
def test_a_path_that_cannot_be_encoded_is_named(path: str) -> None:
    """[F-14]"""
    with pytest.raises(Malformed, match=r"^path '"):
        TreeManifest.of([entry(path)], "posix")


def test_the_target_of_a_link_is_text_that_stays_inside() -> None:
    """[F-12], [F-18]"""
    link = entry("a/run", b"../b", Kind.SYMLINK)
    assert check_link_target(link, b"../b") == "../b"
    with pytest.raises(Malformed, match="not UTF-8"):
        check_link_target(link, b"\xff")
    with pytest.raises(Malformed, match="leaves the release"):
        check_link_target(link, b"../../b")


def test_a_manifest_takes_few_bytes_an_entry() -> None:
    """Two of hundreds of thousands of entries stand in memory side by side aboard."""
    count = 20_000
    entries = [Entry(f"directory/file{at:08}", Kind.FILE, at + 1, sha256(b"%d" % at).digest()) for at in range(count)]
    encoded = TreeManifest.of(entries, "any").encoded
    del entries
    tracemalloc.start()
    try:
        manifest = TreeManifest.decode(encoded, "any")
        assert list(manifest.needed(None)) == list(range(1, count + 1))
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 70 * count and most < 160 * count
    assert manifest.entry(count).size == count and manifest.entries[-1].path == manifest.entries.paths[count - 1]


@pytest.mark.parametrize("made", [set(), {1}, {2}, {1, 2}])
def test_a_draft_has_no_hashes_of_what_is_made(made: set[int]) -> None:
    """[F-101]: b.txt is at place 2, and copy.txt at place 3 has the same content."""
    manifest = TreeManifest.of(ENTRIES, "any")
    draft = manifest.draft(made)
    assert len(draft) == len(manifest.encoded)
    read = TreeManifest.of_draft(draft, made, "any")
    hashes = [entry.hash for entry in manifest.entries]
    expected = [label_of(place) if place in made else digest for place, digest in enumerate(hashes, 1)]
    if 2 in made:
        expected[2] = label_of(2)
    assert [entry.hash for entry in read.entries] == expected
    assert read.needed(None) == manifest.needed(None)
    assert read.completed(b"".join(hashes)).encoded == manifest.encoded


def test_a_draft_repeats_the_hashes_of_the_base() -> None:
    """[F-101]: where it has the path. So a patch of the manifest copies them with those around them."""
    base = TreeManifest.of([entry("a", b"1"), entry("b", b"2"), entry("d", b"4")], "any")
    manifest = TreeManifest.of([entry("a", b"1"), entry("b", b"new"), entry("c", b"3"), entry("d", b"4")], "any")
    column = manifest.draft({2, 3}, base)[-4 * 32 :]
    assert column == b"".join(sha256(data).digest() for data in (b"1", b"2")) + bytes(32) + sha256(b"4").digest()
    read = TreeManifest.of_draft(manifest.draft({2, 3}, base), {2, 3}, "any")
    assert [one.hash for one in read.entries][1:3] == [label_of(2), label_of(3)]


def test_a_draft_of_which_too_much_is_made_is_refused() -> None:
    """[F-101]"""
    draft = TreeManifest.of(ENTRIES, "any").draft({1, 2})
    with pytest.raises(Malformed, match="place 9, which its release has not"):
        TreeManifest.of_draft(draft, {1, 9}, "any")
    short = bytearray(draft[:-32])
    short[-32 * (len(ENTRIES) - 1) - 1] -= 32
    with pytest.raises(Malformed, match="differ in length"):
        TreeManifest.of_draft(bytes(short), {1, len(ENTRIES)}, "any")


def test_what_is_on_record_is_the_same_manifest() -> None:
    """[A-213]: with the places of its contents, and without going through the rules."""
    manifest = TreeManifest.of(ENTRIES, "any")
    again = TreeManifest.on_record(manifest.encoded)
    assert list(again.entries) == list(manifest.entries) and again.tree_hash == manifest.tree_hash
    assert again.needed(None) == manifest.needed(None)
    with pytest.raises(Malformed, match="tree manifest: "):
        TreeManifest.on_record(manifest.encoded[:-1])
