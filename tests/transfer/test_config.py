"""Numbers out of their bounds are refused by name."""

from typing import Any

import pytest

from transfer.config import TransferConfig


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"limit_bytes_per_s": 0}, "limit_bytes_per_s"),
        ({"sync_share": 1.5}, "sync_share"),
        ({"patience_s": 0.0}, "patience_s"),
        ({"retry_floor_s": -1.0}, "retry_floor_s"),
        ({"max_bad_answers": 0}, "max_bad_answers"),
    ],
)
def test_a_value_out_of_bounds_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TransferConfig(**values)


def test_the_defaults_are_those_of_the_spec() -> None:
    """[T-2], [T-7], [T-12], [T-16], [T-17], [T-20], [T-21], [T-22], [T-25], [T-31] to [T-33]: as the spec promises."""
    config = TransferConfig()
    assert (config.first_request_bytes, config.sync_share) == (4096, 0.1)
    assert (config.max_bad_answers, config.max_redirects, config.max_bad_copies) == (3, 5, 5)
    assert (config.first_answer_s, config.idle_floor_s, config.idle_round_trips) == (5, 2.5, 4)
    assert (config.dial_floor_s, config.dial_round_trips, config.hopeful_s) == (1.5, 2.5, 30)
    assert (config.request_floor_bytes, config.request_ceiling_bytes) == (256 * 1024, 2 * 1024 * 1024)
    assert config.request_round_trips == 3
    assert (config.max_connections, config.near_s, config.far_s, config.slow_bytes_per_s) == (6, 0.05, 0.25, 32_000)
    assert (config.first_flight_bytes, config.slow_rest_s, config.share_floor_bytes) == (14_600, 20, 32 * 1024)
    assert config.hold_bytes == 4 * 1024 * 1024
    assert (config.retry_floor_s, config.retry_ceiling_s, config.retry_share) == (0.05, 0.3, 1 / 32)
    assert (config.progress_bytes, config.patience_s) == (1024, 300)
