"""Bytes from a link, whatever becomes of its connections: which range on which, when to dial, when to give one up.

One thread, one clock, one event after the other. A connection that ends leaves its range from the very next byte on to
another [T-23]; one that goes silent is kept until another delivers [T-20]. When to stop at all: `transfer.patience`.
"""

from collections.abc import Callable, Generator
from random import Random

from transfer.clock import Clock
from transfer.config import TransferConfig
from transfer.crew import Crew, count_crew, lanes_wanted, request_bytes
from transfer.errors import Dropped, LinkFault, OtherFile, PastEnd
from transfer.gauge import Gauge
from transfer.lane import Lane
from transfer.link import Answered, Arrived, Connection, Ended, Event, Failed, Link, Opened
from transfer.pace import Pace
from transfer.patience import Patience
from transfer.wanted import Wanted

MOST_UNPROVEN = 14  # connections that may still come through, when a link is back
MARGIN_S = 0.001  # behind a moment to wait for, so that it has come whatever the clock rounds


class Reception:
    """What one session takes in over one link. `received_bytes` counts every byte that the link handed over.

    `bundle_bytes` is the length that the file at the source must have, once the verified root has told it. Until then
    a range ends where the file does; after that, a file that ends early is a fault.
    """

    def __init__(
        self, link: Link, config: TransferConfig, clock: Clock, say: Callable[[str], None], jitter: Random
    ) -> None:
        self.received_bytes = 0
        self._link = link
        self._config = config
        self._clock = clock
        self._pace = Pace(config.limit_bytes_per_s, clock)
        self._patience = Patience(link.name, config, clock, say, jitter)
        self._gauge = Gauge()
        self._lanes: dict[Connection, Lane] = {}
        self._wanted = Wanted()
        self._most_lanes = link.most_lanes
        self._up_at = float("-inf")  # when the link last showed that it is up

    @property
    def bundle_bytes(self) -> int | None:
        """The length of the bundle; None until it is known."""
        return self._patience.bundle_bytes

    @bundle_bytes.setter
    def bundle_bytes(self, total: int | None) -> None:
        self._patience.bundle_bytes = total

    def receive(self, wanted: Wanted) -> Generator[tuple[int, bytes]]:
        """Yields (offset, bytes) until all that is wanted has come, none twice; the caller may add to `wanted`.

        What belongs to one range comes in order. Raises Incomplete when waiting does not help any more, SourceRefused
        or SourceCorrupt when it never will.
        """
        self._wanted = wanted
        self._patience.begin()
        while True:
            self._assign()
            if not wanted.left_bytes and not any(lane.is_busy for lane in self._lanes.values()):
                return
            self._dial()
            event = self._link.wait(self._idle_s())
            if event is not None:
                yield from self._take(event)
            self._patience.check()

    def receive_range(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`; fewer if the length of the file is not known yet and it ends before."""
        wanted = Wanted()
        wanted.add(start, end)
        parts = dict(self.receive(wanted))
        return b"".join(parts[offset] for offset in sorted(parts))

    def give_up(self, position: int) -> None:
        """Ends the connection that has come to `position`; the rest of its range is wanted again [T-24]."""
        for lane in [lane for lane in self._lanes.values() if lane.is_busy and lane.position == position]:
            self._part_with(lane)

    def close(self) -> None:
        """Ends all connections, whatever they do."""
        self._wanted = Wanted()
        for lane in list(self._lanes.values()):
            self._part_with(lane)

    # -- what happens

    def _take(self, event: Event) -> Generator[tuple[int, bytes]]:
        if isinstance(event, Arrived):
            self.received_bytes += len(event.data)
        lane = self._lanes.get(event.connection)
        if lane is None:
            return  # it was closed meanwhile
        match event:
            case Opened():
                self._opened(lane)
            case Answered(total_bytes=total):
                self._answered(lane, total)
            case Arrived(data=data):
                yield from self._arrived(lane, data)
            case Ended():
                self._ended(lane)
            case Failed(fault=fault):
                self._failed(lane, fault)

    def _opened(self, lane: Lane) -> None:
        now = self._clock.now()
        lane.opened_at = lane.alive_at = now
        if now - lane.dialed_at > (self._gauge.round_trip_s or 0.0) / 2:
            self._up_at = now  # no box nearby has answered, but the other end
        if self._crew().sound > self._target():
            self._part_with(lane)

    def _answered(self, lane: Lane, total_bytes: int) -> None:
        now = self._clock.now()
        lane.alive_at = self._up_at = now
        self._gauge.answered(now - lane.asked_at, is_first=not lane.is_proven)
        lane.is_proven = True
        lane.total_bytes = total_bytes
        if self.bundle_bytes is None:
            lane.end = max(lane.position, min(lane.end, total_bytes))
        elif total_bytes > self.bundle_bytes:
            self._failed(lane, OtherFile(f"has {total_bytes} bytes, not the {self.bundle_bytes} of its bundle"))

    def _arrived(self, lane: Lane, data: bytes) -> Generator[tuple[int, bytes]]:
        now = self._clock.now()
        lane.alive_at = self._up_at = now
        if (loser := lane.rival) is not None:
            lane.leave_rival()
            loser.rest()
            self._part_with(loser)
        self._gauge.arrived(len(data), now)
        self._replace_silent(lane)
        data = data[: lane.end - lane.position]
        offset = lane.position
        lane.position += len(data)
        self._patience.count(len(data))
        if lane.is_cut and not lane.is_busy:
            self._part_with(lane)
        if data:
            yield offset, data
            self._pace.spend(len(data))

    def _ended(self, lane: Lane) -> None:
        lane.alive_at, lane.is_asked = self._clock.now(), False
        if lane.is_busy and lane.position >= (lane.total_bytes or 0):
            self._failed(lane, PastEnd(f"ends at byte {lane.total_bytes}"))
        elif lane.is_busy and lane.position == lane.asked_position:
            self._failed(lane, Dropped("the connection ended too early"))
        else:
            self._return_range(lane)

    def _failed(self, lane: Lane, fault: Exception) -> None:
        if not isinstance(fault, LinkFault):
            raise fault
        position = lane.position
        if isinstance(fault, PastEnd) and self.bundle_bytes is None:
            lane.rest()
            self._part_with(lane)
            return
        self._part_with(lane)
        sound = self._crew().sound
        if isinstance(fault, Dropped) and fault.wait_s and sound:
            self._most_lanes = sound  # the source serves so many at once and turns others away
        else:
            self._patience.failed(fault, lane.dialed_at, position)

    # -- what to do about it

    def _assign(self) -> None:
        """Gives every idle connection something to do."""
        for lane in [lane for lane in self._lanes.values() if lane.is_idle]:
            now = self._clock.now()
            if self._target() == 1 < self._crew().sound:
                self._part_with(lane)
                continue
            busy = sum(other.is_busy for other in self._lanes.values())
            most = request_bytes(self._config, self._target(), busy, self._wanted.left_bytes)
            work = self._wanted.take(most) or self._rescue(lane) or self._share(now)
            if work:
                lane.ask(*work, self._pace.step_bytes(self._config.read_bytes), now)

    def _rescue(self, lane: Lane) -> tuple[int, int] | None:
        """What a silent connection was asked for, to be asked for once more: the first to deliver wins [T-20]."""
        silent_lanes = self._silent_lanes()
        for silent in silent_lanes:
            if silent.rival in silent_lanes:
                self._part_with(silent.rival)
            if silent.rival is None:
                silent.rival, lane.rival = lane, silent
                return silent.position, silent.end
        return None

    def _share(self, now: float) -> tuple[int, int] | None:
        """The untouched second half of what a slow connection would not have delivered for long [T-32]."""
        for slow in self._lanes.values():
            rest = slow.end - slow.position
            if slow.rival is not None or slow.is_cut or rest < 2 * self._config.lane_bytes:
                continue
            if rest > self._config.slow_rest_s * slow.bytes_per_s(now) and now > slow.asked_at + self._silence_s():
                middle = self._wanted.align(slow.position + rest // 2)
                if middle < slow.end:
                    end, slow.end, slow.is_cut = slow.end, middle, True
                    return middle, end
        return None

    def _dial(self) -> None:
        """Dials as many connections as are due, one at a time while the link seems to be down."""
        now = self._clock.now()
        if now < self._patience.quiet_until:
            return
        crew = self._crew()
        target = self._target()
        worth = self._wanted.worth_lanes(self._config.request_floor_bytes)
        is_hopeful = self._patience.is_hopeful(self._up_at, self._silence_s())
        if self._gauge.round_trip_s is None and target > 1:  # they can be made while the header is on its way
            worth, is_hopeful = target, True
        for _ in range(crew.dials_due(target, worth, is_hopeful)):
            unproven = [lane for lane in self._lanes.values() if not lane.is_proven]
            if not crew.sound and any(now >= lane.dialed_at + self._answer_s() for lane in unproven):
                self._patience.silent()
            if len(unproven) >= MOST_UNPROVEN:
                self._part_with(min(unproven, key=lambda lane: lane.dialed_at))
            connection = self._link.dial()
            self._lanes[connection] = Lane(connection, now)

    def _replace_silent(self, lane: Lane) -> None:
        """Gives up connections that have been silent since before this one, which delivers, was opened [T-20].

        Of those that have not answered yet, all that are not needed any more.
        """
        enough = self._crew().sound >= self._target()
        for silent in self._silent_lanes():
            is_older = lane.opened_at is not None and lane.opened_at > silent.alive_at
            if is_older or (enough and not silent.is_proven):
                self._part_with(silent)

    def _return_range(self, lane: Lane) -> None:
        if lane.rival is None:
            self._wanted.add(lane.position, lane.end)
        lane.leave_rival()
        lane.rest()

    def _part_with(self, lane: Lane) -> None:
        if lane.is_busy:
            self._return_range(lane)
        lane.leave_rival()
        self._lanes.pop(lane.connection, None)
        lane.connection.close()

    # -- how things stand

    def _crew(self) -> Crew:
        return count_crew(self._lanes.values(), self._clock.now(), self._silence_s(), self._answer_s())

    def _silent_lanes(self) -> list[Lane]:
        now = self._clock.now()
        return [lane for lane in self._lanes.values() if lane.is_busy and now >= self._silent_at(lane)]

    def _silent_at(self, lane: Lane) -> float:
        """When an open connection begins to count as silent."""
        may_wait = lane.is_proven or self._gauge.round_trip_s is None
        return lane.alive_at + (self._silence_s() if may_wait else self._answer_s())

    def _target(self) -> int:
        now = self._clock.now()
        waited_s = max((now - lane.asked_at for lane in self._lanes.values() if lane.is_busy), default=0.0)
        return lanes_wanted(self._config, self._gauge, self._most_lanes, waited_s)

    def _silence_s(self) -> float:
        """How long an open connection may be silent before another is dialed [T-20]."""
        if self._gauge.round_trip_s is None:
            return self._config.first_answer_s
        return max(self._config.idle_floor_s, self._config.idle_round_trips * self._gauge.round_trip_s)

    def _answer_s(self) -> float:
        """How long to wait for the first answer of a connection before the next is dialed [T-20]."""
        if self._gauge.round_trip_s is None:
            return max(self._config.idle_floor_s, self._config.retry_share * self._patience.barren_s())
        known = self._config.dial_round_trips * self._gauge.round_trip_s
        return max(self._config.dial_floor_s, known, self._config.retry_share * self._patience.barren_s())

    def _idle_s(self) -> float:
        """How long nothing will be due unless something happens."""
        now = self._clock.now()
        moments = [self._patience.ends_at, self._patience.quiet_until]
        for lane in self._lanes.values():
            if not lane.is_proven:
                moments.append(max(lane.dialed_at, lane.alive_at) + self._answer_s())
            if lane.is_busy:
                moments.append(self._silent_at(lane))
            if self._gauge.round_trip_s is None:
                moments.append(lane.asked_at + self._config.far_s)
        return min((moment - now for moment in moments if moment > now), default=0.0) + MARGIN_S
