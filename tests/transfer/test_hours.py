"""Hours in which links that cost something rest: on a clock that only this test moves."""

from itertools import repeat
from pathlib import Path
from random import Random

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.simulated_link import Behaviour, SimulatedLink, SimulatedSources, VirtualClock
from transfer.config import TransferConfig
from transfer.errors import Incomplete
from transfer.fetch.fetch import Fetch
from transfer.fetch.request import FetchRequest

BUNDLE = tiny_bundle(Shape(full_bytes=3_000_000, piece_bytes=65_536))
HOUR_S = 3600.0


class Daily:
    """Open for so many seconds of each hour."""

    def __init__(self, clock: VirtualClock, open_s: float) -> None:
        self._clock = clock
        self._open_s = open_s

    def shut_s(self) -> float:
        into = self._clock.now() % HOUR_S
        return 0.0 if into < self._open_s else HOUR_S - into


def test_nothing_is_asked_or_received_outside_the_hours(tmp_path: Path) -> None:
    """[T-95]: it closes its connections, waits, and goes on from the very next byte."""
    link = SimulatedLink(BUNDLE.data, script=repeat(Behaviour(bytes_per_s=20_000.0)))
    link.clock.seconds = 1800.0
    hours = Daily(link.clock, 10.0)
    fetch = Fetch(
        FetchRequest(links=link, trust=TRUST, output=tmp_path / "out", clock=link.clock, hours=hours, jitter=Random(1))
    )
    fetch.run()
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert link.delivered == len(BUNDLE.data) and link.clock.seconds > 3 * HOUR_S
    assert all(request.at % HOUR_S < 10.1 for request in link.requests)


def test_patience_does_not_run_out_while_it_waits(tmp_path: Path) -> None:
    """[T-95], [T-22]: but it does within the hours."""
    link = SimulatedLink(BUNDLE.data, script=repeat(Behaviour(drop_after=0)))
    request = FetchRequest(
        links=link,
        trust=TRUST,
        output=tmp_path / "out",
        config=TransferConfig(patience_s=15.0),
        clock=link.clock,
        hours=Daily(link.clock, 20.0),
        jitter=Random(1),
    )
    fetch = Fetch(request)
    with pytest.raises(Incomplete):
        fetch.run()
    assert fetch.figures().bytes_received == 0


def test_a_stick_is_read_at_any_time(tmp_path: Path) -> None:
    """[T-95]: the hours are for what costs something."""
    world = SimulatedSources()
    link = world.add(BUNDLE.data)
    link.is_free = True

    class Never:
        def shut_s(self) -> float:
            return 1e9

    Fetch(
        FetchRequest(
            links=world, trust=TRUST, output=tmp_path / "out", clock=world.clock, hours=Never(), jitter=Random(1)
        )
    ).run()
    assert (tmp_path / "out").read_bytes() == BUNDLE.data


@pytest.mark.parametrize("count", [2, 3])
def test_a_rate_limit_is_for_all_sources_together(tmp_path: Path, count: int) -> None:
    """[T-27], [T-90]"""
    world = SimulatedSources()
    for _ in range(count):
        world.add(BUNDLE.data, repeat(Behaviour(bytes_per_s=1e6)))
    config = TransferConfig(limit_bytes_per_s=50_000)
    Fetch(
        FetchRequest(
            links=world, trust=TRUST, output=tmp_path / "out", config=config, clock=world.clock, jitter=Random(1)
        )
    ).run()
    assert world.clock.seconds >= len(BUNDLE.data) / 50_000 - 1
