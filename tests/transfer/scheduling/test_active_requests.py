"""Several connections at once: how many, what each is asked for, and that not a byte comes twice."""

from itertools import chain, repeat
from pathlib import Path
from random import Random

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.bad_link import weather
from tests.support.links.nginx import nginx
from tests.support.links.simulated_link import HONEST, Behaviour, SimulatedLink, expect_length, then_honest
from transfer.config import TransferConfig
from transfer.errors import Dropped, Silent
from transfer.fetch.fetch import Fetch
from transfer.fetch.request import FetchRequest
from transfer.links.opening import open_sources
from transfer.scheduling.active_request import ActiveRequest
from transfer.scheduling.connection_counts import connections_wanted
from transfer.scheduling.link_estimator import LinkEstimator
from transfer.scheduling.scheduler import Scheduler

LARGE = Random(6).randbytes(6_000_000)
BUNDLE = tiny_bundle(Shape(full_bytes=3_000_000, piece_bytes=65_536))
KIB = 1024


def receive(link: SimulatedLink, config: TransferConfig | None = None) -> bytes:
    """The header, then all the rest."""
    scheduler = Scheduler(link, config or TransferConfig(), link.clock, lambda line: None, Random(1))
    expect_length(scheduler, len(link.content))
    return scheduler.receive_range(0, 4096) + scheduler.receive_range(4096, len(link.content))


def test_six_connections_share_the_work_of_a_far_link() -> None:
    """[T-31], [T-7]: each byte once, in requests that are shorter towards the end."""
    content = LARGE * 4
    link = SimulatedLink(content, dial_s=0.3)
    assert receive(link) == content
    assert link.connections == 6 == len({request.connection for request in link.requests})
    assert link.delivered == len(content)
    lengths = [request.length for request in link.requests[1:]]
    assert max(lengths) <= 2048 * KIB and min(lengths[:-6]) >= 256 * KIB
    assert sum(lengths[:6]) > 2 * sum(lengths[-6:])


@pytest.mark.parametrize("dial_s", [0.0, 0.6])
def test_the_others_are_dialed_while_the_first_answer_is_under_way_and_asked_nothing(dial_s: float) -> None:
    """[T-31], [T-1]: or while the first connection itself is."""
    link = SimulatedLink(LARGE, dial_s=dial_s)
    receive(link)
    assert link.dialed == pytest.approx([0, *[0.25] * 5], abs=0.01)
    assert link.requests[0].length == 4096 and all(request.at >= dial_s + 0.6 for request in link.requests[1:])


@pytest.mark.parametrize(
    ("bytes_per_s", "connections"), [(31_999, 1), (40_000, 2), (60_000, 3), (120_000, 5), (250_000, 6)]
)
def test_the_first_flights_of_all_fill_the_link(bytes_per_s: float, connections: int) -> None:
    """[T-31]: 14,600 bytes on each; a round trip of 0.6 s."""
    estimator = LinkEstimator()
    estimator.answered(0.6, is_first=False)
    estimator.bytes_per_s = bytes_per_s
    assert connections_wanted(TransferConfig(), estimator, most=6, waited_s=0.0) == connections


@pytest.mark.parametrize(
    ("answer_s", "bytes_per_s", "config"),
    [
        (0.02, 250_000.0, TransferConfig()),
        (0.6, 1e6, TransferConfig(limit_bytes_per_s=100_000)),
        (0.6, 250_000.0, TransferConfig(max_connections=1)),
    ],
    ids=["near", "limited", "one"],
)
def test_one_connection_where_more_are_of_no_use(answer_s: float, bytes_per_s: float, config: TransferConfig) -> None:
    """[T-31], [T-27], [T-7]: and then the requests are long."""
    link = SimulatedLink(LARGE, script=repeat(Behaviour(answer_s=answer_s, bytes_per_s=bytes_per_s)))
    assert receive(link, config) == LARGE
    assert link.connections == 1 and {request.length for request in link.requests[1:3]} == {2048 * KIB}


def test_a_slow_link_is_asked_over_one_connection_from_the_first_answer_on() -> None:
    """[T-31]: parts of 1,400 bytes that come 0.7 s apart tell of 2,000 bytes a second, whatever is lost between."""
    link = SimulatedLink(LARGE[:3_000_000], script=repeat(Behaviour(bytes_per_s=2_000.0)))
    assert receive(link) == LARGE[:3_000_000]
    assert len({request.connection for request in link.requests[1:]}) == 1


