"""The connections to one source: which are silent, slow, in a race, and what becomes of their ranges."""

import pytest

from tests.support.links.recording_link import RecordingLink, answered, make_far, opened, source_of
from tests.support.links.simulated_link import VirtualClock
from transfer.links.contract import Arrived
from transfer.scheduling.connection_pool import MAX_UNANSWERED
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.source import Source


@pytest.fixture
def source(link: RecordingLink, clock: VirtualClock) -> Source:
    found = source_of(link, clock)
    found.begin(RangeQueue())
    found.layout.bundle_bytes = 10_000_000
    return found


def test_a_closed_connection_leaves_the_rest_of_its_range(source: Source, clock: VirtualClock) -> None:
    """[T-23]: from the very next byte on."""
    pooled = opened(source, clock)
    source.ask(pooled, 1000, 5000, 1400)
    assert answered(source, pooled, 10_000_000, b"x" * 1200) == (1000, b"x" * 1200)
    source.pool.close(pooled)
    assert source.pool.queue.take(10**6) == (2200, 5000)
    assert source.pool.find(pooled.connection) is None and not list(source.pool)


def test_a_range_that_a_rival_is_on_is_not_wanted_again(source: Source, clock: VirtualClock) -> None:
    """[T-20]: not a byte comes twice."""
    make_far(source, clock)
    first, second = opened(source, clock), opened(source, clock)
    for pooled in (first, second):
        source.ask(pooled, 0, 5000, 1400)
    first.rival, second.rival = second, first
    source.pool.close(first)
    assert not source.pool.queue.left_bytes and second.rival is None and list(source.pool) == [second]
    source.pool.close(second)
    assert source.pool.queue.left_bytes == 5000


def test_silence_counts_from_the_last_sign_of_life(source: Source, clock: VirtualClock) -> None:
    """[T-20]: 2.5 s, or four round trips."""
    pooled = opened(source, clock)
    source.ask(pooled, 0, 5000, 1400)
    clock.seconds = 0.1
    answered(source, pooled, 10_000_000, b"x")
    clock.seconds = 2.5
    assert not source.pool.silent()
    clock.seconds = 2.6
    assert source.pool.silent() == [pooled] and source.pool.counts().sound == 0


def test_before_any_answer_a_connection_may_be_silent_for_longer(source: Source, clock: VirtualClock) -> None:
    """[T-20]: 5 s."""
    pooled = opened(source, clock)
    source.ask(pooled, 0, 5000, 1400)
    clock.seconds = 4.9
    assert not source.pool.silent()
    clock.seconds = 5.0
    assert source.pool.silent() == [pooled]


def test_a_silent_connection_is_closed_when_a_younger_one_delivers(source: Source, clock: VirtualClock) -> None:
    """[T-20]"""
    old = opened(source, clock)
    source.ask(old, 0, 5000, 1400)
    answered(source, old, 10_000_000, b"x")
    clock.seconds = 5.0
    young = opened(source, clock)
    source.ask(young, 5000, 9000, 1400)
    assert source.pool.find(old.connection)
    answered(source, young, 10_000_000, b"x")
    assert source.pool.find(old.connection) is None and source.pool.find(young.connection)
    assert source.pool.queue.take(10**6) == (1, 5000)


def test_a_slow_range_is_shared_with_its_own_source_once_and_with_others_whole(
    source: Source, clock: VirtualClock
) -> None:
    """[T-32]"""
    pooled = opened(source, clock)
    source.ask(pooled, 0, 1_000_000, 1400)
    answered(source, pooled, 10_000_000, b"x" * 1000)
    for _ in range(4):
        clock.seconds += 1.0
        source.take(Arrived(pooled.connection, b"x" * 1000))
    assert source.pool.slow(for_itself=True) == source.pool.slow(for_itself=False) == [pooled]
    assert pooled.request
    pooled.request.is_shortened = True
    assert source.pool.slow(for_itself=True) == [] and source.pool.slow(for_itself=False) == [pooled]


def test_a_dial_of_middle_age_that_nothing_answered_makes_room(
    source: Source, link: RecordingLink, clock: VirtualClock
) -> None:
    """[T-20]: 14 may be on their way, and the oldest of them as long as an answer takes."""
    for number in range(MAX_UNANSWERED + 20):
        source.pool.dial(float(number))
    closed = [at for at, one in enumerate(link.dialed) if one.is_closed]
    assert len(closed) == 20 and min(closed) == 7
    assert len(list(source.pool)) == MAX_UNANSWERED == 14


def test_a_long_wait_for_the_first_answer_asks_for_more_connections(source: Source, clock: VirtualClock) -> None:
    """[T-31]: after 0.25 s the link is far, until a round trip tells."""
    pooled = opened(source, clock)
    source.ask(pooled, 0, 5000, 1400)
    assert source.pool.target() == 1 and 0.25 in list(source.pool.moments())
    clock.seconds = 0.25
    assert source.pool.target() == 6
    source.pool.max_connections = 2
    assert source.pool.target() == 2
