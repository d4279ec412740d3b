"""One source, event by event: what its connections bring, and what ends it."""

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.recording_link import RecordingLink, answered, make_far, opened, source_of
from tests.support.links.simulated_link import VirtualClock
from transfer.errors import CutShort, Dropped, PastEnd, SourceCorrupt, SourceRefused
from transfer.links.contract import Ended, Failed, Opened
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.source import Source

BUNDLE = tiny_bundle(Shape(full_bytes=50_000))
TOTAL = len(BUNDLE.data)


@pytest.fixture
def source(link: RecordingLink, clock: VirtualClock) -> Source:
    found = source_of(link, clock)
    found.begin(RangeQueue())
    found.layout.begin(BUNDLE.verified)
    return found


def test_bytes_come_with_their_place_and_never_from_behind_the_range(source: Source, clock: VirtualClock) -> None:
    """[T-14], [T-23]"""
    pooled = opened(source, clock)
    source.ask(pooled, 100, 200, 1400)
    assert answered(source, pooled, TOTAL, b"a" * 60) == (100, b"a" * 60)
    assert answered(source, pooled, TOTAL, b"b" * 90) == (160, b"b" * 40)
    source.take(Ended(pooled.connection))
    assert pooled.is_idle and not source.pool.queue.left_bytes


def test_events_of_a_closed_connection_are_passed_over(source: Source, clock: VirtualClock) -> None:
    pooled = opened(source, clock)
    source.ask(pooled, 100, 200, 1400)
    source.pool.close(pooled)
    assert answered(source, pooled, TOTAL, b"late") is None
    assert source.pool.queue.left_bytes == 100


def test_before_the_bundle_is_known_a_range_ends_where_the_file_does(source: Source, clock: VirtualClock) -> None:
    """[T-2]"""
    source.layout.begin(None)
    pooled = opened(source, clock)
    source.ask(pooled, 0, 4096, 1400)
    assert answered(source, pooled, 300, b"x" * 300) == (0, b"x" * 300)
    source.take(Ended(pooled.connection))
    assert pooled.is_idle and not source.pool.queue.left_bytes


def test_before_the_bundle_is_known_nothing_behind_the_end_is_wanted_again(source: Source, clock: VirtualClock) -> None:
    """[T-2], [T-3]: a file that is too short for a header is for the caller to refuse."""
    source.layout.begin(None)
    pooled = opened(source, clock)
    source.ask(pooled, 300, 4096, 1400)
    source.take(Failed(pooled.connection, PastEnd("ends at byte 300", 300)))
    assert not source.pool.queue.left_bytes and not list(source.pool)


def test_a_file_that_ends_within_its_bundle_is_cut_short_the_third_time(source: Source, clock: VirtualClock) -> None:
    """[T-26]: the rest of the range is wanted of others."""
    for _ in range(2):
        pooled = opened(source, clock)
        source.ask(pooled, 1000, 2000, 1400)
        source.take(Failed(pooled.connection, PastEnd("has no bytes there")))
        assert source.pool.queue.take(10**6) == (1000, 2000)
    pooled = opened(source, clock)
    source.ask(pooled, 1000, 2000, 1400)
    with pytest.raises(CutShort, match="it is cut short there"):
        source.take(Failed(pooled.connection, PastEnd("has no bytes there")))
    assert source.pool.queue.left_bytes == 1000


def test_an_answer_with_another_length_is_not_paid_for_but_probed(
    source: Source, link: RecordingLink, clock: VirtualClock
) -> None:
    """[T-133]: the file may have a longer block of signatures; its first bytes tell."""
    other = BUNDLE.signed_also(2)
    shift = len(other.header) - len(BUNDLE.header)
    pooled = opened(source, clock)
    source.ask(pooled, 1000, 2000, 1400)
    answered(source, pooled, len(other.data))
    assert source.layout.needs_probe and link.dialed[0].is_closed and source.pool.queue.left_bytes == 1000
    again = opened(source, clock)
    source.probe(again, 1400)
    assert link.dialed[1].asked == [(0, source.layout.probe_bytes)]
    assert answered(source, again, len(other.data), other.data[: source.layout.probe_bytes]) is None
    source.take(Ended(again.connection))
    assert source.layout.shift_bytes == shift and not source.layout.needs_probe
    source.ask(again, 1000, 2000, 1400)
    assert link.dialed[1].asked[-1] == (1000 + shift, 1000)
    assert answered(source, again, len(other.data), other.data[1000 + shift : 1010 + shift]) == (
        1000,
        BUNDLE.data[1000:1010],
    )


def test_a_probe_that_shows_another_bundle_ends_the_source_the_third_time(source: Source, clock: VirtualClock) -> None:
    """[T-133]"""
    with pytest.raises(SourceCorrupt, match="begins with another bundle"):
        for _ in range(3):
            pooled = opened(source, clock)
            source.probe(pooled, 1400)
            answered(source, pooled, TOTAL + 64, bytes(source.layout.probe_bytes))


def test_a_source_that_turns_connections_away_gets_no_more_than_it_serves(source: Source, clock: VirtualClock) -> None:
    """[T-31], [T-19]"""
    make_far(source, clock)
    serving, turned_away = opened(source, clock), opened(source, clock)
    for pooled in (serving, turned_away):
        source.ask(pooled, 0, 100, 1400)
    answered(source, serving, TOTAL, b"x")
    source.take(Failed(turned_away.connection, Dropped("answers 503", wait_s=200.0)))
    assert source.pool.max_connections == 1 and source.retry.no_dial_before <= clock.now()


def test_what_is_no_fault_of_the_link_ends_the_source_at_once(source: Source, clock: VirtualClock) -> None:
    """[T-19]"""
    pooled = opened(source, clock)
    with pytest.raises(SourceRefused):
        source.take(Failed(pooled.connection, SourceRefused("404")))
    assert not list(source.pool)


def test_a_pause_keeps_it_from_dialing(source: Source, link: RecordingLink, clock: VirtualClock) -> None:
    """[T-21]"""
    source.dial(1)
    assert len(link.dialed) == 1
    clock.seconds = 1.0
    source.take(Failed(link.dialed[0], Dropped("connection refused")))
    source.dial(1)
    assert len(link.dialed) == 1
    clock.seconds = source.retry.no_dial_before
    source.dial(1)
    assert len(link.dialed) == 2


def test_a_connection_that_opened_too_late_to_be_needed_is_closed(source: Source, clock: VirtualClock) -> None:
    """[T-31]: on a near link one is enough."""
    first = opened(source, clock)
    source.ask(first, 0, 100, 1400)
    clock.seconds = 0.01
    answered(source, first, TOTAL, b"x")
    source.pool.dial(clock.now())
    late = list(source.pool)[-1]
    source.take(Opened(late.connection))
    assert source.pool.find(late.connection) is None and source.pool.find(first.connection)
