"""The clock of the machine: bundle.host.clock."""

import time

import pytest

from bundle.host.clock import SystemClock


def test_it_never_goes_back_when_the_date_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= before


def test_it_sleeps_at_least_as_long_as_it_is_asked_to() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0.05)
    assert clock.now() - before >= 0.03  # a clock of Windows goes in steps of 16 ms
