"""Waiting, trying again, giving up, pacing: the figures of the spec, on a clock that only this test moves."""

from itertools import chain, repeat
from random import Random

import pytest

from tests.support.links.simulated_link import (
    HONEST,
    Behaviour,
    Dial,
    SimulatedConnection,
    SimulatedLink,
    VirtualClock,
    expect_length,
    then_honest,
)
from transfer.config import TransferConfig
from transfer.errors import BadAnswer, Dropped, Incomplete, Silent, SourceRefused
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.scheduler import Scheduler

CONTENT = Random(5).randbytes(100_000)
LARGE = Random(6).randbytes(4_000_000)
ONE_CONNECTION = TransferConfig(max_connections=1)
RESET = Behaviour(fault=Dropped("connection reset by peer"), answer_s=0.0)
SILENCE = Behaviour(fault=Silent("nothing arrives"))
NONSENSE = Behaviour(fault=BadAnswer("sends nonsense"))


class Most(Random):
    """Jitter at its upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def scheduler_over(
    link: SimulatedLink, config: TransferConfig | None = None, said: list[str] | None = None
) -> Scheduler:
    lines = [] if said is None else said
    scheduler = Scheduler(link, config or ONE_CONNECTION, link.clock, lines.append, Most())
    expect_length(scheduler, len(link.content))
    return scheduler


def take(scheduler: Scheduler, start: int = 0, end: int = len(CONTENT)) -> bytes:
    return scheduler.receive_range(start, end)


def pauses(link: SimulatedLink) -> list[float]:
    """From each failure to the dial that follows it, where an attempt takes no time."""
    return [later - earlier for earlier, later in zip(link.dialed, link.dialed[1:], strict=False)]


def near(expected: list[float]) -> object:
    """But for the margins of the waits."""
    return pytest.approx(expected, abs=0.01)


def test_pauses_double_up_to_the_ceiling() -> None:
    """[T-21]"""
    link = SimulatedLink(CONTENT, script=then_honest(*[RESET] * 6))
    assert take(scheduler_over(link)) == CONTENT
    assert pauses(link)[:6] == near([0.05, 0.1, 0.2, 0.3, 0.3, 0.3])


def test_a_refused_connection_is_a_failure_like_any() -> None:
    """[T-21]"""
    refused = Dial(fault=Dropped("connection refused"))
    link = SimulatedLink(CONTENT, dials=chain([refused] * 6, repeat(Dial())))
    assert take(scheduler_over(link)) == CONTENT
    assert pauses(link)[:6] == near([0.05, 0.1, 0.2, 0.3, 0.3, 0.3])


def test_pauses_grow_with_the_outage() -> None:
    """[T-21]: never more than a thirty-second of what is lost already, so some hundred attempts in a long one."""
    link = SimulatedLink(CONTENT, script=then_honest(*[RESET] * 130))
    assert take(scheduler_over(link)) == CONTENT
    lost = 0.0
    for pause in pauses(link):
        assert pause <= max(0.3, lost / 32) + 0.01
        lost += pause
    last = pauses(link)[-1]
    assert lost > 120 and last == pytest.approx((lost - last) / 32, rel=0.01)


def test_pauses_are_spread_by_half() -> None:
    """[T-21]"""
    waits = []
    for seed in range(50):
        link = SimulatedLink(CONTENT, script=then_honest(RESET))
        scheduler = Scheduler(link, ONE_CONNECTION, link.clock, lambda line: None, Random(seed))
        take(scheduler, 0, 10)
        waits.append(pauses(link)[0])
    assert all(0.025 <= pause <= 0.052 for pause in waits) and max(waits) - min(waits) > 0.02


def test_bytes_that_come_end_the_row_of_failures() -> None:
    """[T-21], [T-22]: 1,024 new bytes are progress, fewer are not."""
    some = Behaviour(drop_after=1024, answer_s=0, bytes_per_s=1e9)
    few = Behaviour(drop_after=1023, answer_s=0, bytes_per_s=1e9)
    for middle, expected in ((some, [0.05, 0.1, 0.05, 0.1]), (few, [0.05, 0.1, 0.2, 0.3])):
        link = SimulatedLink(CONTENT, script=then_honest(RESET, RESET, middle, RESET))
        take(scheduler_over(link))
        assert pauses(link) == near(expected)


def test_connections_that_a_drop_takes_together_failed_once() -> None:
    """[T-21]: six at once are no longer pause than one."""
    drop = Behaviour(drop_after=50_000)
    link = SimulatedLink(LARGE, script=then_honest(HONEST, *[drop] * 6))
    scheduler = scheduler_over(link, TransferConfig())
    scheduler.receive_range(0, 4096)
    scheduler.receive_range(4096, len(LARGE))
    assert len({request.connection for request in link.requests}) == 12
    ended = max(link.requests[n].at for n in range(1, 7)) + 0.6 + 50_000 / 250_000
    assert all(at - ended < 0.2 for at in link.dialed[6:])


def test_silence_before_any_answer_brings_other_connections_and_no_second_request() -> None:
    """[T-20], [T-31]: three others after 0.25 s; only after 5 s is the range asked for on one of them too."""
    link = SimulatedLink(CONTENT, script=then_honest(SILENCE))
    assert take(scheduler_over(link, TransferConfig()), 0, 2000) == CONTENT[:2000]
    assert link.dialed[:4] == near([0, *[0.25] * 3])
    assert [request.offset for request in link.requests] == [0, 0]
    assert link.requests[1].at == pytest.approx(5.0, abs=0.01)


def test_a_silent_connection_is_kept_until_another_delivers() -> None:
    """[T-20]: after 2.5 s another is dialed; the range goes to the first that delivers."""
    hole = Behaviour(drop_after=50_000, drop=Silent("nothing"))
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, hole))
    scheduler = scheduler_over(link)
    take(scheduler, 0, 4096)
    took = link.clock.seconds
    assert take(scheduler, 4096) == CONTENT[4096:]
    first, second = link.requests[1:]
    assert second.connection != first.connection and second.offset == first.offset + 50_000
    assert second.at - (took + 0.6 + 50_000 / 250_000) == pytest.approx(2.5, abs=0.1)
    assert link.delivered == len(CONTENT) and link.open[0].is_closed and not link.open[1].is_closed


def test_a_silent_connection_that_goes_on_first_keeps_its_range() -> None:
    """[T-20]: the other one is given up; not a byte comes twice."""
    hole = Behaviour(pause_s=3.0)
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, hole, Behaviour(answer_s=5.0)))
    scheduler = scheduler_over(link)
    take(scheduler, 0, 4096)
    assert take(scheduler, 4096) == CONTENT[4096:]
    assert link.requests[1].delivered == len(CONTENT) - 4096 and link.requests[2].delivered == 0
    assert not link.open[0].is_closed and link.open[1].is_closed


def test_how_long_silence_may_last_follows_the_round_trip() -> None:
    """[T-20]: four smoothed round trips, where one counts for an eighth."""
    hole = Behaviour(answer_s=1.0, drop_after=1_500, drop=Silent("nothing"), bytes_per_s=1e9)
    script = [Behaviour(answer_s=2.4), Behaviour(answer_s=2.0), Behaviour(answer_s=1.0), hole]
    link = SimulatedLink(CONTENT, script=then_honest(*script))
    scheduler = scheduler_over(link)
    for start in range(0, 6000, 2000):
        take(scheduler, start, start + 2000)
    began = link.clock.seconds
    take(scheduler, 6000, 9000)
    first = 2.0 + (1.0 - 2.0) / 8
    expected = 1.0 + 4 * (first + (1.0 - first) / 8)
    assert link.dialed[-1] - began == pytest.approx(expected, abs=0.01)


def test_dials_follow_each_other_while_nothing_answers() -> None:
    """[T-20]: each 1.5 s, later a sixteenth of what is lost already; the older ones may still come through."""
    answers = [Dial(), *[Dial(fault=Silent("nothing"))] * 20, Dial(opens_s=0.3)]
    hole = Behaviour(drop_after=30_000, drop=Silent("nothing"))
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, hole), dials=chain(answers, repeat(Dial())))
    scheduler = scheduler_over(link)
    take(scheduler, 0, 4096)
    take(scheduler, 4096)
    between = [round(pause, 2) for pause in pauses(link)[1:]]
    assert between[:8] == near([1.5] * 8) and between == sorted(between)
    assert between[-1] == pytest.approx(sum(between[:-1]) / 16, rel=0.2)
    assert link.delivered == len(CONTENT)


def test_there_is_no_cap_on_attempts_as_long_as_bytes_come() -> None:
    """[T-21], [T-22]"""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(drop_after=1100, answer_s=200.0)))
    assert take(scheduler_over(link)) == CONTENT
    assert link.clock.seconds > 2 * 3600


@pytest.mark.parametrize("behaviour", [RESET, SILENCE, Behaviour(drop_after=0)])
def test_without_progress_it_stops(behaviour: Behaviour) -> None:
    """[T-22]: after 300 s, as incomplete, and it said before that it was waiting."""
    said: list[str] = []
    link = SimulatedLink(CONTENT, script=then_honest(HONEST, *[behaviour] * 1000))
    scheduler = scheduler_over(link, said=said)
    take(scheduler, 0, 5000)
    began = link.clock.seconds
    with pytest.raises(Incomplete, match="run the same command again"):
        take(scheduler, 5000)
    assert 280 < link.clock.seconds - began <= 330
    assert len(said) == 1 and "trying again for" in said[0]


def test_a_trickle_is_no_better_than_silence() -> None:
    """[T-22]: three bytes a second keep a connection alive for ever, and the session for 300 s."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(chunk_bytes=1, bytes_per_s=3.0)))
    with pytest.raises(Incomplete, match="bytes arrived in 300 s"):
        take(scheduler_over(link))
    assert 300 < link.clock.seconds < 330


