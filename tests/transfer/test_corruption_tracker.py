"""Whose fault damaged pieces are, and how far a source is trusted."""

import pytest

from transfer.corruption_tracker import CorruptionTracker
from transfer.errors import Incomplete, SourceCorrupt


def test_a_source_is_proven_by_a_good_piece_and_not_after_a_damaged_one() -> None:
    """[T-91]"""
    tracker = CorruptionTracker("mirror", 5)
    assert not tracker.is_proven and not tracker.bad_offsets
    tracker.add_good()
    assert tracker.is_proven
    tracker.add_damaged(4096, b"wrong")
    assert not tracker.is_proven and list(tracker.bad_offsets) == [4096]


def test_the_same_damage_twice_is_the_sources() -> None:
    """[T-25]"""
    tracker = CorruptionTracker("mirror", 5)
    tracker.add_damaged(0, b"wrong")
    tracker.add_damaged(8, b"wrong")  # another piece
    with pytest.raises(SourceCorrupt, match=r"mirror: bytes 0 to 4 .* the same twice"):
        tracker.add_damaged(0, b"wrong")


def test_different_damage_each_time_is_the_links() -> None:
    """[T-25]"""
    tracker = CorruptionTracker("mirror", 3)
    tracker.add_damaged(0, b"a")
    tracker.add_damaged(0, b"b")
    with pytest.raises(Incomplete, match="3 times, differently each time"):
        tracker.add_damaged(0, b"c")


@pytest.mark.parametrize(("good_between", "is_distrusted"), [(0, True), (1, False), (8, False)])
def test_three_damaged_pieces_in_a_row_are_too_many(good_between: int, is_distrusted: bool) -> None:
    """[T-91]: 8 points each, and one back for a good piece; 24 are too many."""
    tracker = CorruptionTracker("mirror", 5)
    for number in range(3):
        for _ in range(good_between):
            tracker.add_good()
        assert not tracker.is_distrusted
        tracker.add_damaged(number, b"wrong")
    assert tracker.is_distrusted == is_distrusted
