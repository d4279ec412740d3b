"""Who is asked for what, over several sources, on links on which nothing happens by itself."""

import pytest

from tests.support.links.recording_link import RecordingLink, answered, make_far, opened, source_of
from tests.support.links.simulated_link import VirtualClock
from transfer.config import TransferConfig
from transfer.errors import BudgetSpent, CutShort
from transfer.links.budget import Budget
from transfer.links.contract import Arrived, Ended
from transfer.scheduling.dispatcher import Dispatcher
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.source import Source
from transfer.scheduling.source_group import SourceGroup

CONFIG = TransferConfig(request_floor_bytes=1000, request_ceiling_bytes=1000)
TOTAL = 1_000_000


class PacedLink(RecordingLink):
    """One that fills the way to the ship by itself."""

    fills_path = True
    is_heard = False
    settled_bytes_per_s: float | None = None


class World:
    """Some sources, a queue, and the dispatcher between them."""

    def __init__(self, *names: str, max_bytes: int | None = None, free: str = "") -> None:
        self.clock = VirtualClock()
        self.queue = RangeQueue()
        self.sources = [source_of(RecordingLink(name, name == free), self.clock, CONFIG) for name in names]
        self.group = SourceGroup(self.sources, lambda line: None)
        self.budget = Budget(max_bytes)
        self.dispatcher = Dispatcher(self.group, self.queue, self.budget, CONFIG)
        for source in self.sources:
            source.begin(self.queue)
            source.layout.bundle_bytes = TOTAL

    def with_pull(self, config: TransferConfig = CONFIG) -> Source:
        """One more source, behind the others, which fills the way to the ship by itself."""
        source = source_of(PacedLink("udp", False), self.clock, config)
        source.layout.bundle_bytes = TOTAL
        self.sources.append(source)
        self.group = SourceGroup(self.sources, lambda line: None)
        self.dispatcher = Dispatcher(self.group, self.queue, self.budget, config)
        return source

    def asked(self, source: Source) -> list[tuple[int, int]]:
        """The ranges that its connections work on."""
        return [(one.request.start, one.request.end) for one in source.pool if one.request]


def test_ranges_go_to_idle_connections_in_the_order_of_the_file() -> None:
    """[T-90]: to those of a free source first."""
    world = World("mirror", "stick", free="stick")
    mirror, stick = world.sources
    opened(mirror, world.clock)
    opened(stick, world.clock)
    world.queue.add(0, 5000)
    world.dispatcher.assign(1400)
    assert world.asked(stick)[0][0] == 0 and world.asked(mirror)[0][0] == world.asked(stick)[0][1]


def test_a_source_that_is_cut_short_is_not_asked_for_what_is_behind() -> None:
    """[T-26]"""
    world = World("short", "whole")
    short, whole = world.sources
    short.layout.cut_short = CutShort("ends", 0)
    opened(short, world.clock)
    opened(whole, world.clock)
    world.queue.add(0, 5000)
    world.dispatcher.assign(1400)
    assert world.asked(short) == [] and len(world.asked(whole)) == 1


def test_the_range_of_a_silent_connection_is_asked_of_another_source() -> None:
    """[T-20], [T-90]: and whoever delivers first has won."""
    world = World("silent", "other")
    silent, other = world.sources
    first = opened(silent, world.clock)
    silent.ask(first, 0, 5000, 1400)
    answered(silent, first, TOTAL, b"x")
    world.clock.seconds = 10.0
    second = opened(other, world.clock)
    world.dispatcher.assign(1400)
    assert world.asked(other) == [(1, 5000)] and first.rival is second and second.rival is first


def test_another_source_takes_the_second_half_of_what_one_is_slow_with() -> None:
    """[T-32]"""
    world = World("slow", "other")
    slow, other = world.sources
    first = opened(slow, world.clock)
    slow.ask(first, 0, 400_000, 1400)
    answered(slow, first, TOTAL)
    for _ in range(6):
        slow.take(Arrived(first.connection, b"x" * 1000))
        world.clock.seconds += 1.0
    opened(other, world.clock)
    world.dispatcher.assign(1400)
    half = 6000 + (400_000 - 6000) // 2
    assert world.asked(other) == [(half, 400_000)]
    assert world.asked(slow) == [(0, half)] and first.request and first.request.is_shortened


def test_no_more_is_asked_for_than_the_budget_has_left() -> None:
    """[T-94]: of the last request alone, whose head is known; beside others the longest head is set aside."""
    world = World("mirror", max_bytes=600)
    (mirror,) = world.sources
    make_far(mirror, world.clock)
    first, second = opened(mirror, world.clock), opened(mirror, world.clock)
    world.queue.add(5000, 5100)
    mirror.ask(first, 0, 450, 1400)
    world.dispatcher.assign(1400)
    assert world.asked(mirror) == [(0, 450)] and second.is_idle, "450 are on their way, and two heads of 100"
    answered(mirror, first, TOTAL, bytes(450))
    mirror.take(Ended(first.connection))
    world.queue.add(5100, 6000)
    world.dispatcher.assign(1400)
    assert world.asked(mirror) == [(5000, 5600)]


