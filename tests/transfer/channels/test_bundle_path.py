"""The way that is chosen: by what is paid for, over steps, and what is said where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle, tree_hash
from transfer.channels.bundle_path import BundlePath, all_paths, find_path, spoken
from transfer.channels.channel import ChannelBundle, ChannelRelease
from transfer.channels.medium import FoundBundle
from transfer.channels.offers import Offer
from transfer.errors import ConsentNeeded, NothingLeads
from transfer.plan import SiteHoldings

A_B = tiny_bundle(Shape("b", 2, delta_bytes={"a": 5000}))
B_C = tiny_bundle(Shape("c", 3, delta_bytes={"b": 6000}))
A_C = tiny_bundle(Shape("c", 3, delta_bytes={"a": 50_000}), seed=2)
FULL_C = tiny_bundle(Shape("c", 3, full_bytes=400_000), seed=3)
C = ChannelRelease.of(B_C.root)
AT_A = SiteHoldings((tree_hash("a"),), is_empty=False, version="1.0.0")


def linked(bundle: TinyBundle) -> Offer:
    """As a channel file at a server says it."""
    name = f"{bundle.root.version}-{len(bundle.data)}.unrep"
    return Offer("vms", ChannelBundle.of(bundle.verified, name), (f"http://shore/{name}",))


def on_stick(bundle: TinyBundle) -> Offer:
    whole = (0, len(bundle.data) - len(bundle.header))
    return Offer.on_medium(FoundBundle(bundle.verified, (Path("stick/b"),), (whole,)))


def versions(path: BundlePath) -> list[tuple[str, bytes | None]]:
    return [(step.offer.said.release.version, step.base) for step in path.steps]


ALL = [linked(bundle) for bundle in (A_B, B_C, A_C, FULL_C)]


def test_steps_where_they_are_cheaper() -> None:
    """[T-143]"""
    path = find_path(ALL, AT_A, C, allow_full=False)
    assert versions(path) == [("b", tree_hash("a")), ("c", tree_hash("b"))]
    assert path.bytes == path.paid_bytes == ALL[0].said.bases[0].bytes + ALL[1].said.bases[0].bytes
    assert [step.is_first for step in path.steps] == [True, False]
    assert path.room == A_B.root.size + B_C.root.size


def test_what_lies_on_a_stick_costs_nothing() -> None:
    """[T-143]: even the full release, without a yes [T-6]."""
    assert versions(find_path([*ALL, on_stick(A_C)], AT_A, C, False)) == [("c", tree_hash("a"))]
    path = find_path([*ALL, on_stick(FULL_C)], AT_A, C, False)
    assert versions(path) == [("c", None)] and path.paid_bytes == 0 and not path.needs_full
    mixed = find_path([on_stick(A_B), linked(B_C)], AT_A, C, False)
    assert versions(mixed) == [("b", tree_hash("a")), ("c", tree_hash("b"))]
    assert 0 < mixed.paid_bytes < mixed.bytes


def test_the_full_release_over_a_link_needs_a_yes() -> None:
    """[T-6], [T-143]"""
    with pytest.raises(ConsentNeeded, match=r"from 1\.0\.0 .* only the full release leads to c"):
        find_path([ALL[3], ALL[1]], AT_A, C, False)
    assert find_path([ALL[3]], AT_A, C, True).needs_full
    assert versions(find_path(ALL, SiteHoldings((), is_empty=True), C, False)) == [("c", None)]


def test_from_any_tree_that_is_held_and_none_for_one_that_is() -> None:
    """[T-143], [A-9]"""
    both = replace(AT_A, trees=(tree_hash("a"), tree_hash("b")))
    assert versions(find_path(ALL, both, C, False)) == [("c", tree_hash("b"))]
    held = find_path(ALL, replace(AT_A, trees=(tree_hash("c"),)), C, False)
    assert held.bytes == 0 and held.steps[0].is_held


def test_what_is_left_of_a_damaged_release_counts_where_nothing_else_does() -> None:
    """[T-40]"""
    asked = []
    damaged = replace(AT_A, trees=(tree_hash("x"),), left=lambda: asked.append(1) or [tree_hash("a")])  # type: ignore[func-returns-value]
    assert find_path(ALL, damaged, C, False).steps[0].base == tree_hash("a") and asked
    assert find_path(ALL, replace(damaged, trees=(tree_hash("b"),)), C, False).steps and len(asked) == 1


def test_a_dead_end_is_told_so_that_it_can_be_read_over_a_telephone() -> None:
    """[A-131]"""
    digits = tree_hash("a").hex()
    sentence = f"have shore send c (seq 3) from base 1.0.0 (tree {digits[:4]} {digits[4:8]})"
    with pytest.raises(NothingLeads) as raised:
        find_path([ALL[1], linked(tiny_bundle(Shape("b", 2, delta_bytes={"c": 10})))], AT_A, C, True)
    assert sentence in str(raised.value) and "\n" not in str(raised.value)
    assert spoken(bytes.fromhex("00ff12ab") + bytes(28)) == "00ff 12ab"


def test_every_way_with_its_cost() -> None:
    """[T-150]"""
    ways = all_paths(ALL, AT_A, C)
    assert [len(way.steps) for way in ways] == [2, 1, 1] and [way.needs_full for way in ways] == [False, False, True]
    assert [way.paid_bytes for way in ways] == sorted(way.paid_bytes for way in ways)
    assert ways[0] == find_path(ALL, AT_A, C, False)
    assert ways[0].describe() == "a delta of b, then deltas to c"
