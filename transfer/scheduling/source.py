"""One source in a session: its connections, what it shows of itself, how long to wait for it, how far it is trusted.

Which bytes are asked for on which connection is decided in `scheduler`, over all sources. Here is what
concerns one alone: when to dial, what a silence means, which of its connections to give up [T-20], [T-21], [T-31].
"""

from collections.abc import Callable, Iterator
from random import Random

from bundle.host.clock import Clock
from bundle.read.reader import VerifiedRoot
from transfer.config import TransferConfig
from transfer.corruption_tracker import Suspects
from transfer.errors import CutShort, Dropped, LinkFault, OtherFile, PastEnd
from transfer.links.contract import Answered, Arrived, Connection, Ended, Event, Failed, Link, Opened
from transfer.scheduling.active_request import Lane
from transfer.scheduling.connection_counts import Crew, count_crew, lanes_wanted
from transfer.scheduling.link_estimator import Gauge
from transfer.scheduling.range_queue import Wanted
from transfer.scheduling.retry_policy import Patience
from transfer.source_layout import Layout

MOST_UNPROVEN = 14  # connections that may still come through, when a link is back


class Supplier:
    """What one session takes in over one link.

    meter            every byte that came over the link
    cut_short        that the file at the source ends before the bundle does, once that is known
    layout           where pieces stand in its file
    spoiled          offsets of pieces that it sent wrong, which are better asked of another [T-91]
    is_asked         whether it may have what is missing; a file that was read to its end has not
    lost             why it is asked no more; None while it is
    """

    def __init__(
        self, link: Link, config: TransferConfig, clock: Clock, say: Callable[[str], None], jitter: Random
    ) -> None:
        self.name = link.name
        self.is_free = link.is_free
        self.meter = link.meter
        self.cut_short: CutShort | None = None
        self.layout = Layout()
        self.spoiled: set[int] = set()
        self.is_asked = True
        self.lost: Exception | None = None
        self.suspects = Suspects(link.name, config.max_bad_copies)
        self.patience = Patience(link.name, config, clock, say, jitter)
        self._link = link
        self._config = config
        self._clock = clock
        self._gauge = Gauge()
        self._lanes: dict[Connection, Lane] = {}
        self._wanted = Wanted()
        self._most_lanes = link.most_lanes
        self._file_bytes: int | None = None  # what it said while the header was read
        self._up_at = float("-inf")  # when the link last showed that it is up

    @property
    def connections(self) -> int:
        """How many were made so far."""
        return self._link.connections

    @property
    def received_bytes(self) -> int:
        """Every byte that came over the link, of use or not."""
        return self.meter.received_bytes

    @property
    def most_head_bytes(self) -> int:
        """What answers that have not begun may cost beside what was asked for, with one more."""
        unanswered = sum(lane.is_busy and lane.total_bytes is None for lane in self._lanes.values())
        return self._link.most_head_bytes * (1 + unanswered)

    @property
    def bytes_per_s(self) -> float | None:
        """What it was seen to carry; None before that is known."""
        return self._gauge.bytes_per_s

    @property
    def is_busy(self) -> bool:
        """Whether any of its connections has a range."""
        return any(lane.is_busy for lane in self._lanes.values())

    @property
    def pending_bytes(self) -> int:
        """What was asked for and has not come."""
        return sum(lane.end - lane.position for lane in self._lanes.values() if lane.is_busy)

    @property
    def is_hopeful(self) -> bool:
        """Whether it delivers, or has not been asked for long enough to tell."""
        return self.crew().sound > 0 or self.patience.barren_s() < self._config.first_answer_s

    def begin_bundle(self, verified: VerifiedRoot | None) -> None:
        """From now on ranges are of the output that begins with that header; None: of whatever file is there."""
        self.layout = Layout(verified)

    def settle(self, header_bytes: int) -> None:
        """The header came from here, and has that length."""
        self.layout.settle(header_bytes, self._file_bytes)

    def begin(self, wanted: Wanted) -> None:
        """From now on this is what is wanted; the time without progress counts anew."""
        self._wanted = wanted
        self.patience.begin()

    def close(self) -> None:
        """Ends all connections, whatever they do."""
        for lane in list(self._lanes.values()):
            self.part_with(lane)

    def ask(self, lane: Lane, start: int, end: int, chunk_bytes: int) -> None:
        """Asks for a range, in bytes of the output."""
        lane.ask(start, end, chunk_bytes, self._clock.now(), self.layout.shift_bytes)

    def look(self, lane: Lane, chunk_bytes: int) -> None:
        """Looks at the beginning of the file, unless another connection is about to [T-133]."""
        silent = self.silent_lanes()
        if not any(one.look is not None and one.is_busy and one not in silent for one in self._lanes.values()):
            lane.ask_look(self.layout.look_bytes, chunk_bytes, self._clock.now())

    def may_have(self, offset: int) -> bool:
        """Whether the file there reaches so far."""
        return self.reach_bytes is None or offset < self.reach_bytes

    @property
    def reach_bytes(self) -> int | None:
        """Where the file there ends, if that is before the bundle does."""
        return self.cut_short.end_bytes if self.cut_short else None

    # -- what happens

    def take(self, event: Event) -> tuple[int, bytes] | None:
        """What an event brings: (offset, bytes), if any are of use. Raises what ends this source."""
        lane = self._lanes.get(event.connection)
        if lane is None:
            return None  # it was closed meanwhile
        match event:
            case Opened():
                self._opened(lane)
            case Answered(total_bytes=total):
                self._answered(lane, total)
            case Arrived(data=data):
                return self._arrived(lane, data)
            case Ended():
                self._ended(lane)
            case Failed(fault=fault):
                self._failed(lane, fault)
        return None

    def _opened(self, lane: Lane) -> None:
        now = self._clock.now()
        lane.opened_at = lane.alive_at = now
        if now - lane.dialed_at > (self._gauge.round_trip_s or 0.0) / 2:
            self._up_at = now  # no box nearby has answered, but the other end
        if self.crew().sound > self.target():
            self.part_with(lane)

    def _answered(self, lane: Lane, total_bytes: int) -> None:
        now, bundle_bytes = self._clock.now(), self.patience.bundle_bytes
        lane.alive_at = self._up_at = now
        self._gauge.answered(now - lane.asked_at, is_first=not lane.is_proven)
        lane.is_proven = True
        lane.total_bytes = total_bytes - lane.shift_bytes
        if bundle_bytes is None:
            self._file_bytes = total_bytes
            lane.end = max(lane.position, min(lane.end, total_bytes))
        elif lane.look is not None:
            return
        elif self.layout.doubts(total_bytes) or self.layout.is_in_doubt:
            self.part_with(lane)  # before what it was asked for is paid: that stands elsewhere
        elif lane.total_bytes > bundle_bytes:
            self._failed(lane, OtherFile(f"has {total_bytes} bytes, not the {bundle_bytes} of its bundle"))

    def _arrived(self, lane: Lane, data: bytes) -> tuple[int, bytes] | None:
        now = self._clock.now()
        lane.alive_at = self._up_at = now
        self._gauge.arrived(len(data), now)
        self._replace_silent(lane)
        data = data[: lane.end - lane.position]
        offset = lane.position
        lane.position += len(data)
        if lane.look is not None:
            self._looked(lane, lane.look, data)
            return None
        self.patience.count(len(data))
        if lane.is_cut and not lane.is_busy:
            self.part_with(lane)
        return (offset, data) if data else None

    def _looked(self, lane: Lane, seen: bytearray, data: bytes) -> None:
        seen += data
        if not lane.is_busy:
            try:
                self.layout.look(bytes(seen))
            except OtherFile as fault:
                self._failed(lane, fault)

    def _ended(self, lane: Lane) -> None:
        lane.alive_at, lane.is_asked = self._clock.now(), False
        file_bytes = (lane.total_bytes or 0) + lane.shift_bytes
        if lane.is_busy and lane.position >= (lane.total_bytes or 0):
            self._failed(lane, PastEnd(f"ends at byte {file_bytes}", file_bytes))
        elif lane.is_busy and lane.position == lane.asked_position:
            self._failed(lane, Dropped("the connection ended too early"))
        else:
            self._return_range(lane)

    def _failed(self, lane: Lane, fault: Exception) -> None:
        if not isinstance(fault, LinkFault):
            self.part_with(lane)
            raise fault
        position = lane.position
        if isinstance(fault, PastEnd) and self.patience.bundle_bytes is None:
            lane.rest()
            self.part_with(lane)
            return
        is_look = lane.look is not None
        self.part_with(lane)
        if isinstance(fault, PastEnd) and fault.end_bytes is not None:
            if not is_look and self.layout.doubts(fault.end_bytes):
                return
            fault.end_bytes = max(0, fault.end_bytes - lane.shift_bytes)
        sound = self.crew().sound
        if isinstance(fault, Dropped) and fault.wait_s and sound:
            self._most_lanes = sound  # the source serves so many at once and turns others away
        else:
            self.patience.failed(fault, lane.dialed_at, position)

    # -- what to do about it

    def dial(self, worth: int) -> Iterator[Connection]:
        """Dials as many as are due, where unassigned work would employ `worth` more; one at a time if it seems down."""
        now = self._clock.now()
        if now < self.patience.quiet_until:
            return
        crew, target = self.crew(), self.target()
        is_hopeful = self.patience.is_hopeful(self._up_at, self._silence_s())
        if self._gauge.round_trip_s is None and target > 1:  # they can be made while the header is on its way
            worth, is_hopeful = target, True
        for _ in range(crew.dials_due(target, worth, is_hopeful)):
            unproven = [lane for lane in self._lanes.values() if not lane.is_proven]
            if not crew.sound and any(now >= lane.dialed_at + self._answer_s() for lane in unproven):
                self.patience.silent()
            if len(unproven) >= MOST_UNPROVEN:
                self.part_with(min(unproven, key=lambda lane: lane.dialed_at))
            connection = self._link.dial()
            self._lanes[connection] = Lane(connection, now)
            yield connection

    def _replace_silent(self, lane: Lane) -> None:
        """Gives up connections that have been silent since before this one, which delivers, was opened [T-20].

        Of those that have not answered yet, all that are not needed any more.
        """
        enough = self.crew().sound >= self.target()
        for silent in self.silent_lanes():
            is_older = lane.opened_at is not None and lane.opened_at > silent.alive_at
            if is_older or (enough and not silent.is_proven):
                self.part_with(silent)

    def _return_range(self, lane: Lane) -> None:
        if lane.rival is None and lane.look is None:
            self._wanted.add(lane.position, lane.end)
        lane.leave_rival()
        lane.rest()

    def part_with(self, lane: Lane) -> None:
        """Closes a connection; the rest of its range is wanted again, unless another was asked for it too."""
        if lane.is_busy:
            self._return_range(lane)
        lane.leave_rival()
        self._lanes.pop(lane.connection, None)
        lane.connection.close()

    def lane_of(self, connection: Connection) -> Lane | None:
        """Its lane, unless that was closed."""
        return self._lanes.get(connection)

    # -- how things stand

    def crew(self) -> Crew:
        """Its connections, counted."""
        return count_crew(self._lanes.values(), self._clock.now(), self._silence_s(), self._answer_s())

    def idle_lanes(self) -> int:
        """How many have nothing to do."""
        return sum(lane.is_idle for lane in self._lanes.values())

    def spare_lanes(self) -> int:
        """... or may stand in a moment and then have nothing to do."""
        now, answer_s = self._clock.now(), self._answer_s()
        return self.idle_lanes() + sum(
            lane.is_dialing and now < lane.dialed_at + answer_s for lane in self._lanes.values()
        )

    @property
    def lanes(self) -> list[Lane]:
        """Its connections."""
        return list(self._lanes.values())

    def silent_lanes(self) -> list[Lane]:
        """Those with a range that count as silent."""
        now = self._clock.now()
        return [lane for lane in self._lanes.values() if lane.is_busy and now >= self._silent_at(lane)]

    def slow_lanes(self, asked_by: "Supplier") -> list[Lane]:
        """Those that would not deliver the rest of their range for long [T-32].

        For itself only what is worth another request, once; for another source, whose rate is its own, all of it.
        """
        now, least_bytes = self._clock.now(), self._config.share_floor_bytes
        slow = [lane for lane in self._lanes.values() if lane.is_busy and self._is_slow(lane, now)]
        return [
            lane
            for lane in slow
            if asked_by is not self or (not lane.is_cut and lane.end - lane.position >= least_bytes)
        ]

    def _is_slow(self, lane: Lane, now: float) -> bool:
        is_settled = lane.rival is None and lane.look is None and now > lane.asked_at + self._silence_s()
        return is_settled and lane.end - lane.position > self._config.slow_rest_s * lane.bytes_per_s(now)

    def target(self) -> int:
        """How many connections to have [T-31]."""
        now = self._clock.now()
        waited_s = max((now - lane.waits_since for lane in self._lanes.values() if not lane.is_idle), default=0.0)
        return lanes_wanted(self._config, self._gauge, self._most_lanes, waited_s)

    def _silent_at(self, lane: Lane) -> float:
        """When an open connection begins to count as silent."""
        may_wait = lane.is_proven or self._gauge.round_trip_s is None
        return lane.alive_at + (self._silence_s() if may_wait else self._answer_s())

    def _silence_s(self) -> float:
        """How long an open connection may be silent before another is dialed [T-20]."""
        if self._gauge.round_trip_s is None:
            return self._config.first_answer_s
        return max(self._config.idle_floor_s, self._config.idle_round_trips * self._gauge.round_trip_s)

    def _answer_s(self) -> float:
        """How long to wait for the first answer of a connection before the next is dialed [T-20]."""
        if self._gauge.round_trip_s is None:
            return max(self._config.idle_floor_s, self._config.retry_share * self.patience.barren_s())
        known = self._config.dial_round_trips * self._gauge.round_trip_s
        return max(self._config.dial_floor_s, known, self._config.retry_share * self.patience.barren_s())

    def moments(self) -> Iterator[float]:
        """When something is due if nothing happens before."""
        yield self.patience.ends_at
        yield self.patience.quiet_until
        for lane in self._lanes.values():
            if not lane.is_proven:
                yield max(lane.dialed_at, lane.alive_at) + self._answer_s()
            if lane.is_busy:
                yield self._silent_at(lane)
            if self._gauge.round_trip_s is None:
                yield lane.waits_since + self._config.far_s