def test_a_link_that_is_slow_only_later_comes_down_to_one_connection() -> None:
    """[T-31]: 2,000 bytes a second on each are less than 32,000 on all."""
    script = chain([HONEST], repeat(Behaviour(bytes_per_s=2_000.0)))
    link = SimulatedLink(LARGE[:3_000_000], script=script)
    assert receive(link) == LARGE[:3_000_000]
    assert len({request.connection for request in link.requests[1:7]}) == 6
    assert len({request.connection for request in link.requests[7:]}) == 1


def test_what_a_dropped_connection_leaves_is_taken_up_at_the_very_next_byte() -> None:
    """[T-23]: by the one that is free first, within a piece too."""
    drop = Behaviour(drop_after=100_001)
    link = SimulatedLink(LARGE, script=chain([HONEST, HONEST, drop, HONEST], repeat(HONEST)))
    assert receive(link) == LARGE
    dropped = link.requests[2]
    assert dropped.offset + 100_001 in [request.offset for request in link.requests]
    assert link.delivered == len(LARGE)


@pytest.mark.parametrize("seed", range(20))
def test_holes_and_drops_of_all_connections_cost_not_one_byte_twice(seed: int) -> None:
    """[T-20], [T-23]: silence for ever, silence that passes, resets, in any mixture."""
    random = Random(seed)

    def behaviour() -> Behaviour:
        return Behaviour(
            drop_after=random.choice((None, int(random.expovariate(1 / 300_000)))),
            drop=random.choice((Dropped("reset"), Silent("nothing"))),
            pause_s=random.choice((0.0, 0.0, random.uniform(1, 30))),
            bytes_per_s=random.choice((20_000.0, 250_000.0)),
        )

    link = SimulatedLink(LARGE, script=chain([HONEST], iter(behaviour, None)))
    assert receive(link, TransferConfig(slow_rest_s=1e9)) == LARGE
    assert link.delivered == len(LARGE)


def test_the_rest_of_a_slow_connection_is_shared_at_the_end() -> None:
    """[T-32]: what comes twice is no more than what lies in one chunk."""
    slow = Behaviour(bytes_per_s=2_000.0)
    link = SimulatedLink(LARGE, script=then_honest(HONEST, HONEST, slow))
    assert receive(link) == LARGE
    alone_s = link.requests[2].length / 2_000.0
    assert link.clock.seconds < alone_s * 0.75
    assert len(LARGE) <= link.delivered <= len(LARGE) + 4 * 1400


def test_a_connection_that_was_fast_and_lost_its_window_does_not_hold_up_the_end() -> None:
    """[T-32]: its rate is that of the last seconds."""
    request = ActiveRequest(0, 500_000, asked_at=0.0)
    for second in range(1, 5):
        request.arrived(100_000, float(second))
    assert request.bytes_per_s(4.0) > 90_000
    for second in range(5, 12):
        request.arrived(1000, float(second))
    assert request.bytes_per_s(11.0) < 2000


def test_a_source_that_serves_so_many_at_once_is_asked_by_no_more() -> None:
    """[T-31], [T-19]: two connections deliver, the others are turned away, and nobody waits for an hour."""
    away = Behaviour(fault=Dropped("answers 503", wait_s=200.0), answer_s=1.0)
    link = SimulatedLink(LARGE, script=chain([HONEST, HONEST, HONEST, *[away] * 4], repeat(HONEST)))
    assert receive(link) == LARGE
    assert len(link.dialed) == 6 and link.clock.seconds < 30
    assert link.delivered == len(LARGE)


def test_nginx_behind_a_far_link_is_asked_by_several_and_sends_each_byte_once(tmp_path: Path) -> None:
    """[T-31], [T-23]: by nginx's own log; with a connection that dies in silence after a second."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "b").write_bytes(BUNDLE.data)
    output = tmp_path / "out"
    config = TransferConfig(idle_floor_s=0.6, dial_floor_s=0.4)
    with (
        nginx(tmp_path / "www", tmp_path / "nginx") as server,
        weather(server.port, seed=1, delay_ms=50, rate_kbps=16_000, at=[(1.0, "zombie", 0.0)]) as link,
    ):
        source = open_sources([link.url("b")], output, config)
        figures = Fetch(FetchRequest(links=source, trust=TRUST, output=output, config=config)).run()
        source.close()
        stats = link.stats()
    assert output.read_bytes() == BUNDLE.data
    assert figures.connections >= 5 and stats["zombies"] >= 2
    assert figures.bytes_received <= len(BUNDLE.data) + 65_536
