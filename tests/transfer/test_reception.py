"""Waiting, trying again, giving up, pacing: the figures of the spec, on a clock that only this test moves."""

from itertools import repeat
from random import Random

import pytest

from tests.support.simulated_link import HONEST, Behaviour, SimulatedLink, VirtualClock, then_honest
from transfer.config import TransferConfig
from transfer.errors import BadAnswer, Dropped, Incomplete, Silent, SourceRefused
from transfer.reception import Reception

CONTENT = Random(5).randbytes(100_000)
RESET = Behaviour(fault=Dropped("connection reset by peer"), answer_s=0.0)
SILENCE = Behaviour(fault=Silent("nothing arrives"))
NONSENSE = Behaviour(fault=BadAnswer("sends nonsense"))


class Most(Random):
    """Jitter at its upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def reception(link: SimulatedLink, config: TransferConfig | None = None, said: list[str] | None = None) -> Reception:
    lines = [] if said is None else said
    received = Reception(link, config or TransferConfig(), link.clock, lines.append, Most())
    received.bundle_bytes = len(CONTENT)
    return received


def take(received: Reception, start: int = 0, end: int = len(CONTENT)) -> bytes:
    return b"".join(received.receive(start, end))


def test_pauses_double_up_to_the_ceiling() -> None:
    """[T-21]"""
    link = SimulatedLink(CONTENT, script=then_honest(*[RESET] * 6))
    assert take(reception(link)) == CONTENT
    assert link.clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5, 0.5])


def test_pauses_grow_with_the_outage() -> None:
    """[T-21]: never more than a sixteenth of what is lost already, so some dozens of attempts in a long one."""
    link = SimulatedLink(CONTENT, script=then_honest(*[RESET] * 70))
    assert take(reception(link)) == CONTENT
    lost = 0.0
    for pause in link.clock.sleeps:
        assert pause <= max(0.5, lost / 16)
        lost += pause
    assert lost > 120 and link.clock.sleeps[-1] == pytest.approx((lost - link.clock.sleeps[-1]) / 16)


def test_pauses_are_spread_by_half() -> None:
    """[T-21]"""
    sleeps = []
    for seed in range(50):
        link = SimulatedLink(CONTENT, script=then_honest(RESET))
        received = Reception(link, TransferConfig(), link.clock, lambda line: None, Random(seed))
        take(received, 0, 10)
        sleeps += link.clock.sleeps
    assert all(0.05 <= pause <= 0.1 for pause in sleeps) and max(sleeps) - min(sleeps) > 0.04


def test_bytes_that_come_end_the_row_of_failures() -> None:
    """[T-21], [T-22]: 1,024 new bytes are progress, fewer are not."""
    some, few = Behaviour(drop_after=1024), Behaviour(drop_after=1023)
    for middle, expected in ((some, [0.1, 0.2, 0.1, 0.2]), (few, [0.1, 0.2, 0.4, 0.5])):
        link = SimulatedLink(CONTENT, script=then_honest(RESET, RESET, middle, RESET))
        take(reception(link))
        assert link.clock.sleeps == pytest.approx(expected)


def test_silence_before_any_answer_and_after_it() -> None:
    """[T-20]: 10 s; then 2.5 s at least."""
    link = SimulatedLink(CONTENT, script=then_honest(SILENCE))
    received = reception(link)
    take(received, 0, 2000)
    take(received, 2000, 4000)
    assert [request.idle_s for request in link.requests] == [10, 10, 2.5]


def test_idle_time_follows_the_round_trip() -> None:
    """[T-20]: four smoothed round trips, where one counts for an eighth."""
    link = SimulatedLink(CONTENT, script=then_honest(Behaviour(answer_s=2.0)))
    received = reception(link)
    for start in range(0, 8000, 2000):
        take(received, start, start + 2000)
    second = 2.0 + (0.6 - 2.0) / 8
    expected = [10, 8, 4 * second, 4 * (second + (0.6 - second) / 8)]
    assert [request.idle_s for request in link.requests] == pytest.approx(expected)


def test_idle_time_grows_with_the_outage() -> None:
    """[T-20]: a quarter of what is lost already, up to 30 s."""
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, *[SILENCE] * 16))
    received = reception(link)
    take(received, 0, 2000)
    take(received)
    idle = [request.idle_s for request in link.requests[1:]]
    assert idle[:4] == [2.5] * 4 and idle == sorted(idle) and idle[-1] == 30
    lost = sum(idle[:-1]) + sum(link.clock.sleeps)
    assert lost > 120
    assert idle[8] == pytest.approx((sum(idle[:8]) + sum(link.clock.sleeps[:8])) / 4)


def test_there_is_no_cap_on_attempts_as_long_as_bytes_come() -> None:
    """[T-21], [T-22]"""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(drop_after=1100, answer_s=200.0)))
    assert take(reception(link)) == CONTENT
    assert len(link.requests) > 80 and link.clock.seconds > 5 * 3600


@pytest.mark.parametrize("behaviour", [RESET, SILENCE, Behaviour(drop_after=0)])
def test_without_progress_it_stops(behaviour: Behaviour) -> None:
    """[T-22]: after 300 s, as incomplete, and it said before that it was waiting."""
    said: list[str] = []
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, *[behaviour] * 1000))
    received = reception(link, said=said)
    take(received, 0, 5000)
    began = link.clock.seconds
    with pytest.raises(Incomplete, match="run the same command again"):
        take(received, 5000)
    assert 280 < link.clock.seconds - began <= 330
    assert len(said) == 1 and "trying again for" in said[0]


def test_a_trickle_is_no_better_than_silence() -> None:
    """[T-22]: three bytes a second keep a connection alive for ever, and the session for 300 s."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(chunk_bytes=1, bytes_per_s=3.0)))
    with pytest.raises(Incomplete, match="bytes arrived in 300 s"):
        take(reception(link))
    assert 300 < link.clock.seconds < 330


