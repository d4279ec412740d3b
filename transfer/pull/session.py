"""The ship's side of pull: what is wanted of one file, asked for in datagrams until it has come.

All state is here and none at the server. What is missing is the partial file; a request names it; what is not answered
is asked for again. So there is no connection that an outage, another address or a NAT could break [T-163].

The order of things: an open brings a grant, with the first bytes if that is allowed. Then asks go out as fast as the
pacer has it. In silence one small request goes out now and then, from another port after every four [T-165].
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from random import Random

from bundle.errors import Malformed
from transfer.pull.datagrams import (
    MAX_OFFSET,
    SMALL_PACKET_BYTES,
    WIRE_BYTES,
    Ask,
    Data,
    Grant,
    Open,
    Reason,
    Refusal,
    read_answer,
)
from transfer.pull.outstanding import Outstanding, Sent
from transfer.pull.pacing import Pacer, Stamp
from transfer.pull.packet_size import PacketSize
from transfer.pull.stash import Stash
from transfer.pull.wanted import HEAD_BYTES, Chunk, Wanted, as_ranges, open_bytes

ASK_BYTES = WIRE_BYTES + 30
RANGE_BYTES = 12
HELD_BYTES = 4 * 1024 * 1024  # that may have come or be under way and not be taken
OPEN_PACKETS = 3  # asked for with the first open
REQUEST_S = 0.04  # what one request asks for takes so long at most,
MIN_REQUEST_PACKETS = 2
TRAIN_PACKETS = 5  # where nothing tells the rate yet but the gaps between answers to one request
MAX_REQUEST_PACKETS = 16
BEHIND_S = 0.1  # of the pace that may be made up for
SILENCE_S = 0.25  # beyond a time-out, until the link counts as silent
POLL_S = 0.25  # between requests in silence, at first
POLL_GROWTH = 1.25
MAX_POLL_S = 1.0  # ... or a share of the silence, if that is more
SILENCE_SHARE = 1 / 32
OPEN_S = 1.0
OPENED_S = 0.25  # behind a grant come the bytes that were asked for with it, or not at all
MAX_OPEN_S = 30.0
POLLS_A_PORT = 4
TAIL_SHARE = 1 / 8  # of what the link holds may be asked for twice at the end,
TAIL_LEAST = 2  # ... and as many packets


class State(Enum):
    """How far it has come."""

    OPENING = auto()
    GRANTED = auto()
    REFUSED = auto()


class PullSession:
    """Wants ranges of the file at `path`.

    affordable     whether so many bytes on the wire may be spent, with what is under way; for a budget
    port           a number that grows when requests should go out from another port
    total_bytes    the length of the file; None before the grant
    exchanges      how often the file turned out to be another one
    is_broke       nothing more may be spent
    untaken_bytes  what was taken from here, and waits elsewhere to be used
    """

    def __init__(
        self,
        path: str,
        random: Random,
        remembered_bytes_per_s: float | None = None,
        limit_bytes_per_s: float | None = None,
        affordable: Callable[[int], bool] = lambda amount: True,
    ) -> None:
        self.state = State.OPENING
        self.port = 0
        self.total_bytes: int | None = None
        self.exchanges = 0
        self.is_broke = False
        self.untaken_bytes = 0
        self.stash = Stash()
        self._size = PacketSize()
        self.pacer = Pacer(self._size.packet + HEAD_BYTES, remembered_bytes_per_s, limit_bytes_per_s)
        self._path = path
        self._affordable = affordable
        self._session = random.getrandbits(32)
        self._cookie = self._handle = b""
        self._wanted = Wanted()
        self._under_way = Outstanding()
        self._opens: dict[int, float] = {}  # when each was sent
        self._next_at = 0.0
        self._heard_at = float("-inf")
        self._waits_since = float("-inf")
        self._polls = self._number = 0
        self._is_starved = False  # lately there was nothing to ask for
        self._is_short = False  # what is under way may use up the budget
        self._last_cost = 0
        self._twice_bytes = 0  # asked for twice since something was wanted last

    # -- what is wanted

    def want(self, start: int, end: int) -> None:
        """These bytes are to be asked for, unless they are on their way or there."""
        self.is_broke = False
        self._twice_bytes = 0
        self._wanted.want(start, end if self.total_bytes is None else min(end, self.total_bytes))

    def unwant(self, start: int, end: int) -> None:
        """These bytes are not to be asked for any more; what is on its way may still come."""
        self._wanted.unwant(start, end)

    def take(self, position: int, end: int) -> bytes:
        """What has come from `position` on, in order; it is not kept any longer."""
        data = self.stash.read(position, end)
        if data:
            self._release(position, position + len(data))
        return data

    def keep_only(self, ranges: list[tuple[int, int]]) -> None:
        """Lets go of what has come outside these ranges, where that takes up the room."""
        if self.stash.held_bytes + self.untaken_bytes < HELD_BYTES // 2:
            return
        position = 0
        for start, end in [*sorted(ranges), (MAX_OFFSET, MAX_OFFSET)]:
            if position < start:
                self._release(position, start)
            position = max(position, end)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is wanted or under way."""
        return not (self._wanted or self._under_way)

    @property
    def has_room(self) -> bool:
        """Whether more may be asked for than has come and waits to be used."""
        return self.stash.held_bytes + self._under_way.data_bytes + self.untaken_bytes < HELD_BYTES

    @property
    def is_silent(self) -> bool:
        """Whether it asks and nothing comes."""
        return self.state is State.OPENING or self._polls > 0

    # -- what is sent

    def outgoing(self, now: float) -> Iterator[bytes]:
        """The datagrams that are due, each to be sent at once. Nothing before something is wanted."""
        if self.state is State.REFUSED or self.is_idle:
            return
        if self.state is State.OPENING:
            if now >= self._next_at:
                yield from self._open(now)
            return
        if now >= self._heard_at + self.pacer.pause_s():  # answers that still come tell themselves what is lost
            expired = list(self._under_way.expired(now))
            for chunk, stamp in expired:
                self._lose(chunk, stamp)
            if expired:
                self.pacer.timed_out(now)
        if self._polls or now >= self._silence_at():
            yield from self._poll(now)
        else:
            yield from self._go_on(now)

    def wake_at(self, now: float) -> float:
        """When `outgoing` may have something, if nothing comes before."""
        if self.state is State.REFUSED or self.is_idle or self.is_broke:
            return float("inf")
        if self.state is State.OPENING or self._polls:
            return self._next_at
        due = min(max(self._under_way.next_timeout, self._heard_at + self.pacer.pause_s()), self._silence_at())
        can_ask = self._wanted.has_lost or (self._wanted and self.has_room)
        if can_ask and not self._is_short and self._in_flight() < self.pacer.window():
            due = min(due, self._next_at)
        return due

    # -- what comes

    def receive(self, datagram: bytes, now: float) -> bool:
        """A datagram came. Returns whether it belongs here; nothing in it is trusted."""
        try:
            answer = read_answer(datagram)
        except Malformed:
            return False
        if answer.session != self._session or not 0 < answer.number <= self._number:
            return False
        match answer:
            case Grant():
                self._granted(answer, now)
            case Data():
                self._arrived(answer, now)
            case Refusal():
                self._refused(answer, now)
        return True

    def _granted(self, grant: Grant, now: float) -> None:
        if self._handle and grant.handle != self._handle:
            self.exchanges += 1
            self._forget()
        self._cookie, self._handle, self.total_bytes = grant.cookie, grant.handle, grant.total_bytes
        if self.state is State.OPENING:
            self.state = State.GRANTED
            self._heard(now)
            self._begin_path(grant.number, now)
        self._under_way.clip(grant.total_bytes)
        self._wanted.clip(grant.total_bytes)

    def _begin_path(self, number: int, now: float) -> None:
        """The first word from the other side tells the round trip, and whether long datagrams get there."""
        sent_at = self._opens.get(number, now)
        if number in self._opens:
            self.pacer.round_trip(now, now - sent_at)
        self._under_way.expire_at(now + max(OPENED_S, now - sent_at))
        if number > 1:
            self._size.padded_open_lost()
        self._opens.clear()

    def _arrived(self, answer: Data, now: float) -> None:
        chunk = (answer.offset, len(answer.data))
        sent = self._under_way.answered(answer.number, chunk, now)
        if sent is None:
            self._came_late(answer, now)
            if self._under_way.settled_by_another(chunk) or self._wanted.found(chunk):
                self._keep(answer, now)
            return
        if not sent.is_answered:
            sent.is_answered = True
            self.pacer.round_trip(now, now - sent.at)
        self.pacer.arrived(now, chunk[1] + HEAD_BYTES, sent.stamp)
        self._keep(answer, now)
        for lost, stamp in self._under_way.overtaken(answer.number, now, self.pacer.min_rtt or 0.0):
            self._lose(lost, stamp)

    def _came_late(self, answer: Data, now: float) -> None:
        """An answer that was given up tells how long a queue is by now, and what comes through it [T-188]."""
        late = self._under_way.late(answer.number)
        if late is not None:
            if not late.is_answered:
                late.is_answered = True
                self.pacer.late_round_trip(now, now - late.at)
            self.pacer.arrived(now, len(answer.data) + HEAD_BYTES, late.stamp)

    def _keep(self, answer: Data, now: float) -> None:
        self._heard(now)
        self._size.arrived(len(answer.data))
        self.pacer.packet = self._size.packet + HEAD_BYTES
        self._wanted.arrived((answer.offset, len(answer.data)))
        self.stash.put(answer.offset, answer.data)

    def _refused(self, refusal: Refusal, now: float) -> None:
        if self.state is State.OPENING:
            if refusal.reason is Reason.NO_FILE:
                self.state = State.REFUSED
            return
        self._heard(now)
        for chunk in self._under_way.refused(refusal.number):
            self._wanted.put_back(chunk)
        if refusal.reason is Reason.COOKIE:
            self._cookie = refusal.cookie
        else:
            self.state, self._next_at = State.OPENING, now

    # -- inside: asking

    def _go_on(self, now: float) -> Iterator[bytes]:
        """As many requests as the pacer allows."""
        self._is_short = False
        self.pacer.drained(now, self._in_flight())
        rate, window = self.pacer.bytes_per_s_now(now), self.pacer.window()
        least = TRAIN_PACKETS if self.pacer.wants_train else MIN_REQUEST_PACKETS
        most = min(MAX_REQUEST_PACKETS, max(least, int(rate * REQUEST_S / self.pacer.packet)))
        self._next_at = max(self._next_at, now - BEHIND_S)
        while now >= self._next_at and self._in_flight() < window:
            chunks = self._pick(most, self._size.packet)
            datagram = self._ask(chunks, now)
            if datagram is None:
                self._is_starved = True
                return
            self._next_at += self._last_cost / rate
            yield datagram
            if self._may_double(chunks, len(datagram) + WIRE_BYTES):
                self._twice_bytes += self._last_cost
                yield datagram
        self._is_starved = False

    def _open(self, now: float) -> Iterator[bytes]:
        """Asks for the file, and for the first bytes that are wanted of it."""
        is_first = not self._number
        packet = self._size.packet if is_first else SMALL_PACKET_BYTES
        for chunk in self._under_way.drop_all():
            self._wanted.put_back(chunk)
        chunks = self._wanted.pick_open(OPEN_PACKETS if is_first else 1, packet)
        padded = open_bytes(chunks)
        if not self._affordable(padded + WIRE_BYTES + sum(length + HEAD_BYTES for _, length in chunks)):
            self.is_broke = True
            for chunk in chunks:
                self._wanted.put_back(chunk)
            return
        start, end = chunks[0][0], sum(chunks[-1])
        self._remember(chunks, now, float("inf"))
        self._opens[self._number] = now
        self._next_at = now + min(MAX_OPEN_S, OPEN_S * self._growth())
        self._count_poll()
        yield Open(self._session, self._number, packet, (start, end - start), self._path).pack(padded)

    def _poll(self, now: float) -> Iterator[bytes]:
        """One small request, now and then, until the link is back."""
        if now < self._next_at and self._polls:
            return
        packet = SMALL_PACKET_BYTES if self._polls % 2 else self._size.packet
        if not self._wanted:
            for chunk in self._under_way.drop_oldest():
                self._wanted.put_back(chunk)
        silence_s = now - max(self._heard_at, self._waits_since)
        self._next_at = now + min(POLL_S * self._growth(), max(MAX_POLL_S, silence_s * SILENCE_SHARE))
        datagram = self._ask(self._pick(1, packet), now)
        self._count_poll()
        if datagram is not None:
            yield datagram

    def _ask(self, chunks: list[Chunk], now: float) -> bytes | None:
        """A request for these chunks, or for as many of them as may be paid for. None if that is none."""
        committed, cost = self._in_flight(), 0
        ranges: list[tuple[int, int]] = []
        while chunks:
            cost = sum(length + HEAD_BYTES for _, length in chunks)
            ranges = as_ranges(chunks, self._size.packet)
            if self._affordable(committed + cost + ASK_BYTES + RANGE_BYTES * len(ranges)):
                break
            self._wanted.put_back(chunks.pop())
            self._is_short = not chunks
        if not chunks:
            self.is_broke = self._is_short and not committed
            return None
        self._last_cost = cost
        self._remember(chunks, now, now + self.pacer.timeout_s(committed + cost))
        return Ask(self._session, self._number, self._cookie, self._handle, self._size.packet, tuple(ranges)).pack()

    def _remember(self, chunks: list[Chunk], now: float, expires_at: float) -> None:
        self._number += 1
        if not self._under_way and self._heard_at >= self._waits_since:
            self._waits_since = now
        stamp = self.pacer.sent(now, self._in_flight(), self._is_starved)
        self._under_way.add(self._number, Sent(now, set(chunks), stamp, expires_at=expires_at))

    def _pick(self, most: int, packet: int) -> list[Chunk]:
        return self._wanted.pick(most, packet, self.has_room)

    def _lose(self, chunk: Chunk, stamp: Stamp) -> None:
        self.pacer.lost(stamp)
        self._size.lost(chunk[1])
        self._wanted.lost(chunk)

    def _release(self, start: int, end: int) -> None:
        for dropped in self.stash.discard(start, end):
            self._wanted.taken(*dropped)

    # -- inside: how things stand

    def _heard(self, now: float) -> None:
        self._heard_at, self._is_short = now, False
        if self._polls:
            self._polls, self._next_at = 0, now

    def _count_poll(self) -> None:
        self._polls += 1
        self.port += self._polls % POLLS_A_PORT == 0

    def _growth(self) -> float:
        return POLL_GROWTH ** min(self._polls, 32)

    def _may_double(self, chunks: list[Chunk], request_bytes: int) -> bool:
        """Whether to send a request twice: nothing later would tell that it was lost, and a wait costs more [T-187]."""
        most = max(TAIL_LEAST * self.pacer.packet, TAIL_SHARE * self.pacer.flight())
        return (
            self._wanted.is_tail(chunks)
            and self._twice_bytes + self._last_cost <= most
            and self._affordable(self._in_flight() + self._last_cost + request_bytes)
        )

    def _silence_at(self) -> float:
        silent_at = max(self._heard_at, self._waits_since) + self.pacer.silence_s(self._in_flight()) + SILENCE_S
        # What was asked for again lately may yet be answered. If it is all there is, to ask once more pays twice.
        return silent_at if self._wanted else max(silent_at, self._under_way.next_timeout)

    def _in_flight(self) -> int:
        return self._under_way.data_bytes + self._under_way.packets * HEAD_BYTES

    def _forget(self) -> None:
        """The file is another one: nothing that was asked for or has come is of it."""
        self._under_way.drop_all()
        self.stash.clear()
        self._wanted = Wanted()