def test_what_can_never_come_is_said() -> None:
    """[T-94], [T-26]"""
    world = World("mirror", max_bytes=10)
    world.queue.add(0, 5000)
    world.dispatcher.check_possible()
    world.budget.received(10)
    with pytest.raises(BudgetSpent, match="5,000 are still missing"):
        world.dispatcher.check_possible()
    world.sources[0].layout.cut_short = CutShort("ends at byte 0", 0)
    with pytest.raises(CutShort):
        world.dispatcher.check_possible()


def test_a_later_source_is_dialed_only_for_work_that_the_first_cannot_do() -> None:
    """[T-90]"""
    world = World("first", "second")
    first, second = world.sources
    world.queue.add(0, 900)
    world.dispatcher.dial()
    assert len(list(first.pool)) == 1 and list(second.pool) == []
    world.queue.add(5000, 5900)
    world.dispatcher.dial()
    assert len(list(first.pool)) == 1 and len(list(second.pool)) == 1


@pytest.mark.parametrize(
    ("udp_rate", "http_rate", "rests"),
    [(9e3, 5e3, "http"), (5e3, 9e3, "udp"), (None, 9e3, ""), (9e3, None, ""), (9e4, None, "http"), (9e3, 9e3, "")],
)
def test_of_two_that_share_a_way_the_slower_rests(udp_rate: float | None, http_rate: float | None, rests: str) -> None:
    """[T-174]: while the faster delivers. One whose rate nobody knows is not asked for what is soon there."""
    world = World("http")
    udp = world.with_pull()
    http = world.sources[0]
    for source, rate in ((udp, udp_rate), (http, http_rate)):
        source.begin(world.queue)
        source._estimator.bytes_per_s = rate
        source._estimator.answered(0.6, is_first=False)
    world.queue.add(0, 500_000)
    for source in (http, udp):
        opened(source, world.clock)
    world.dispatcher.assign(1400)
    for source in (http, udp):
        opened(source, world.clock)
    world.dispatcher.assign(1400)
    asked = {source.name: len(world.asked(source)) for source in (http, udp)}
    connections = 1 if http_rate is None else 2  # one connection tells its rate
    assert asked == {"http": 0 if rests == "http" else connections, "udp": 0 if rests == "udp" else 2}
    world.clock.seconds += 60  # both are silent now
    assert not http.is_outdone_by(udp) and not udp.is_outdone_by(http)


def test_of_lanes_that_share_a_flow_none_is_silent_while_another_delivers() -> None:
    """[T-174], [T-20], [T-32]: the second waits for the first, and nobody else takes what it waits for."""
    world = World("http")
    udp = world.with_pull()
    udp.begin(world.queue)
    lanes = [opened(udp, world.clock) for _ in range(2)]
    for at, lane in enumerate(lanes):
        udp.ask(lane, at * 50_000, (at + 1) * 50_000, 1400)
    answered(udp, lanes[0], TOTAL, b"x")
    http = world.sources[0]
    http.begin(world.queue)
    opened(http, world.clock)
    for _ in range(40):
        world.clock.seconds += 1.0
        udp.take(Arrived(lanes[0].connection, bytes(100)))
        world.dispatcher.assign(1400)
    assert not udp.pool.silent() and not world.asked(http)
    world.clock.seconds += 60.0
    world.dispatcher.assign(1400)
    assert udp.pool.silent() and len(world.asked(http)) == 1


def test_what_fills_its_path_is_asked_for_all_that_is_left() -> None:
    """[T-7]: shorter requests would have it wait a round trip for the next one."""
    world = World()
    udp = world.with_pull(TransferConfig(request_floor_bytes=1000, request_ceiling_bytes=4000))
    udp.begin(world.queue)
    world.queue.add(TOTAL - 6000, TOTAL)
    udp._estimator.answered(0.6, is_first=False)
    udp._estimator.bytes_per_s = 1e6
    for _ in range(2):
        opened(udp, world.clock)
    world.dispatcher.assign(1400)
    assert world.asked(udp) == [(TOTAL - 6000, TOTAL - 2000), (TOTAL - 2000, TOTAL)]


@pytest.mark.parametrize(
    ("http_rate", "left", "is_bad", "is_taken"),
    [
        (1000.0, 30_000, False, True),
        (1000.0, 1_000, False, False),
        (60_000.0, 900_000, False, False),
        (1000.0, 30_000, True, False),
    ],
    ids=["slow", "soon there", "fast enough", "a piece that it sent damaged"],
)
def test_at_the_end_what_fills_its_path_takes_over_what_comes_slowly(
    http_rate: float, left: int, is_bad: bool, is_taken: bool
) -> None:
    """[T-174], [T-91]: from 2.5 round trips on, if the other brings less than half as much."""
    world = World("http")
    udp, http = world.with_pull(), world.sources[0]
    for source in (udp, http):
        source.begin(world.queue)
        source._estimator.answered(0.6, is_first=False)
    udp._estimator.bytes_per_s = 1e5
    udp.corruption.add_good()
    if is_bad:
        udp.corruption.add_damaged(20_000, b"x")
    pooled = opened(http, world.clock)
    http.ask(pooled, 0, int(http_rate * 6) + left, 1400)
    answered(http, pooled, TOTAL, b"x")
    for _ in range(6):
        world.clock.seconds += 1.0
        http.take(Arrived(pooled.connection, bytes(int(http_rate))))
    opened(udp, world.clock)
    world.dispatcher.assign(1400)
    assert bool(world.asked(udp)) == is_taken and bool(world.asked(http)) != is_taken
