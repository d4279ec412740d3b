"""A limit to the rate, on a clock that moves only by the pauses."""

import pytest

from tests.support.links.simulated_link import VirtualClock
from transfer.scheduling.rate_limiter import RateLimiter


def test_bytes_take_as_long_as_the_rate_says() -> None:
    """[T-27]"""
    clock = VirtualClock()
    limiter = RateLimiter(1000, clock)
    for _ in range(10):
        limiter.spend(500)
    assert clock.seconds == pytest.approx(5.0)


def test_time_that_passed_counts_and_a_silence_earns_no_credit() -> None:
    """[T-27]"""
    clock = VirtualClock()
    limiter = RateLimiter(1000, clock)
    limiter.spend(1000)
    clock.seconds += 0.4
    limiter.spend(1000)
    assert clock.seconds == pytest.approx(2.0)
    clock.seconds += 60
    limiter.spend(1000)
    limiter.spend(1000)
    assert clock.seconds >= 63.0 - 1e-9


def test_chunks_are_small_enough_for_short_pauses() -> None:
    """[T-27]"""
    assert RateLimiter(1000, VirtualClock()).chunk_bytes(65_536) == 250
    assert RateLimiter(3, VirtualClock()).chunk_bytes(65_536) == 1
    assert RateLimiter(None, VirtualClock()).chunk_bytes(65_536) == 65_536


def test_without_a_limit_nothing_pauses() -> None:
    clock = VirtualClock()
    RateLimiter(None, clock).spend(10**12)
    assert clock.sleeps == []