def test_a_source_may_ask_to_be_left_alone() -> None:
    """[T-19]: it is waited as long as it says; longer than the patience ends the session at once."""
    link = SimulatedLink(CONTENT, script=then_honest(Behaviour(fault=Dropped("answers 503", wait_s=120.0))))
    assert take(reception(link)) == CONTENT and link.clock.sleeps == [120.0]
    link = SimulatedLink(CONTENT, script=then_honest(Behaviour(fault=Dropped("answers 503", wait_s=301.0))))
    with pytest.raises(Incomplete, match="left alone for 301 s"):
        take(reception(link))
    assert link.clock.sleeps == []


def test_two_bad_answers_are_asked_again_and_the_third_in_a_row_ends_it() -> None:
    """[T-16]"""
    cut = Behaviour(drop_after=2000)
    link = SimulatedLink(CONTENT, script=then_honest(NONSENSE, NONSENSE, cut, NONSENSE, NONSENSE))
    assert take(reception(link)) == CONTENT
    link = SimulatedLink(CONTENT, script=then_honest(NONSENSE, NONSENSE, RESET, NONSENSE))
    with pytest.raises(SourceRefused, match="3 times"):
        take(reception(link))


@pytest.mark.parametrize("rate", [100, 4_000, 50_000])
def test_a_rate_limit_holds_over_every_second(rate: int) -> None:
    """[T-27]: and no pause is longer than a second, so a connection never looks dead."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(bytes_per_s=1e9, answer_s=0.0)))
    received = reception(link, TransferConfig(limit_bytes_per_s=rate))
    arrivals: list[tuple[float, int]] = []
    for chunk in received.receive(0, min(len(CONTENT), rate * 20)):
        arrivals.append((link.clock.seconds, len(chunk)))
    for began, _ in arrivals:
        within = sum(length for at, length in arrivals if began <= at < began + 1)
        assert within <= rate * 1.25 + 1
    total = sum(length for _, length in arrivals)
    assert total / rate - 0.5 <= link.clock.seconds <= total / rate + 0.5
    assert max(link.clock.sleeps) <= 1


def test_a_silence_leaves_no_credit_to_be_spent_at_once() -> None:
    """[T-27]: after a minute in which nothing came, the rate is what it was."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(bytes_per_s=1e9, answer_s=0.0)))
    received = reception(link, TransferConfig(limit_bytes_per_s=1000))
    take(received, 0, 2000)
    link.clock.seconds += 60
    began = link.clock.seconds
    take(received, 2000, 12_000)
    assert link.clock.seconds - began >= 9.5


def test_received_bytes_count_whether_of_use_or_not() -> None:
    """[T-30]"""
    link = SimulatedLink(CONTENT, VirtualClock(), then_honest(Behaviour(drop_after=5_000)))
    received = reception(link)
    stream = received.receive(0, 50_000)
    next(stream)
    stream.close()
    take(received)
    assert received.received_bytes == link.delivered == len(CONTENT) + 1400
