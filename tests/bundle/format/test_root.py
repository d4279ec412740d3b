"""The root and its bounds: bundle.format.root."""

from typing import Any

import msgspec
import pytest

from bundle.archives.engines import ENGINE_FEATURES
from bundle.errors import Malformed, Unsupported
from bundle.format import canonical
from bundle.format.codecs import Packed
from bundle.format.root import MAX_INDEX_BYTES, Root, Section, decode_root

FULL = Section(stored=5000, content=bytes(32), index=Packed(0, 100, 100))
DELTA = Section(stored=300, content=b"\1" * 32, index=Packed(44, 100, 200), base=b"\2" * 32)
INNER = Section(stored=0, content=b"\4" * 150, index=Packed(44, 100, 200), base=b"\5" * 32)
ROOT = Root(
    format=1,
    product="vms",
    version="1.0.1",
    seq=2,
    created=1_700_000_000,
    tree=b"\3" * 32,
    manifest_size=1000,
    entries=10,
    size=12345,
    piece_log=12,
    sections=[DELTA, INNER, FULL],
)


def root(**changes: Any) -> bytes:
    return canonical.encode(msgspec.structs.replace(ROOT, **changes))


def with_section(section: Section, **changes: Any) -> bytes:
    return root(sections=[msgspec.structs.replace(section, **changes)])


def test_a_sound_one_is_read() -> None:
    """[F-5]"""
    assert decode_root(root()) == ROOT
    assert decode_root(root(epoch=7, features=[], sections=[])).epoch == 7
    first = [1, [], "vms", "1.0.1", 0, 2, 1_700_000_000, b"\3" * 32, 1000, 10, 12345, 12]
    assert msgspec.msgpack.decode(root())[:-1] == first
    assert (ROOT.platform, ROOT.piece_size) == ("any", 4096)
    assert decode_root(root(features=["posix-1"])).platform == "posix"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"product": ""}, "product"),
        ({"product": "x" * 65}, "product"),
        ({"product": "-x"}, "product"),
        ({"product": "a b"}, "product"),
        ({"product": "\u00e9"}, "product"),
        ({"product": "vms\n"}, "product"),
        ({"version": "1."}, "version"),
        ({"version": "../1"}, "version"),
        ({"version": "NUL"}, "version"),
        ({"seq": 0}, "seq"),
        ({"seq": 1 << 53}, "seq"),
        ({"epoch": -1}, "epoch"),
        ({"epoch": 1 << 53}, "epoch"),
        ({"created": -1}, "created"),
        ({"created": 1 << 53}, "created"),
        ({"tree": bytes(31)}, "tree"),
        ({"tree": bytes(33)}, "tree"),
        ({"manifest_size": 0}, "manifest_size"),
        ({"manifest_size": (256 << 20) + 1}, "manifest_size"),
        ({"entries": -1}, "entries"),
        ({"entries": 1_000_001}, "entries"),
        ({"size": -1}, "size"),
        ({"size": 1 << 53}, "size"),
        ({"piece_log": 11}, "piece_log"),
        ({"piece_log": 23}, "piece_log"),
        ({"sections": [FULL, FULL]}, "two sections"),
        ({"sections": [DELTA, msgspec.structs.replace(DELTA, stored=7000)]}, "two sections"),
    ],
)
def test_values_out_of_bounds_are_named(changes: dict[str, Any], word: str) -> None:
    """[F-5], [F-7], [F-9]"""
    with pytest.raises(Malformed, match=word):
        decode_root(root(**changes))


@pytest.mark.parametrize(
    ("section", "changes", "word"),
    [
        (INNER, {"content": b""}, "a body of 0 bytes"),
        (INNER, {"content": bytes(4097)}, "a body of 4097 bytes"),
        (FULL, {"stored": -1}, "length -1"),
        (FULL, {"stored": 1 << 53}, "length"),
        (FULL, {"content": bytes(31)}, "hash"),
        (DELTA, {"base": bytes(31)}, "base"),
        (FULL, {"features": ["b", "a"]}, "features"),
        (FULL, {"features": ["a", "a"]}, "features"),
        (FULL, {"index": Packed(2, 100, 100)}, "codec 2"),
        (FULL, {"index": Packed(0, 100, 99)}, "index"),
        (FULL, {"index": Packed(1, 5001, 6000)}, "index is longer"),
        (FULL, {"index": Packed(1, 100, MAX_INDEX_BYTES + 1)}, "index of"),
    ],
)
def test_sections_out_of_bounds_are_named(section: Section, changes: dict[str, Any], word: str) -> None:
    """[F-5], [F-9]"""
    with pytest.raises(Malformed, match=f"section 0.*{word}"):
        decode_root(with_section(section, **changes))


@pytest.mark.parametrize(
    "changes", [{"manifest_size": 256 << 20}, {"entries": 1_000_000}, {"piece_log": 22}, {"seq": 2**53 - 1}]
)
def test_the_bounds_themselves_are_fine(changes: dict[str, Any]) -> None:
    """[F-5]"""
    decode_root(root(**changes))


def test_what_this_reader_does_not_know_is_named_first() -> None:
    """[F-8]: a later root may have fields that mean nothing to us; its format and features are still read."""
    for begins, word in (([2, []], "format 2"), ([1, ["sealed", "chain"]], "'chain'")):
        later = canonical.encode([*begins, {"later": 1}])
        with pytest.raises(Unsupported, match=word):
            decode_root(later)


def test_only_sections_that_can_be_used_are_offered() -> None:
    """[F-8]"""
    later = msgspec.structs.replace(FULL, features=["later"])
    found = decode_root(root(sections=[DELTA, later]))
    assert found.delta_section(DELTA.base, ENGINE_FEATURES) == DELTA
    assert found.delta_section(bytes(32), ENGINE_FEATURES) is None
    assert found.full_section(ENGINE_FEATURES) is None and found.bases() == [DELTA.base]
    assert decode_root(root(sections=[later, FULL])).full_section(ENGINE_FEATURES) == FULL
    assert found.delta_section(b"", ENGINE_FEATURES) is None


@pytest.mark.parametrize("feature", sorted(ENGINE_FEATURES))
def test_a_section_needs_the_engines_that_it_names(feature: str) -> None:
    """[F-8], [F-45]"""
    full, delta = (decode_root(with_section(section, features=[feature])) for section in (FULL, DELTA))
    for engines in (ENGINE_FEATURES, frozenset({feature}), ENGINE_FEATURES - {feature}, frozenset[str]()):
        assert (full.full_section(engines) is not None) == (feature in engines)
        assert (delta.delta_section(DELTA.base, engines) is not None) == (feature in engines)


def test_offsets_follow_from_lengths() -> None:
    """[F-6]"""
    assert ROOT.offset_of(DELTA) == 0
    assert ROOT.offset_of(FULL) == 300
    assert ROOT.sections_bytes == 300 + 64 + 5000


def test_a_body_in_the_root_takes_nothing_behind_it() -> None:
    """[F-100]"""
    assert (INNER.length, INNER.is_inner, DELTA.is_inner) == (150, True, False)
    assert ROOT.offset_of(INNER) == 300
