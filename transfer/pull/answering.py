"""The server's side of pull: every request stands by itself, and nothing is kept of a ship but what is due to it.

An answer to a request without a valid cookie is never longer than three times the request [T-159]. What is due waits in
a queue for each address, with a bound. The addresses take turns, one datagram each, so that a ship that asks for
everything a million times gets its share and no more [T-161].
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from bundle.errors import Malformed
from transfer.pull.cookies import CookieJar, neighbourhood
from transfer.pull.datagrams import (
    MAX_AMPLIFICATION,
    WIRE_BYTES,
    Ask,
    Data,
    Grant,
    Open,
    Range,
    Reason,
    Refusal,
    read_request,
)

Address = tuple[str, int]  # host and port; of IPv6 more may follow

MAX_PENDING_PACKETS = 1024  # of one address
MAX_PENDING = 65_536  # requests of all
BURST_S = 0.02  # of the rate that may be sent at once


class ServedFile(Protocol):
    """One file as it is now. `handle`: eight bytes that stand for it; another content has another one."""

    @property
    def handle(self) -> bytes: ...

    @property
    def total_bytes(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """Those bytes; fewer or none if they cannot be read any more."""


class Files(Protocol):
    """The files of a server."""

    def by_path(self, path: str) -> ServedFile | None:
        """The file that a URL names, if there is one for ships."""

    def by_handle(self, handle: bytes) -> ServedFile | None:
        """The file that was granted under this handle, if it is still the same."""


@dataclass
class PullCounts:
    """What a server did, for whoever watches it. Bytes are those on the wire, with IP and UDP."""

    requests: int = 0
    malformed: int = 0
    unproven: int = 0
    refused: int = 0
    dropped: int = 0
    answers: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(slots=True)
class _Due:
    """What is left of a range that was asked for."""

    address: Address
    file: ServedFile
    session: int
    number: int
    packet: int
    offset: int
    end: int

    @property
    def packets(self) -> int:
        return -(-(self.end - self.offset) // self.packet)


@dataclass(slots=True)
class _Place:
    """What is due to one address."""

    due: deque[_Due] = field(default_factory=deque)
    packets: int = 0
    waiting: dict[tuple[int, int, int], int] = field(default_factory=dict)  # (session, offset, length): request

    def lacks(self, request: Ask, start: int, end: int) -> Iterator[Range]:
        """What of a range does not wait already, for an earlier request of the session [T-189]."""
        begins = start
        for offset in range(start, end, request.packet):
            length = min(request.packet, end - offset)
            if self.waiting.setdefault((request.session, offset, length), request.number) != request.number:
                if begins < offset:
                    yield begins, offset
                begins = offset + length
        if begins < end:
            yield begins, end


class Answerer:
    """Takes requests in and gives answers out.

    `bytes_per_s`: all answers together, on the wire; None: as fast as they can be sent. `wall`: seconds for the age of
    cookies.
    """

    def __init__(
        self, files: Files, secret: bytes, wall: Callable[[], float], bytes_per_s: float | None = None
    ) -> None:
        self.counts = PullCounts()
        self._files = files
        self._cookies = CookieJar(secret)
        self._wall = wall
        self._bytes_per_s = bytes_per_s
        self._free_at = float("-inf")
        self._first: deque[tuple[bytes, Address]] = deque()  # short ones that nobody should wait for
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._pending = 0

    @property
    def addresses(self) -> int:
        """How many addresses something is due to."""
        return len(self._places)

    def take(self, datagram: bytes, address: Address) -> None:
        """A datagram came. Nothing that is in it can harm the server."""
        self.counts.received_bytes += len(datagram) + WIRE_BYTES
        try:
            request = read_request(datagram)
        except Malformed:
            self.counts.malformed += 1
            return
        self.counts.requests += 1
        if isinstance(request, Open):
            self._open(request, address, MAX_AMPLIFICATION * (len(datagram) + WIRE_BYTES))
        else:
            self._ask(request, address)

    def next(self, now: float) -> tuple[bytes, Address] | None:
        """The next datagram to send, and where to. None if nothing is due by now."""
        if now < self._free_at - BURST_S:
            return None
        sent = self._first.popleft() if self._first else self._next_data()
        if sent is not None:
            wire = len(sent[0]) + WIRE_BYTES
            self.counts.answers += 1
            self.counts.sent_bytes += wire
            if self._bytes_per_s is not None:
                self._free_at = max(self._free_at, now) + wire / self._bytes_per_s
        return sent

    def due_in(self, now: float) -> float | None:
        """In how many seconds `next` will have something; None if only a request can bring that."""
        if not self._first and not self._places:
            return None
        return max(0.0, self._free_at - BURST_S - now)

    # -- requests

    def _open(self, request: Open, address: Address, allowed: int) -> None:
        file = self._files.by_path(request.path)
        if file is None:
            self._refuse(request, Reason.NO_FILE, address)
            return
        self.counts.unproven += 1
        cookie = self._cookies.cookie(address[0], self._wall())
        grant = Grant(request.session, request.number, cookie, file.handle, file.total_bytes).pack()
        self._send_first(grant, address)
        left = allowed - len(grant) - WIRE_BYTES
        offset, end = request.range[0], min(sum(request.range), file.total_bytes)
        while offset < end:
            data = file.read(offset, min(request.packet, end - offset))
            answer = Data(request.session, request.number, offset, data).pack()
            left -= len(answer) + WIRE_BYTES
            if not data or left < 0:
                return
            self._send_first(answer, address)
            offset += len(data)

    def _ask(self, request: Ask, address: Address) -> None:
        file = self._files.by_handle(request.handle)
        if not self._cookies.is_valid(request.cookie, address[0], self._wall()):
            self.counts.unproven += 1
            self._refuse(request, Reason.COOKIE, address, self._cookies.cookie(address[0], self._wall()))
        elif file is None:
            self._refuse(request, Reason.HANDLE, address)
        elif all(offset >= file.total_bytes for offset, _ in request.ranges):
            self._refuse(request, Reason.PAST_END, address)
        else:
            for one in request.ranges:
                self._add(request, one, file, address)

    def _add(self, request: Ask, wanted: Range, file: ServedFile, address: Address) -> None:
        start, end = wanted[0], min(sum(wanted), file.total_bytes)
        if start >= end:
            return
        key = neighbourhood(address[0])
        place = self._places.get(key) or _Place()
        if self._pending >= MAX_PENDING or place.packets - (start - end) // request.packet > MAX_PENDING_PACKETS:
            self.counts.dropped += 1
            return
        for first, last in place.lacks(request, start, end):
            due = _Due(address, file, request.session, request.number, request.packet, first, last)
            self._places[key] = place
            place.due.append(due)
            place.packets += due.packets
            self._pending += 1

    def _refuse(self, request: Open | Ask, reason: Reason, address: Address, cookie: bytes = bytes(8)) -> None:
        self.counts.refused += 1
        self._send_first(Refusal(request.session, request.number, reason, cookie).pack(), address)

    # -- answers

    def _send_first(self, datagram: bytes, address: Address) -> None:
        if len(self._first) < MAX_PENDING:
            self._first.append((datagram, address))
        else:
            self.counts.dropped += 1

    def _next_data(self) -> tuple[bytes, Address] | None:
        """One datagram of the address whose turn it is."""
        while self._places:
            key, place = self._places.popitem(last=False)
            due = place.due[0]
            data = due.file.read(due.offset, min(due.packet, due.end - due.offset))
            answer = Data(due.session, due.number, due.offset, data).pack()
            place.packets -= due.packets
            place.waiting.pop((due.session, due.offset, min(due.packet, due.end - due.offset)), None)
            due.offset = due.offset + len(data) if data else due.end
            place.packets += due.packets
            if due.offset >= due.end:
                place.due.popleft()
                self._pending -= 1
            if place.due:
                self._places[key] = place  # behind all others
            if data:
                return answer, due.address
        return None
