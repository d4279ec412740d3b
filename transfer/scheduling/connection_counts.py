"""How many connections to have, and how much to ask of each: pure rules from what the link shows [T-31], [T-7]."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from transfer.config import TransferConfig
from transfer.scheduling.active_request import Lane
from transfer.scheduling.link_estimator import Gauge


@dataclass(frozen=True)
class Crew:
    """The connections of a session at one moment, counted.

    sound    idle, or heard of lately
    fresh    have not answered yet, and were dialed or asked so lately that they still may
    silent   others with a range, which is at risk
    """

    sound: int
    fresh: int
    silent: int

    def dials_due(self, target: int, worth: int, link_is_up: bool) -> int:
        """How many to dial now, if `target` are wanted at most and unassigned work would employ `worth` more.

        A silent one is replaced before it is given up. While nothing shows that the link is up, one at a time.
        """
        due = min(target, self.sound + self.silent + worth) - self.sound - self.fresh
        return max(0, due if link_is_up else min(due, 1 - self.fresh))


def count_crew(lanes: Iterable[Lane], now: float, silence_s: float, answer_s: float) -> Crew:
    """Counts lanes. A proven one counts as silent after `silence_s`, another is not fresh any more after `answer_s`."""
    sound = fresh = silent = 0
    for lane in lanes:
        if lane.is_idle or (lane.is_proven and now < lane.alive_at + silence_s):
            sound += 1
        elif not lane.is_proven and now < max(lane.dialed_at, lane.alive_at) + answer_s:
            fresh += 1
        else:
            silent += lane.is_busy
    return Crew(sound, fresh, silent)


def lanes_wanted(config: TransferConfig, gauge: Gauge, most: int, waited_s: float) -> int:
    """As many as fill bandwidth x delay with what each may have in flight at first; one where that is little.

    So a link is full again one round trip after it was lost, and need not wait for windows to grow. `waited_s`: how
    long the first connection or request has been under way, which tells early of a long delay.
    """
    if config.limit_bytes_per_s is not None:
        return 1
    if waited_s < config.far_s if gauge.round_trip_s is None else gauge.round_trip_s < config.near_s:
        return 1
    most = min(most, config.max_lanes)
    if gauge.round_trip_s is None or gauge.bytes_per_s is None:
        return most
    if gauge.bytes_per_s < config.slow_bytes_per_s:
        return 1
    flight = gauge.bytes_per_s * gauge.round_trip_s
    return max(1, min(most, ceil(flight / config.first_flight_bytes)))


def request_bytes(config: TransferConfig, lanes: int, busy: int, left_bytes: int) -> int:
    """How long the next request may be: halved towards the end, as long as there are not two for each connection.

    Equal ones in between, so that connections that do not end together never come to. `busy`, how many have a request
    already, sets those apart that begin together.
    """
    size = config.request_ceiling_bytes
    if lanes == 1:
        return size
    while size > config.request_floor_bytes and size * 2 * lanes > left_bytes:
        size //= 2
    return max(config.request_floor_bytes, size * min(lanes + busy + 1, 2 * lanes) // (2 * lanes))
