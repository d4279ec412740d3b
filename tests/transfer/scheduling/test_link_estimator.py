"""What a link shows of itself: round trips and rates, from samples that this test makes up."""

import pytest

from transfer.scheduling.link_estimator import LinkEstimator


def stream(estimator: LinkEstimator, start: float, seconds: float, bytes_per_s: float) -> None:
    """Bytes that come ten times a second."""
    for tick in range(int(seconds * 10)):
        estimator.arrived(int(bytes_per_s / 10), start + tick / 10)


def test_the_first_sample_serves_until_there_is_a_better_one() -> None:
    """[T-20]"""
    estimator = LinkEstimator()
    estimator.answered(5.0, is_first=True)
    assert estimator.round_trip_s == 5.0
    estimator.answered(9.0, is_first=True)
    assert estimator.round_trip_s == 5.0
    estimator.answered(0.8, is_first=False)
    assert estimator.round_trip_s == 0.8
    estimator.answered(1.6, is_first=False)
    assert estimator.round_trip_s == pytest.approx(0.9)


def test_a_rate_is_taken_once_senders_have_settled() -> None:
    """[T-31]"""
    estimator = LinkEstimator()
    stream(estimator, 0.0, 3.5, 50_000)
    assert estimator.bytes_per_s is None
    stream(estimator, 3.5, 2.0, 50_000)
    assert estimator.bytes_per_s == pytest.approx(50_000, rel=0.15)


def test_a_rate_rises_at_once_and_falls_slowly() -> None:
    """[T-31]"""
    estimator = LinkEstimator()
    stream(estimator, 0.0, 6.0, 10_000)
    stream(estimator, 6.0, 2.5, 100_000)
    fast = estimator.bytes_per_s or 0.0
    assert fast == pytest.approx(100_000, rel=0.15)
    stream(estimator, 8.5, 1.5, 10_000)
    assert fast * 0.75 < (estimator.bytes_per_s or 0.0) < fast


def test_a_pause_is_no_measurement() -> None:
    """[T-31]"""
    estimator = LinkEstimator()
    stream(estimator, 0.0, 6.0, 50_000)
    before = estimator.bytes_per_s
    estimator.arrived(5_000, 60.0)
    stream(estimator, 60.1, 2.0, 5_000)
    assert estimator.bytes_per_s == before


def test_the_shortest_gap_of_the_first_answer_tells_the_rate() -> None:
    """[T-31]: a lost segment makes a long gap on a fast link, too; parts of a part tell nothing."""
    estimator = LinkEstimator()
    for amount, at in ((1448, 0.0), (1448, 0.2), (100, 0.2001), (1448, 0.9)):
        estimator.first_answer(amount, at)
    assert estimator.first_bytes_per_s == pytest.approx(1448 / 0.2)