def test_a_source_may_ask_to_be_left_alone() -> None:
    """[T-19]: it is waited as long as it says; longer than the patience ends the session at once."""
    link = SimulatedLink(CONTENT, script=then_honest(Behaviour(fault=Dropped("answers 503", wait_s=120.0))))
    assert take(scheduler_over(link)) == CONTENT and pauses(link) == near([120.6])
    link = SimulatedLink(CONTENT, script=then_honest(Behaviour(fault=Dropped("answers 503", wait_s=301.0))))
    with pytest.raises(Incomplete, match="left alone for 301 s"):
        take(scheduler_over(link))
    assert link.clock.seconds < 1


def test_two_bad_answers_are_asked_again_and_the_third_in_a_row_ends_it() -> None:
    """[T-16]"""
    cut = Behaviour(drop_after=2000)
    link = SimulatedLink(CONTENT, script=then_honest(NONSENSE, NONSENSE, cut, NONSENSE, NONSENSE))
    assert take(scheduler_over(link)) == CONTENT
    link = SimulatedLink(CONTENT, script=then_honest(NONSENSE, NONSENSE, RESET, NONSENSE))
    with pytest.raises(SourceRefused, match="3 times"):
        take(scheduler_over(link))


@pytest.mark.parametrize("rate", [100, 4_000, 50_000])
def test_a_rate_limit_holds_over_every_second(rate: int) -> None:
    """[T-27]: and no pause is longer than a second, so a connection never looks dead."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(bytes_per_s=1e9, answer_s=0.0)))
    scheduler = scheduler_over(link, TransferConfig(limit_bytes_per_s=rate))
    arrivals: list[tuple[float, int]] = []
    queue = RangeQueue()
    queue.add(0, min(len(CONTENT), rate * 20))
    for _, chunk, _ in scheduler.receive(queue):
        arrivals.append((link.clock.seconds, len(chunk)))
    for began, _ in arrivals:
        within = sum(length for at, length in arrivals if began <= at < began + 1)
        assert within <= rate * 1.25 + 1
    total = sum(length for _, length in arrivals)
    assert total / rate - 0.5 <= link.clock.seconds <= total / rate + 0.5
    assert max(link.clock.sleeps) <= 1 and len(link.dialed) == 1


def test_a_silence_leaves_no_credit_to_be_spent_at_once() -> None:
    """[T-27]: after a minute in which nothing came, the rate is what it was."""
    link = SimulatedLink(CONTENT, script=repeat(Behaviour(bytes_per_s=1e9, answer_s=0.0)))
    scheduler = scheduler_over(link, TransferConfig(limit_bytes_per_s=1000))
    take(scheduler, 0, 2000)
    link.clock.seconds += 60
    began = link.clock.seconds
    take(scheduler, 2000, 12_000)
    assert link.clock.seconds - began >= 9.5


def test_received_bytes_count_whether_of_use_or_not() -> None:
    """[T-30]"""
    link = SimulatedLink(CONTENT, VirtualClock(), then_honest(Behaviour(drop_after=5_000)))
    scheduler = scheduler_over(link)
    queue = RangeQueue()
    queue.add(0, 50_000)
    stream = scheduler.receive(queue)
    next(stream)
    stream.close()
    scheduler.disconnect()
    take(scheduler)
    assert scheduler.received_bytes == link.delivered == len(CONTENT) + 1400


def test_a_machine_that_slept_past_the_end_of_patience_says_so() -> None:
    """[T-22]: the time jumps while a connection is dialed, so there is nothing left to wait for."""

    class Sleeping(SimulatedLink):
        def dial(self) -> SimulatedConnection:
            self.clock.seconds += 400
            return super().dial()

    with pytest.raises(Incomplete, match="no progress for 400 s"):
        take(scheduler_over(Sleeping(CONTENT)))
