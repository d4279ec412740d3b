"""The connections to one source: which are idle, silent or slow, how many there should be, and closing them."""

from collections.abc import Iterator

from bundle.host.clock import Clock
from transfer.config import TransferConfig
from transfer.links.contract import Connection, Link, fills_path
from transfer.scheduling.active_request import PooledConnection
from transfer.scheduling.connection_counts import ConnectionCounts, connections_wanted, count_connections
from transfer.scheduling.link_estimator import LinkEstimator
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.timeouts import Timeouts

MAX_UNANSWERED = 14  # connections that may still come through, when a link is back


class ConnectionPool:
    """The connections to one source.

    max_connections   how many can be of use at once; less once the source has turned one away
    queue             where the rest of a range goes when its connection is closed
    """

    def __init__(
        self,
        link: Link,
        config: TransferConfig,
        clock: Clock,
        estimator: LinkEstimator,
        timeouts: Timeouts,
    ) -> None:
        self.max_connections = link.max_connections
        self.queue = RangeQueue()
        self._is_one_flow = fills_path(link)
        self._link = link
        self._config = config
        self._clock = clock
        self._estimator = estimator
        self._timeouts = timeouts
        self._pooled: dict[Connection, PooledConnection] = {}

    def __iter__(self) -> Iterator[PooledConnection]:
        return iter(list(self._pooled.values()))

    def find(self, connection: Connection) -> PooledConnection | None:
        """What is known of a connection. None once it is closed."""
        return self._pooled.get(connection)

    # -- opening and closing

    def dial(self, now: float) -> None:
        """Begins one more connection. Where too many have not answered, one of those makes room.

        It is one of middle age. The oldest may be about to answer: if it always made room for a new one, none would
        live as long as an answer takes, where that is long.
        """
        unanswered = self.unanswered()
        if len(unanswered) >= MAX_UNANSWERED:
            by_age = sorted(unanswered, key=lambda pooled: pooled.dialed_at)
            self.close(by_age[len(by_age) // 2])
        connection = self._link.dial()
        self._pooled[connection] = PooledConnection(connection, now)

    def close(self, pooled: PooledConnection) -> None:
        """Closes a connection. The rest of its range is wanted again, unless another was asked for it too."""
        self.release(pooled)
        self._pooled.pop(pooled.connection, None)
        pooled.connection.close()

    def close_all(self) -> None:
        """Closes all connections, whatever they do."""
        for pooled in self:
            self.close(pooled)

    def release(self, pooled: PooledConnection) -> None:
        """Takes its request away. What is left of that is wanted again, unless a rival is on it."""
        request = pooled.request
        if request is not None and pooled.rival is None and not request.is_probe:
            self.queue.add(request.position, request.end)
        pooled.end_race()
        pooled.request = None

    def replace_silent(self, delivering: PooledConnection) -> None:
        """Closes connections that have been silent since before `delivering` was opened [T-20].

        Of those that have never answered, all that are not needed any more.
        """
        # Only a connection that delivers proves that the silence of another is the fault of that one, and not of the
        # link. Closed any earlier, what was on its way to it would be paid for a second time.
        is_enough = self.counts().sound >= self.target()
        for silent in self.silent():
            is_older = delivering.opened_at is not None and delivering.opened_at > silent.alive_at
            if is_older or (is_enough and not silent.has_answered):
                self.close(silent)

    # -- how things stand

    @property
    def is_busy(self) -> bool:
        """Whether any connection has a range."""
        return any(pooled.is_busy for pooled in self)

    @property
    def pending_bytes(self) -> int:
        """What was asked for and has not come."""
        return sum(pooled.request.left_bytes for pooled in self if pooled.request)

    def unanswered(self) -> list[PooledConnection]:
        """Those that have never answered a request."""
        return [pooled for pooled in self if not pooled.has_answered]

    def awaited_answers(self) -> int:
        """How many requests have no answer yet."""
        return sum(pooled.is_busy and pooled.request.total_bytes is None for pooled in self if pooled.request)

    def counts(self) -> ConnectionCounts:
        """Its connections, counted."""
        return count_connections(self, self._clock.now(), self._timeouts.silence_s(), self._timeouts.answer_s())

    def target(self) -> int:
        """How many connections to have [T-31]."""
        now = self._clock.now()
        waited_s = max((now - since for pooled in self if (since := pooled.waits_since) is not None), default=0.0)
        return connections_wanted(self._config, self._estimator, self.max_connections, waited_s)

    def idle_count(self) -> int:
        """How many have nothing to do."""
        return sum(pooled.is_idle for pooled in self)

    def spare_count(self) -> int:
        """... or may open in a moment, and then have nothing to do."""
        now, answer_s = self._clock.now(), self._timeouts.answer_s()
        return self.idle_count() + sum(pooled.is_dialing and now < pooled.dialed_at + answer_s for pooled in self)

    def silent(self) -> list[PooledConnection]:
        """Those with a range that count as silent. Of lanes that share one flow, one may wait for the other."""
        now = self._clock.now()
        if self._is_one_flow and any(pooled.has_answered and now < self._timeouts.silent_at(pooled) for pooled in self):
            return []
        return [pooled for pooled in self if pooled.is_busy and now >= self._timeouts.silent_at(pooled)]

    def slow(self, for_itself: bool, rest_s: float | None = None) -> list[PooledConnection]:
        """Those that would need longer than `rest_s` for the rest of their range; None: as configured [T-32].

        For another connection of the same source, only what is worth one more request, and once. For another source,
        whose rate is its own, all of it.
        """
        rest_s = self._config.slow_rest_s if rest_s is None else rest_s
        now = self._clock.now()
        return [
            pooled
            for pooled in self
            if self._is_slow(pooled, now, rest_s) and (not for_itself or self._is_worth_sharing(pooled))
        ]

    def moments(self) -> Iterator[float]:
        """When something is due if nothing happens before."""
        for pooled in self:
            if not pooled.has_answered:
                yield max(pooled.dialed_at, pooled.alive_at) + self._timeouts.answer_s()
            if pooled.is_busy:
                yield self._timeouts.silent_at(pooled)
            if self._estimator.round_trip_s is None and (since := pooled.waits_since) is not None:
                yield since + self._config.far_s

    def _is_slow(self, pooled: PooledConnection, now: float, rest_s: float) -> bool:
        request = pooled.request
        if request is None or not request.left_bytes or request.is_probe or pooled.rival is not None:
            return False
        is_settled = now > request.asked_at + self._timeouts.silence_s()
        return is_settled and request.left_bytes > rest_s * request.bytes_per_s(now)

    def _is_worth_sharing(self, pooled: PooledConnection) -> bool:
        request = pooled.request
        return request is not None and not request.is_shortened and request.left_bytes >= self._config.share_floor_bytes
