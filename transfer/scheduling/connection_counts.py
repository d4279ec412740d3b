"""How many connections to have, and how much to ask of each: pure rules from what the link shows [T-31], [T-7]."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from transfer.config import TransferConfig
from transfer.scheduling.active_request import PooledConnection
from transfer.scheduling.link_estimator import LinkEstimator


@dataclass(frozen=True)
class ConnectionCounts:
    """The connections to one source at one moment, counted.

    sound    idle, or heard of lately
    fresh    have not answered yet, and were dialed or asked so lately that they still may
    silent   others with a range, which is at risk
    """

    sound: int
    fresh: int
    silent: int

    def dials_due(self, target: int, employable: int, link_is_up: bool) -> int:
        """How many to dial now: `target` connections at most, and no more than work would employ beside the open ones.

        A silent connection is replaced before it is given up. While nothing shows that the link is up, one at a time.
        """
        due = min(target, self.sound + self.silent + employable) - self.sound - self.fresh
        return max(0, due if link_is_up else min(due, 1 - self.fresh))


def count_connections(
    connections: Iterable[PooledConnection], now: float, silence_s: float, answer_s: float
) -> ConnectionCounts:
    """Counts connections.

    One that has answered before counts as silent after `silence_s`. One that never has is fresh for `answer_s`.
    """
    sound = fresh = silent = 0
    for one in connections:
        if one.is_idle or (one.has_answered and now < one.alive_at + silence_s):
            sound += 1
        elif not one.has_answered and now < max(one.dialed_at, one.alive_at) + answer_s:
            fresh += 1
        else:
            silent += one.is_busy
    return ConnectionCounts(sound, fresh, silent)


def connections_wanted(config: TransferConfig, estimator: LinkEstimator, most: int, waited_s: float) -> int:
    """As many as fill bandwidth x delay with what each may have in flight at first. One where that is little.

    `waited_s`: how long the first connection or request has been under way, which tells early of a long delay.
    """
    # Each connection has a receive buffer that the system fills ahead of the limit.
    if config.limit_bytes_per_s is not None:
        return 1
    if waited_s < config.far_s if estimator.round_trip_s is None else estimator.round_trip_s < config.near_s:
        return 1
    most = min(most, config.max_connections)
    first = estimator.first_bytes_per_s
    if estimator.round_trip_s is None or estimator.bytes_per_s is None:
        if estimator.round_trip_s is None or first is None:
            return most
        if first < config.slow_bytes_per_s:
            return 1
        return max(1, min(most, ceil(first * estimator.shortest_s / config.first_flight_bytes)))
    # On a slow link the head of each answer, some 350 bytes, costs more than a second connection gains.
    if estimator.bytes_per_s < config.slow_bytes_per_s:
        return 1
    # Sized by first flights, not by grown windows: one round trip after a reset the link is full again.
    # The figures that led to 6 connections and 14,600 bytes are in spec/decisions/0014-six-connections.md.
    in_flight = estimator.bytes_per_s * estimator.shortest_s
    return max(1, min(most, ceil(in_flight / config.first_flight_bytes)))


def request_bytes(config: TransferConfig, connections: int, busy: int, left_bytes: int, flight_bytes: float = 0) -> int:
    """How long the next request may be: halved towards the end, as long as there are not two for each connection.

    `connections`: how many there are to be. `busy`: how many of them have a request already. `flight_bytes`: what a
    round trip carries. After each request its connection waits for one; a request takes several, so that this is
    little.
    """
    size = config.request_ceiling_bytes
    if connections == 1:
        return size
    floor = max(config.request_floor_bytes, min(size, int(config.request_round_trips * flight_bytes / connections)))
    while size > floor and size * 2 * connections > left_bytes:
        size //= 2
    # Requests of one length would keep connections in step: all would end, and wait a round trip, together.
    # The first requests differ in length, so that connections that begin together do not end together.
    return max(floor, size * min(connections + busy + 1, 2 * connections) // (2 * connections))
