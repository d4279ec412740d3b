"""Ranges that are handed out in the order of the file, and end with pieces."""

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from transfer.plan import FetchPlan
from transfer.scheduling.range_queue import RangeQueue, RequestLimits

BUNDLE = tiny_bundle(Shape(full_bytes=4096 * 300))  # two levels of tables, then the body
SLOTS = FetchPlan.of(BUNDLE.verified, BUNDLE.root.sections, fresh=True).slots
BODY = [slot for slot in SLOTS if not slot.is_table]


def of_pieces(*numbers: int) -> RangeQueue:
    """A queue for pieces of the body, all of whose tables are known."""
    queue = RangeQueue(BODY, 10**9)
    for number in numbers:
        queue.add(BODY[number].offset, BODY[number].offset + BODY[number].length)
    return queue


def test_neighbours_are_one_range() -> None:
    """[T-7]"""
    queue = RangeQueue()
    for start, end in ((10, 20), (30, 40), (20, 30), (50, 50)):
        queue.add(start, end)
    assert queue.left_bytes == 30 and queue.employable_connections(1000) == 1
    assert queue.take(1000) == (10, 40) and queue.take(1000) is None


def test_a_request_ends_with_a_piece() -> None:
    """[T-7]"""
    queue = of_pieces(0, 1, 2)
    first = BODY[0].offset
    assert queue.take(4097) == (first, first + 2 * 4096)
    assert queue.take(1) == (first + 2 * 4096, first + 3 * 4096)


def test_what_is_put_back_comes_first_from_the_very_next_byte() -> None:
    """[T-23]"""
    queue = of_pieces(0, 1, 2)
    start, end = queue.take(4096) or (0, 0)
    queue.add(start + 100, end)
    assert queue.take(1) == (start + 100, end)


@pytest.mark.parametrize(
    ("allowance", "is_last", "taken"), [(10_000, False, 8192), (4095, False, None), (4095, True, 4095), (0, True, None)]
)
def test_an_allowance_ends_in_a_piece_for_the_last_request_alone(
    allowance: int, is_last: bool, taken: int | None
) -> None:
    """[T-94]"""
    first = BODY[0].offset
    limits = RequestLimits(allowance_bytes=allowance, is_last=is_last)
    assert of_pieces(0, 1, 2).take(10**6, limits) == (taken and (first, first + taken))


def test_pieces_to_avoid_are_left_for_others() -> None:
    """[T-91]"""
    queue = of_pieces(0, 1, 2)
    offsets = [slot.offset for slot in BODY]
    assert queue.take(10**6, RequestLimits(avoid=offsets[:2])) == (offsets[2], offsets[3])
    assert queue.take(10**6, RequestLimits(avoid=offsets[:2])) is None
    assert queue.take(10**6) == (offsets[0], offsets[2])


def test_of_a_piece_to_avoid_the_rest_is_left_for_others_too() -> None:
    """[T-91]: two senders of one piece could not be told apart."""
    queue = of_pieces(0, 1, 2)
    offsets = [slot.offset for slot in BODY]
    start, end = queue.take(4096) or (0, 0)
    queue.add(start + 100, end)
    assert queue.take(10**6, RequestLimits(avoid=offsets[:1])) == (offsets[1], offsets[3])
    assert queue.take(10**6) == (start + 100, end)


def test_behind_the_end_of_a_short_file_nothing_is_asked_for() -> None:
    """[T-26]"""
    queue = of_pieces(0, 1)
    end = BODY[1].offset + 4095
    assert queue.has_piece_before(end) and queue.take(10**6, RequestLimits(end_offset=end)) == (
        BODY[0].offset,
        BODY[1].offset,
    )
    assert not queue.has_piece_before(end) and queue.take(10**6, RequestLimits(end_offset=end)) is None
    assert queue.has_piece_before(None)


def test_what_no_table_names_is_handed_out_as_far_as_it_may_be_held() -> None:
    """[T-33], [T-91]: and not at all to a source that may not send such."""
    plan = FetchPlan.of(BUNDLE.verified, BUNDLE.root.sections, fresh=True)
    start = plan.slots[0].offset
    named = [slot for slot in plan.slots if slot.tree.knows(slot.piece)]
    queue = RangeQueue(plan.slots, hold_bytes=8192)
    queue.add(start, len(BUNDLE.data))
    assert queue.take(10**6, RequestLimits(may_be_held=False)) == (start, named[-1].offset + named[-1].length)
    first = plan.slots[len(named)]
    taken = queue.take(10**6) or (0, 0)
    assert taken[0] == first.offset and 8192 <= taken[1] - taken[0] < 8192 + 2 * 4096
    assert queue.take(10**6) is None
