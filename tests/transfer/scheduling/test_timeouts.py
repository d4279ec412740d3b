"""How long connections may be silent, from what a link has shown."""

from random import Random

import pytest

from tests.support.links.simulated_link import VirtualClock
from transfer.config import TransferConfig
from transfer.scheduling.link_estimator import LinkEstimator
from transfer.scheduling.retry_policy import RetryPolicy
from transfer.scheduling.timeouts import Timeouts


@pytest.mark.parametrize(
    ("round_trip_s", "stalled_s", "silence_s", "answer_s"),
    [
        (None, 0.0, 5.0, 2.5),
        (None, 160.0, 5.0, 5.0),
        (0.1, 0.0, 2.5, 1.5),
        (2.0, 0.0, 8.0, 5.0),
        (0.1, 320.0, 2.5, 10.0),
    ],
)
def test_waits_follow_the_round_trip_and_the_outage(
    round_trip_s: float | None, stalled_s: float, silence_s: float, answer_s: float
) -> None:
    """[T-20]"""
    clock, estimator = VirtualClock(), LinkEstimator()
    estimator.round_trip_s = round_trip_s
    timeouts = Timeouts(
        TransferConfig(), estimator, RetryPolicy("mirror", TransferConfig(), clock, lambda line: None, Random(1))
    )
    clock.seconds = stalled_s
    assert (timeouts.silence_s(), timeouts.answer_s()) == (silence_s, answer_s)
