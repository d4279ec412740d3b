"""What a channel file says of a bundle, and how its counter goes on."""

from bundle.read.reader import stored_bytes
from tests.support.contents.tiny_bundle import Shape, tiny_bundle, tree_hash
from transfer.channels.channel import ChannelBase, ChannelBundle, next_counter, sorted_bundles


def test_a_bundle_is_described_from_its_header_alone() -> None:
    """[T-140]"""
    bundle = tiny_bundle(Shape(full_bytes=50_000, delta_bytes={"old": 900, "older": 9000}))
    found, verified = ChannelBundle.of(bundle.verified, "a.unrep"), bundle.verified
    costs = [verified.header_bytes + stored_bytes(bundle.root, section) for section in bundle.root.sections]
    assert (found.file, found.length, found.root) == ("a.unrep", len(bundle.data), verified.root_hash)
    assert found.release.tree == tree_hash("1.0.1") and found.release.mark == (0, 2)
    assert found.bases == [ChannelBase(tree_hash("old")[:8], costs[0]), ChannelBase(tree_hash("older")[:8], costs[1])]
    assert (found.full, found.room) == (costs[2], bundle.root.size)


def test_one_without_a_full_section_costs_nothing_in_full() -> None:
    """[T-140]"""
    assert ChannelBundle.of(tiny_bundle(Shape(delta_bytes={"old": 900})).verified, "a").full == 0


def test_bundles_stand_with_the_newest_first() -> None:
    """[T-139]"""
    shapes = (("a", 1, 0), ("b", 9, 0), ("d", 2, 1), ("c", 2, 1))
    bundles = [
        ChannelBundle.of(tiny_bundle(Shape(seq=seq, epoch=epoch, full_bytes=100)).verified, name)
        for name, seq, epoch in shapes
    ]
    assert [bundle.file for bundle in sorted_bundles(bundles)] == ["c", "d", "b", "a"]


def test_a_counter_grows_and_keeps_up_with_the_time() -> None:
    """[T-141]"""
    assert next_counter(0, 1_800_000_000.5) == 1_800_000_000
    assert next_counter(1_800_000_000, 1_800_000_000.9) == 1_800_000_001
    assert next_counter(1_900_000_000, 5.0) == 1_900_000_001
