"""How many connections to dial, and how long requests are: pure rules."""

import pytest

from tests.support.links.recording_link import RecordedConnection
from transfer.config import TransferConfig
from transfer.scheduling.active_request import ActiveRequest, PooledConnection
from transfer.scheduling.connection_counts import (
    ConnectionCounts,
    connections_wanted,
    count_connections,
    request_bytes,
)
from transfer.scheduling.link_estimator import LinkEstimator

KIB = 1024


def connection(**fields: object) -> PooledConnection:
    return PooledConnection(RecordedConnection(), **fields)  # type: ignore[arg-type]


def test_connections_are_counted_by_what_was_heard_of_them() -> None:
    """[T-20]: at 100 s; silence counts after 3 s, a dial is fresh for 2 s."""
    asked = ActiveRequest(0, 10, asked_at=90.0)
    idle = connection(dialed_at=0.0, opened_at=1.0)
    delivering = connection(dialed_at=0.0, opened_at=1.0, has_answered=True, alive_at=98.0, request=asked)
    silent = connection(dialed_at=0.0, opened_at=1.0, has_answered=True, alive_at=97.0, request=asked)
    dialed = connection(dialed_at=98.5)
    lost = connection(dialed_at=97.0)
    found = count_connections([idle, delivering, silent, dialed, lost], 100.0, silence_s=3.0, answer_s=2.0)
    assert found == ConnectionCounts(sound=2, fresh=1, silent=1)


@pytest.mark.parametrize(
    ("counts", "target", "employable", "link_is_up", "dials"),
    [
        (ConnectionCounts(0, 0, 0), 6, 6, True, 6),
        (ConnectionCounts(0, 0, 0), 6, 2, True, 2),
        (ConnectionCounts(2, 1, 0), 6, 9, True, 3),
        (ConnectionCounts(2, 0, 1), 3, 0, True, 1),  # the silent one is replaced
        (ConnectionCounts(3, 0, 2), 3, 9, True, 0),
        (ConnectionCounts(0, 0, 0), 6, 6, False, 1),
        (ConnectionCounts(0, 1, 0), 6, 6, False, 0),
    ],
)
def test_dials_that_are_due(
    counts: ConnectionCounts, target: int, employable: int, link_is_up: bool, dials: int
) -> None:
    """[T-21], [T-31]"""
    assert counts.dials_due(target, employable, link_is_up) == dials


def test_requests_get_shorter_towards_the_end() -> None:
    """[T-7]"""
    config = TransferConfig()
    lengths = [request_bytes(config, 6, 5, left) for left in (10**9, 12 * 1024 * KIB, 3000 * KIB, 1)]
    assert lengths == [2048 * KIB, 1024 * KIB, 256 * KIB, 256 * KIB]
    assert request_bytes(config, 1, 0, 1) == 2048 * KIB
    flights = [request_bytes(config, 6, 5, 1, flight_bytes) for flight_bytes in (300 * KIB, 1000 * KIB, 10**9)]
    assert flights == [256 * KIB, 500 * KIB, 2048 * KIB]


def test_connections_that_begin_together_get_requests_of_different_lengths() -> None:
    """[T-7]: so that they do not end together, and all wait for a round trip."""
    lengths = [request_bytes(TransferConfig(), 6, busy, 10**9) for busy in range(6)]
    assert lengths == sorted(set(lengths)) and lengths[-1] == 2048 * KIB


@pytest.mark.parametrize(("gap_s", "expected"), [(0.05, 1), (0.0225, 3), (0.001, 6)], ids=["256k", "512k", "10M"])
def test_the_gaps_in_the_first_answer_tell_how_many_begin(gap_s: float, expected: int) -> None:
    """[T-31]: and a queue that their bytes wait in calls for no more of them."""
    estimator = LinkEstimator()
    estimator.answered(0.6, is_first=True)
    for at in range(3):
        estimator.first_answer(1400, 1.0 + at * gap_s)
    assert connections_wanted(TransferConfig(), estimator, 6, 0.0) == expected
    estimator.answered(2.4, is_first=False)
    assert connections_wanted(TransferConfig(), estimator, 6, 0.0) == expected
