"""What a download has cost: over several runs, and for one bundle."""

from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle
from tests.support.links.simulated_link import VirtualClock
from transfer.disk.state_file import StateFile
from transfer.fetch.cost_record import MIN_RATE_SAMPLE_BYTES, CostRecord
from transfer.links.budget import Budget

BUNDLE = tiny_bundle(Shape(full_bytes=50_000))
OTHER = tiny_bundle(Shape(full_bytes=50_000, seq=3), seed=2)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def spend(output: Path, amount: int, channel: int = 0, bundle: object = BUNDLE) -> Budget:
    """One run: so much for a channel file, then so much for the bundle, in 10 s."""
    clock, budget = VirtualClock(), Budget(10**6)
    budget.received(channel)
    with StateFile(output) as state:
        record = CostRecord(state, budget, clock, clock.now())
        clock.sleep(10.0)
        budget.received(amount)
        budget.collect()
        record.open_state(bundle.verified)  # type: ignore[attr-defined]
        budget.received(1)
        budget.collect()
    return budget


def test_what_earlier_runs_have_cost_counts_for_the_budget(output: Path) -> None:
    """[T-94]: channel files among it."""
    spend(output, 1000, channel=50)
    assert StateFile(output).paid_bytes == 1051
    budget = spend(output, 2000)
    assert budget.earlier_bytes == 1051 and budget.left_bytes == 10**6 - 1051 - 2001
    assert StateFile(output).paid_bytes == 3052


def test_what_was_paid_for_another_bundle_does_not(output: Path) -> None:
    """[T-94]"""
    spend(output, 1000)
    budget = spend(output, 2000, bundle=OTHER)
    assert budget.earlier_bytes == 0 and StateFile(output).paid_bytes == 2001


@pytest.mark.parametrize(
    ("amount", "rate"), [(MIN_RATE_SAMPLE_BYTES - 2, None), (MIN_RATE_SAMPLE_BYTES, MIN_RATE_SAMPLE_BYTES // 10)]
)
def test_a_rate_is_kept_once_enough_came_to_tell(output: Path, amount: int, rate: int | None) -> None:
    """[T-80]"""
    spend(output, amount)
    assert StateFile(output).bytes_per_s == rate
