"""When a source is tried again, and with which error it is given up."""

from random import Random

import pytest

from tests.support.links.simulated_link import VirtualClock
from transfer.config import TransferConfig
from transfer.errors import (
    BadAnswer,
    CutShort,
    Dropped,
    Incomplete,
    OtherFile,
    PastEnd,
    SourceCorrupt,
    SourceRefused,
)
from transfer.scheduling.retry_policy import RetryPolicy

RESET = Dropped("connection reset by peer")


class Longest(Random):
    """Jitter at its upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def policy(clock: VirtualClock, said: list[str] | None = None) -> RetryPolicy:
    lines = [] if said is None else said
    return RetryPolicy("mirror", TransferConfig(), clock, lines.append, Longest())


def fail(retry: RetryPolicy, clock: VirtualClock, fault: Dropped | BadAnswer = RESET) -> float:
    """A connection that was dialed just now fails; returns the pause."""
    retry.failed(fault, clock.now(), 0, None)
    return retry.no_dial_before - clock.now()


def test_pauses_double_up_to_a_ceiling_and_begin_anew_with_progress(clock: VirtualClock) -> None:
    """[T-21]"""
    retry = policy(clock)
    pauses = []
    for _ in range(4):
        clock.seconds += 0.01
        pauses.append(fail(retry, clock))
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.3])
    retry.received(1023)
    clock.seconds += 0.01
    assert fail(retry, clock) == pytest.approx(0.3)
    retry.received(1)
    clock.seconds += 0.01
    assert fail(retry, clock) == pytest.approx(0.05)


def test_the_ceiling_is_a_share_of_a_long_outage(clock: VirtualClock) -> None:
    """[T-21]"""
    retry = policy(clock)
    clock.seconds = 160.0
    pause = [fail(retry, clock) for _ in range(10)][-1]
    assert pause == pytest.approx(160 / 32)


def test_connections_that_were_dialed_before_a_failure_add_no_other(clock: VirtualClock) -> None:
    """[T-21]"""
    retry = policy(clock)
    clock.seconds = 5.0
    for _ in range(6):
        retry.failed(RESET, 1.0, 0, None)
    assert retry.no_dial_before == pytest.approx(5.05)


def test_the_third_bad_answer_in_a_row_ends_the_source(clock: VirtualClock) -> None:
    """[T-16]"""
    retry = policy(clock)
    for _ in range(2):
        fail(retry, clock, BadAnswer("sends nonsense"))
    retry.received(1024)
    for _ in range(2):
        fail(retry, clock, BadAnswer("sends nonsense"))
    with pytest.raises(SourceRefused, match="mirror: the source sends nonsense, 3 times"):
        fail(retry, clock, BadAnswer("sends nonsense"))


@pytest.mark.parametrize(
    ("fault", "expected", "message"),
    [
        (PastEnd("ends at byte 700", 700), CutShort, "ends at byte 700, but the bundle has 1000 bytes"),
        (OtherFile("begins with another bundle"), SourceCorrupt, "publish the bundle there again"),
    ],
)
def test_what_the_last_bad_answer_says_decides(
    clock: VirtualClock, fault: BadAnswer, expected: type[Exception], message: str
) -> None:
    """[T-26], [T-133]"""
    retry = policy(clock)
    for _ in range(2):
        retry.failed(fault, clock.now(), 800, 1000)
    with pytest.raises(expected, match=message) as ended:
        retry.failed(fault, clock.now(), 800, 1000)
    assert not isinstance(ended.value, CutShort) or ended.value.end_bytes == 700


def test_without_progress_it_ends_after_300_seconds(clock: VirtualClock) -> None:
    """[T-22]"""
    retry = policy(clock)
    clock.seconds = 299.0
    retry.check()
    retry.received(1000)
    clock.seconds = 300.0
    with pytest.raises(Incomplete, match="only 1000 bytes arrived in 300 s"):
        retry.check()
    retry.begin()
    retry.check()


def test_a_deadline_ends_it_whatever_comes(clock: VirtualClock) -> None:
    """[T-92]"""
    retry = policy(clock)
    retry.deadline = 20.0
    clock.seconds = 19.0
    retry.received(5000)
    assert retry.gives_up_at == 20.0
    clock.seconds = 20.0
    with pytest.raises(Incomplete):
        retry.check()


def test_a_source_may_ask_to_be_left_alone_for_as_long_as_patience_lasts(clock: VirtualClock) -> None:
    """[T-19]"""
    retry = policy(clock)
    assert fail(retry, clock, Dropped("answers 503", wait_s=120.0)) == 120.0
    with pytest.raises(Incomplete, match="left alone for 301 s"):
        fail(retry, clock, Dropped("answers 503", wait_s=301.0))


def test_one_reset_is_not_worth_a_line_and_many_are_worth_one(clock: VirtualClock) -> None:
    said: list[str] = []
    retry = policy(clock, said)
    fail(retry, clock)
    assert said == []
    for _ in range(5):
        clock.seconds += 1
        fail(retry, clock)
    assert said == ["mirror: connection reset by peer; trying again for 299 s"]


def test_connections_are_expected_of_a_link_that_was_up_or_refuses(clock: VirtualClock) -> None:
    """[T-21]: of one that refuses for 30 s at most."""
    retry = policy(clock)
    clock.seconds = 10.0
    assert retry.expects_connections(up_at=8.0, silence_s=2.5)
    assert not retry.expects_connections(up_at=7.0, silence_s=2.5)
    fail(retry, clock)
    assert retry.expects_connections(up_at=0.0, silence_s=2.5)
    clock.seconds = 31.0
    fail(retry, clock)
    assert not retry.expects_connections(up_at=0.0, silence_s=2.5)
