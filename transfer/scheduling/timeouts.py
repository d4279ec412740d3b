"""How long a connection may be silent, by what the link has shown of itself [T-20]."""

from transfer.config import TransferConfig
from transfer.scheduling.active_request import PooledConnection
from transfer.scheduling.link_estimator import LinkEstimator
from transfer.scheduling.retry_policy import RetryPolicy


class Timeouts:
    """Seconds of waiting for one source. Silence ends no connection: it says when another one is due."""

    def __init__(self, config: TransferConfig, estimator: LinkEstimator, retry: RetryPolicy) -> None:
        self._config = config
        self._estimator = estimator
        self._retry = retry

    def silence_s(self) -> float:
        """How long a connection that has answered before may be silent."""
        if self._estimator.round_trip_s is None:
            return self._config.first_answer_s
        return max(self._config.idle_floor_s, self._config.idle_round_trips * self._estimator.round_trip_s)

    def answer_s(self) -> float:
        """How long to wait for the first answer of a connection before the next one is dialed."""
        # TCP doubles the pauses between its own attempts, so a dial into an outage may sit out many seconds of a link
        # that works again. A fresh dial finds out at once. The share of the outage keeps their number small.
        growing_s = self._config.retry_share * self._retry.stalled_s()
        if self._estimator.round_trip_s is None:
            return max(self._config.idle_floor_s, growing_s)
        return max(self._config.dial_floor_s, self._config.dial_round_trips * self._estimator.round_trip_s, growing_s)

    def silent_at(self, pooled: PooledConnection) -> float:
        """When an open connection begins to count as silent, if nothing comes over it."""
        may_wait = pooled.has_answered or self._estimator.round_trip_s is None
        return pooled.alive_at + (self.silence_s() if may_wait else self.answer_s())
