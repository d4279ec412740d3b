"""One source in a session: what happens on its connections, and what that says of it.

Each concern has a part of its own: `pool` has the connections, `timeouts` says how long they may be silent, `layout`
where pieces stand in the file, `corruption` how far the source is trusted, `retry` when it is tried again. Which bytes
are asked for on which connection is decided by `dispatcher`, over all sources.
"""

from collections.abc import Callable
from random import Random

from bundle.host.clock import Clock
from transfer.config import TransferConfig
from transfer.corruption_tracker import CorruptionTracker
from transfer.errors import Dropped, LinkFault, OtherFile, PastEnd
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Link, Opened, PacedLink, fills_path
from transfer.scheduling.active_request import ActiveRequest, PooledConnection
from transfer.scheduling.connection_pool import ConnectionPool
from transfer.scheduling.link_estimator import LinkEstimator
from transfer.scheduling.range_queue import RangeQueue
from transfer.scheduling.retry_policy import RetryPolicy
from transfer.scheduling.timeouts import Timeouts
from transfer.source_layout import SourceLayout

ANSWER_ROUND_TRIPS = 2.5  # a source that fills the way answers sooner, or something blocks it


class Source:
    """One source, read over one link.

    meter       every byte that came over the link
    fills_path  whether no other source adds to what it brings
    is_named    whether somebody named it; else the answer of another one told of it [T-185]
    is_asked    whether it may have what is missing; a file that was read to its end has not
    lost        why it is asked no more; None while it is
    """

    def __init__(
        self,
        link: Link,
        config: TransferConfig,
        clock: Clock,
        say: Callable[[str], None],
        jitter: Random,
        is_named: bool = True,
    ) -> None:
        self.name = link.name
        self.is_free = link.is_free
        self.fills_path = fills_path(link)
        self.meter = link.meter
        self.is_named = is_named
        self.is_asked = True
        self.lost: Exception | None = None
        self.layout = SourceLayout()
        self.corruption = CorruptionTracker(link.name, config.max_bad_copies)
        self.retry = RetryPolicy(link.name, config, clock, say, jitter)
        self._estimator = LinkEstimator()
        self._timeouts = Timeouts(config, self._estimator, self.retry)
        self.pool = ConnectionPool(link, config, clock, self._estimator, self._timeouts)
        self._link = link
        self._config = config
        self._clock = clock
        self._up_at = float("-inf")  # when the link last showed that it is up

    @property
    def connections(self) -> int:
        """How many were made so far."""
        return self._link.connections

    @property
    def has_answered(self) -> bool:
        """Whether anything of a file came from it."""
        return self._estimator.round_trip_s is not None

    @property
    def is_heard(self) -> bool:
        """Whether the far end is known to be there."""
        return self.has_answered or (isinstance(self._link, PacedLink) and self._link.is_heard)

    @property
    def bytes_per_s(self) -> float | None:
        """What it was seen to bring; None before it has brought enough to tell.

        A paced link knows its rate itself. What is told of it comes in the order of the file, and stops at each loss.
        """
        settled = self._link.settled_bytes_per_s if isinstance(self._link, PacedLink) else None
        return settled or self._estimator.bytes_per_s

    @property
    def flight_bytes(self) -> float:
        """What a round trip carries; 0 before anything has shown it."""
        return (self.bytes_per_s or 0.0) * (self._estimator.round_trip_s or 0.0)

    @property
    def received_bytes(self) -> int:
        """Every byte that came over the link, of use or not."""
        return self.meter.received_bytes

    @property
    def max_head_bytes(self) -> int:
        """What answers that have not begun may cost beside what was asked for, with one more request."""
        return self._link.max_head_bytes * (1 + self.pool.awaited_answers())

    def is_outdone_by(self, other: "Source") -> bool:
        """Whether the other one is faster on a way that both share, and delivers [T-174]."""
        return self.is_slower_than(other) and other.pool.is_busy and not other.pool.silent()

    def is_slower_than(self, other: "Source") -> bool:
        """Whether both share a way that either of them fills, and the other one is known to be faster [T-174]."""
        rate, others = self.bytes_per_s, other.bytes_per_s
        if other is self or self.is_free or other.is_free or not (self.fills_path or other.fills_path):
            return False
        return rate is not None and others is not None and others > rate

    def takeover_s(self, other: "Source") -> float | None:
        """From how long a rest on, in seconds, this one takes over what the other one still brings [T-174].

        None: as between any two. What is under way to the other one is then paid twice, a round trip's worth at most.
        """
        if other is self or self.is_free or other.is_free or not self.fills_path or other.fills_path:
            return None
        return ANSWER_ROUND_TRIPS * (self._estimator.round_trip_s or 0.0) if self.bytes_per_s else None

    def outpaces(self, request: ActiveRequest) -> bool:
        """Whether it would bring the rest of a range at least twice as fast as it comes."""
        return (self.bytes_per_s or 0.0) > 2 * request.bytes_per_s(self._clock.now())

    def leaves_room_for(self, other: "Source") -> bool:
        """Whether the other one may fill a way that both share, and this one's rate is not known [T-174].

        One connection tells that rate, and costs little if the other one is faster.
        """
        if self.is_free or other.is_free or self.fills_path or not other.fills_path:
            return False
        return self.bytes_per_s is None and other.is_promising(self._estimator.round_trip_s or 0.0)

    def is_promising(self, round_trip_s: float) -> bool:
        """Whether it delivers, or has been asked for so few round trips that it may yet."""
        if self.has_answered:
            return any(one.request for one in self.pool) and not self.pool.silent()  # or has just delivered
        asked = [since for one in self.pool if (since := one.waits_since) is not None]
        return not asked or self._clock.now() - min(asked) < ANSWER_ROUND_TRIPS * round_trip_s

    @property
    def may_deliver(self) -> bool:
        """Whether it delivers, or has not been asked for long enough to tell."""
        return self.pool.counts().sound > 0 or self.retry.stalled_s() < self._config.first_answer_s

    def begin(self, queue: RangeQueue) -> None:
        """From now on this is what is wanted. The time without progress counts anew."""
        self.pool.queue = queue
        self.retry.begin()

    def ask(self, pooled: PooledConnection, start: int, end: int, chunk_bytes: int) -> None:
        """Asks for a range, in bytes of the output."""
        pooled.ask(ActiveRequest(start, end, self._clock.now(), self.layout.shift_bytes), chunk_bytes)

    def probe(self, pooled: PooledConnection, chunk_bytes: int) -> None:
        """Asks for the first bytes of the file, unless another connection is about to bring them [T-133]."""
        silent = self.pool.silent()
        if not any(one.is_busy and one.request and one.request.is_probe and one not in silent for one in self.pool):
            request = ActiveRequest(0, self.layout.probe_bytes, self._clock.now(), prefix=bytearray())
            pooled.ask(request, chunk_bytes)

    def dial(self, employable: int) -> None:
        """Dials as many connections as are due, where unassigned work would employ so many more."""
        now = self._clock.now()
        if now < self.retry.no_dial_before:
            return
        counts, target = self.pool.counts(), self.pool.target()
        link_is_up = self.retry.expects_connections(self._up_at, self._timeouts.silence_s())
        # On a far link the others are made while the header is on its way: they cost nothing before they are asked,
        # and spare a round trip once it is verified.
        if self._estimator.round_trip_s is None and target > 1:
            employable, link_is_up = target, True
        for _ in range(counts.dials_due(target, employable, link_is_up)):
            answer_s = self._timeouts.answer_s()
            if not counts.sound and any(now >= one.dialed_at + answer_s for one in self.pool.unanswered()):
                self.retry.silent()
            self.pool.dial(now)

    def disconnect(self) -> None:
        """Closes all connections. It may be dialed again."""
        self.pool.close_all()

    # -- what happens

    def take(self, event: Event) -> tuple[int, bytes] | None:
        """What an event brings: (offset, bytes), if any are of use. Raises what ends this source."""
        pooled = self.pool.find(event.connection)
        if pooled is None:
            return None  # it was closed meanwhile
        match event:
            case Opened():
                self._opened(pooled)
            case Failed(fault=fault):
                self._failed(pooled, fault)
            case Answered(total_bytes=total) if pooled.request:
                self._answered(pooled, pooled.request, total)
            case Arrived(data=data) if pooled.request:
                return self._arrived(pooled, pooled.request, data)
            case Ended() if pooled.request:
                self._ended(pooled, pooled.request)
        return None

    def _opened(self, pooled: PooledConnection) -> None:
        now = self._clock.now()
        pooled.opened_at = pooled.alive_at = now
        # Satellite terminals accept connections on behalf of the far end, in far less than a round trip. Only what
        # took longer shows that the link is up.
        if now - pooled.dialed_at > (self._estimator.round_trip_s or 0.0) / 2:
            self._up_at = now
        if self.pool.counts().sound > self.pool.target():
            self.pool.close(pooled)

    def _answered(self, pooled: PooledConnection, request: ActiveRequest, total_bytes: int) -> None:
        now = self._clock.now()
        pooled.alive_at = self._up_at = now
        self._estimator.answered(now - request.asked_at, is_first=not pooled.has_answered)
        pooled.has_answered = True
        request.total_bytes = total_bytes - request.shift_bytes
        bundle_bytes = self.layout.bundle_bytes
        if bundle_bytes is None:
            self.layout.note_header_file(total_bytes)
            request.end = max(request.position, min(request.end, total_bytes))
        elif request.is_probe:
            return
        elif self.layout.note_length(total_bytes) or self.layout.needs_probe:
            self.pool.close(pooled)  # before what it was asked for is paid: that stands elsewhere
        elif request.total_bytes > bundle_bytes:
            self._failed(pooled, OtherFile(f"has {total_bytes} bytes, not the {bundle_bytes} of its bundle"))

    def _arrived(self, pooled: PooledConnection, request: ActiveRequest, data: bytes) -> tuple[int, bytes] | None:
        now = self._clock.now()
        pooled.alive_at = self._up_at = now
        self._estimator.arrived(len(data), now)
        if request.start == 0:
            self._estimator.first_answer(len(data), now)
        self.pool.replace_silent(pooled)
        data = data[: request.left_bytes]
        offset = request.position
        request.arrived(len(data), now)
        if request.prefix is not None:
            self._probe_arrived(pooled, request, request.prefix, data)
            return None
        self.retry.received(len(data))
        if request.is_shortened and not request.left_bytes:
            self.pool.close(pooled)
        return (offset, data) if data else None

    def _probe_arrived(self, pooled: PooledConnection, request: ActiveRequest, prefix: bytearray, data: bytes) -> None:
        prefix += data
        if not request.left_bytes:
            try:
                self.layout.take_probe(bytes(prefix))
            except OtherFile as fault:
                self._failed(pooled, fault)

    def _ended(self, pooled: PooledConnection, request: ActiveRequest) -> None:
        pooled.alive_at = self._clock.now()
        file_bytes = (request.total_bytes or 0) + request.shift_bytes
        if request.left_bytes and request.position >= (request.total_bytes or 0):
            self._failed(pooled, PastEnd(f"ends at byte {file_bytes}", file_bytes))
        elif request.left_bytes and request.position == request.start:
            self._failed(pooled, Dropped("the connection ended too early"))
        else:
            self.pool.release(pooled)

    def _failed(self, pooled: PooledConnection, fault: Exception) -> None:
        """A connection is gone. Sets the pause before the next, or raises what ends this source."""
        if not isinstance(fault, LinkFault):
            self.pool.close(pooled)
            raise fault
        request = pooled.request
        if isinstance(fault, PastEnd) and self.layout.bundle_bytes is None:
            pooled.request = None  # nobody knows yet how long the file should be: a range ends where it does
            self.pool.close(pooled)
            return
        self.pool.close(pooled)
        if isinstance(fault, PastEnd) and fault.end_bytes is not None and request is not None:
            if not request.is_probe and self.layout.note_length(fault.end_bytes):
                return
            fault.end_bytes = max(0, fault.end_bytes - request.shift_bytes)
        sound = self.pool.counts().sound
        if isinstance(fault, Dropped) and fault.wait_s and sound:
            self.pool.max_connections = sound  # the source serves so many at once and turns others away
        else:
            position = request.position if request else 0
            self.retry.failed(fault, pooled.dialed_at, position, self.layout.bundle_bytes)
