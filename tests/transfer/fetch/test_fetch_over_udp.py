"""Whole fetches over UDP in virtual time: the session above and pull below, in every weather [T-163] to [T-169]."""

from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.simulated_link import HONEST, SimulatedSources, fetch_over
from tests.support.packets.path import PacketPath, outages
from tests.support.packets.simulated import PullRoute, PullSea
from transfer.config import TransferConfig
from transfer.errors import BudgetSpent, Incomplete

BUNDLE = tiny_bundle(Shape(full_bytes=3_000_000, piece_bytes=65_536), seed=3)
LENGTH = len(BUNDLE.data)
HELD_UNVERIFIED_BYTES = 8192  # pieces that had come in part


@pytest.mark.parametrize(
    ("kbit_s", "options", "most"),
    [
        *((2000, {}, 1.05), (2000, {"loss": 0.02}, 1.10), (2000, {"loss": 0.05}, 1.12), (512, {"loss": 0.05}, 1.06)),
        (2000, {"up_bit_s": 32_000.0}, 1.10),
        (2000, {"outages": outages(2, 20, 5, 60)}, 1.09),
        (2000, {"new_address_at": 8.0}, 1.16),
        (2000, {"forget_at": (7.0,)}, 1.35),
        (2000, {"largest": 1400}, 1.35),
    ],
    ids=str,
)
def test_a_bundle_comes_as_fast_as_the_link_is(
    kbit_s: int, options: dict[str, object], most: float, tmp_path: Path
) -> None:
    """[T-164]: no range waits for the one before it, and nothing is asked for twice because it was slow."""
    path = PacketPath(kbit_s * 1000, 0.6, **options)  # type: ignore[arg-type]
    sea = PullSea(path, BUNDLE.data)
    figures = fetch_over(sea, tmp_path / "out").run()
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert sea.seconds < most * path.earliest_s(LENGTH)
    assert figures.bytes_paid == sea.arrived_bytes + sea.up_bytes
    assert sea.down_bytes < 1.12 * LENGTH / (1 - path.loss)


def test_a_slow_link_pays_the_file_and_little_more(tmp_path: Path) -> None:
    """[T-168]"""
    bundle = tiny_bundle(Shape(full_bytes=300_000), seed=3)
    sea = PullSea(PacketPath(64_000, 0.6, loss=0.05), bundle.data)
    fetch_over(sea, tmp_path / "out").run()
    assert sea.down_bytes < 1.05 * len(bundle.data) / 0.95 * 1.01


def test_a_budget_is_kept_to_over_all_runs(tmp_path: Path) -> None:
    """[T-168]"""
    config = TransferConfig(max_bytes=1_000_000)
    sea = PullSea(PacketPath(2e6, 0.6), BUNDLE.data)
    with pytest.raises(BudgetSpent):
        fetch_over(sea, tmp_path / "out", config=config).run()
    assert 980_000 < sea.arrived_bytes + sea.up_bytes <= 1_000_000
    again = PullSea(PacketPath(2e6, 0.6), BUNDLE.data)
    with pytest.raises(BudgetSpent):
        fetch_over(again, tmp_path / "out", config=config).run()
    assert sea.arrived_bytes + sea.up_bytes + again.arrived_bytes + again.up_bytes <= 1_000_000
    last = PullSea(PacketPath(2e6, 0.6), BUNDLE.data)
    fetch_over(last, tmp_path / "out").run()
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert last.down_bytes < 1.04 * (LENGTH - 900_000)


def test_a_way_that_is_blocked_after_a_while_ends_as_incomplete_and_is_gone_on_with(tmp_path: Path) -> None:
    """[T-165]"""
    blocked = PullSea(PacketPath(2e6, 0.6, outages=((6.0, 1e9),)), BUNDLE.data)
    with pytest.raises(Incomplete, match="nothing arrives"):
        fetch_over(blocked, tmp_path / "out").run()
    silent_bytes = blocked.up_bytes
    assert silent_bytes < 60_000 and blocked.session.port > 5
    sea = PullSea(PacketPath(2e6, 0.6), BUNDLE.data)
    fetch_over(sea, tmp_path / "out").run()
    assert (tmp_path / "out").read_bytes() == BUNDLE.data
    assert blocked.arrived_bytes + sea.arrived_bytes < 1.10 * LENGTH


@pytest.mark.parametrize("blocked_at", [0.0, 3.0, 60.0])
def test_a_way_that_is_blocked_in_one_direction_leaves_the_rest_to_http(blocked_at: float, tmp_path: Path) -> None:
    """[T-92]: what came over UDP until then is kept."""
    world = SimulatedSources()
    bundle = tiny_bundle(Shape(full_bytes=900_000), seed=3)
    route = PullRoute(PacketPath(64_000, 0.6), bundle.data, calendar=world.calendar)
    route.between = lambda datagram: [] if route.seconds >= blocked_at else [datagram]
    world.join(route)
    web = world.add(bundle.data, repeat(replace(HONEST, bytes_per_s=8000.0)))
    fetch_over(world, tmp_path / "out").run()
    assert (tmp_path / "out").read_bytes() == bundle.data
    assert world.clock.seconds < 240
    assert web.delivered + route.told_bytes < 1.05 * len(bundle.data) + 2 * HELD_UNVERIFIED_BYTES


@pytest.mark.parametrize(("bit_s", "loss"), [(64_000.0, 0.0), (512_000.0, 0.02), (10e6, 0.0), (10e6, 0.02)])
def test_beside_another_source_it_is_as_fast_as_alone(bit_s: float, loss: float, tmp_path: Path) -> None:
    """[T-174], [T-92]: the other one is dialed and not asked. A source that is not alone proves itself first [T-91]."""
    bundle = tiny_bundle(Shape(full_bytes=int(bit_s / 8 * 15), piece_bytes=65_536), seed=3)
    path = PacketPath(bit_s, 0.6, loss=loss)
    seconds = []
    for is_alone in (True, False):
        world = SimulatedSources()
        if not is_alone:
            web = world.add(bundle.data, repeat(replace(HONEST, bytes_per_s=bit_s / 80)), dial_s=0.6)
        world.join(PullRoute(path, bundle.data, calendar=world.calendar))
        output = tmp_path / str(is_alone)
        fetch_over(world, output).run()
        assert output.read_bytes() == bundle.data
        seconds.append(world.clock.seconds)
    assert seconds[1] < 1.06 * seconds[0] + 0.61 and not web.requests
