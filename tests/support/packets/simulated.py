"""Pull over a `PacketPath` in virtual time: a session, an answerer, and datagrams in between. No sockets, no waiting.

    world = PullWorld(PacketPath(down_bit_s=2e6, rtt_s=0.6, loss=0.02), Random(1).randbytes(4_000_000))
    assert world.fetch() == world.content
    print(world.seconds, world.down_bytes, world.up_bytes)

The weather is the same for the same seed. A damaged datagram does not arrive: UDP has a checksum.
"""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from tests.support.links.simulated_link import Calendar, VirtualClock
from tests.support.packets.path import PacketPath, directions
from transfer.links.budget import Meter
from transfer.links.contract import Answered, Arrived, Connection, Event, Link
from transfer.links.pull import MAX_LANES, SPARE_BYTES, PullConnection
from transfer.links.pull_lanes import Lane, Lanes
from transfer.pull.answering import Address, Answerer, ServedFile
from transfer.pull.datagrams import MAX_DATAGRAM_BYTES, WIRE_BYTES
from transfer.pull.pacing import Phase
from transfer.pull.session import PullSession, State

SERVER_PORT = 8080
PATH = "/bundle"
HEADER_BYTES = 4096  # what is asked for first, as a fetch does
MOST_STEPS = 400_000
SECRET = b"sixteen bytes or more"


class MemoryFile:
    """A file of a server, in memory."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.handle = sha256(content).digest()[:8]
        self.total_bytes = len(content)
        self.read_bytes = 0

    def read(self, offset: int, length: int) -> bytes:
        data = self.content[offset : offset + length]
        self.read_bytes += len(data)
        return data


class MemoryFiles:
    """The files of a server by path. Whatever was granted is known until `restart`."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"/{name}": MemoryFile(content) for name, content in files.items()}
        self._granted: dict[bytes, str] = {}

    def by_path(self, path: str) -> ServedFile | None:
        file = self.files.get(path)
        if file is not None:
            self._granted[file.handle] = path
        return file

    def by_handle(self, handle: bytes) -> ServedFile | None:
        file = self.files.get(self._granted.get(handle, ""))
        return file if file is not None and file.handle == handle else None

    def restart(self) -> None:
        """Forgets what was granted."""
        self._granted.clear()


class PullWorld:
    """One ship and one server. `at` schedules what happens at a moment.

    between     is shown each datagram that arrives at the ship, and says what the ship gets instead
    down_bytes  on the link from the server to the ship, lost ones included; `up_bytes` back
    arrived_bytes  of those, what came to the ship
    """

    def __init__(
        self,
        path: PacketPath,
        content: bytes,
        seed: int = 1,
        remembered_bytes_per_s: float | None = None,
        limit_bytes_per_s: float | None = None,
        server_bytes_per_s: float | None = None,
        calendar: Calendar | None = None,
    ) -> None:
        self.path, self.content = path, content
        self.calendar = calendar or Calendar(VirtualClock())
        self._began = self.now()
        self.down_bytes = self.up_bytes = self.arrived_bytes = self.queue_full = 0
        self.files = MemoryFiles(bundle=content)
        self.server_bytes_per_s = server_bytes_per_s
        self.answerer: Answerer
        self.start_server(SECRET)
        self.session = PullSession(PATH, Random(seed), remembered_bytes_per_s, limit_bytes_per_s)
        self.between: Callable[[bytes], list[bytes]] = lambda datagram: [datagram]
        self._down, self._up = directions(path, seed)
        self._flows: dict[int, float] = {}
        self._steps = 0
        self._wakes_at = float("inf")

    @property
    def seconds(self) -> float:
        """The time since it began."""
        return self.now() - self._began

    def now(self) -> float:
        """The time of the clock. Both sides go by it: a difference of times may round to before what is due."""
        return self.calendar.clock.seconds

    def start_server(self, secret: bytes) -> None:
        """Starts a server, which knows of nothing that another one has granted."""
        self.files.restart()
        self.answerer = Answerer(self.files, secret, self.now, self.server_bytes_per_s)

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Has something happen, and both sides look at what that brings."""

        def happen() -> None:
            action()
            self.turn()

        self.calendar.at(self._began + moment, happen)

    def fetch(self, most_s: float = 3600.0) -> bytes:
        """The file, its header first and then all of it. Raises AssertionError if it takes too long."""
        self.session.want(0, HEADER_BYTES)
        parts: list[bytes] = []
        position, is_rest_wanted = 0, False
        while (total := self.session.total_bytes) is None or position < total:
            self.step(most_s)
            if total is None or self.session.state is State.REFUSED:
                continue
            while data := self.session.take(position, total):
                parts.append(data)
                position += len(data)
            if not is_rest_wanted and position >= min(HEADER_BYTES, total):
                is_rest_wanted = True
                self.session.want(position, total)
        return b"".join(parts)

    def step(self, most_s: float = 3600.0) -> None:
        """Lets time pass until something happens, and lets it happen."""
        self.turn()
        if self.session.is_broke:
            return
        assert self.calendar.next_at - self._began < most_s, f"not done in {most_s} s: {self.session.state}"
        self.calendar.step()

    def turn(self) -> None:
        """Both sides send what is due now."""
        for datagram in self.session.outgoing(self.now()):
            self._to_server(datagram)
        self._answer()
        self._steps += 1
        assert self._steps < MOST_STEPS, "it spins"
        moment = max(self.now(), min(self.session.wake_at(self.now()), self._server_due()))
        if moment < self._wakes_at:
            self._wakes_at = moment
            self.calendar.at(moment, lambda: self._wake(moment))

    def ship_address(self) -> Address:
        """Where the ship's datagrams come from now."""
        later = self.path.new_address_at is not None and self.seconds >= self.path.new_address_at
        return ("10.77.0.3" if later else "10.77.0.2", 40_000 + self.session.port)

    # -- inside

    def _wake(self, moment: float) -> None:
        if moment == self._wakes_at:  # or something was due sooner, meanwhile
            self._wakes_at = float("inf")
            self.turn()

    def _server_due(self) -> float:
        due_s = self.answerer.due_in(self.now())
        return float("inf") if due_s is None else self.now() + due_s + 1e-6

    def _to_server(self, datagram: bytes) -> None:
        assert len(datagram) <= MAX_DATAGRAM_BYTES
        wire, address = len(datagram) + WIRE_BYTES, self.ship_address()
        self.up_bytes += wire
        if self._is_swallowed(wire, address):
            return
        fate = self._up.send(wire, self.seconds)
        for arrives in () if fate.flipped_bit is not None else fate.arrives:
            self.at(arrives, lambda: self.answerer.take(datagram, address))

    def _answer(self) -> None:
        while found := self.answerer.next(self.now()):
            datagram, address = found
            wire = len(datagram) + WIRE_BYTES
            if self._is_swallowed(wire, address):
                continue
            fate = self._down.send(wire, self.seconds)
            if fate.lost == "full":
                self.queue_full += 1
                continue
            self.down_bytes += wire
            for arrives in () if fate.flipped_bit is not None else fate.arrives:
                self.at(arrives, partial(self._to_ship, datagram, address))

    def _to_ship(self, datagram: bytes, address: Address) -> None:
        if address[0] == self.ship_address()[0]:
            self.arrived_bytes += len(datagram) + WIRE_BYTES
            for one in self.between(datagram):
                self.session.receive(one, self.now())

    def _is_swallowed(self, wire: int, address: Address) -> bool:
        first = self._flows.setdefault(address[1], self.seconds)
        is_forgotten = any(first < moment <= self.seconds for moment in self.path.forget_at)
        return is_forgotten or wire > (self.path.largest or wire)


class PullRoute(PullWorld):
    """The same as a `Link` among those of a calendar. The ship looks only while it has connections.

    answers         how many requests of the layer above were answered
    told_bytes      in events that came before their connection was closed
    given_up_bytes  under way, or behind a hole, when a connection was closed
    """

    max_connections = MAX_LANES
    max_head_bytes = SPARE_BYTES
    is_free = False
    fills_path = True
    connections = 1

    def __init__(
        self,
        path: PacketPath,
        content: bytes,
        seed: int = 1,
        remembered: float | None = None,
        calendar: Calendar | None = None,
        name: str = "udp://sim/bundle",
    ) -> None:
        super().__init__(path, content, seed, calendar=calendar)
        self.name = name
        self.told_bytes = self.answers = self.given_up_bytes = 0
        self.meter = Meter()
        self.meter.head_bytes = SPARE_BYTES
        self.session = PullSession(
            PATH, Random(seed), remembered, affordable=lambda amount: self.meter.may_take(amount) >= amount
        )
        self._lanes = Lanes(self.name, self.session, self._tell)
        self._counted_bytes = 0
        self._told_last: dict[Connection, int] = {}

    @property
    def is_heard(self) -> bool:
        """As of `PullLink`."""
        return self.session.state is not State.OPENING

    @property
    def settled_bytes_per_s(self) -> float | None:
        """As of `PullLink`."""
        pacer = self.session.pacer
        return None if pacer.phase is Phase.STARTING else pacer.bytes_per_s

    def dial(self) -> PullConnection:
        connection = PullConnection(self, self._lanes)
        self._told_last[connection] = 0
        return connection

    @property
    def delivered(self) -> int:
        """All bytes on the wire that the ship pays for."""
        return self.arrived_bytes + self.up_bytes

    @property
    def untaken_bytes(self) -> int:
        """What is under way to the ship, or waits behind a hole."""
        return self.session._in_flight() + self.session.stash.held_bytes + self.session.untaken_bytes

    def close(self) -> None:
        """Its lanes are closed by whoever dialed them."""

    def act(self, action: Callable[[], None]) -> None:
        """As of `PullLink`."""
        asked, waiting = self._asked(), self.untaken_bytes
        action()
        for lane in asked - self._asked():
            if lane not in self._lanes:
                # Of what was told last, a part may lie behind where another connection has taken over.
                self.told_bytes -= self._told_last.get(lane, 0)
                self.given_up_bytes += waiting + self._told_last.pop(lane, 0)
        self.at(self.seconds, lambda: None)

    def took(self, amount: int) -> None:
        """As of `PullLink`."""
        self._lanes.taken(amount)
        self.at(self.seconds, lambda: None)

    def turn(self) -> None:
        if not len(self._lanes):
            return
        self._count()  # what has come does not wait for an answer any more
        super().turn()
        self._count()
        self._lanes.deliver()

    def _to_ship(self, datagram: bytes, address: Address) -> None:
        if len(self._lanes):
            super()._to_ship(datagram, address)

    def _asked(self) -> set[Connection]:
        return {lane for lane in self._told_last if isinstance(lane, Lane) and lane in self._lanes and lane.is_asked}

    def _count(self) -> None:
        self.meter.count(self.delivered - self._counted_bytes)
        self._counted_bytes = self.delivered

    def _tell(self, event: Event) -> None:
        self.answers += isinstance(event, Answered)

        def hand_over() -> Event:
            if isinstance(event, Arrived):
                if event.connection in self._lanes:
                    self.told_bytes += len(event.data)
                    self._told_last[event.connection] = len(event.data)
                self.took(len(event.data))
            return event

        self.calendar.at(self.now(), hand_over)


class PullSea(PullRoute):
    """The same as a `LinkSet` and a `Clock`, for a whole fetch."""

    def __init__(self, path: PacketPath, content: bytes, seed: int = 1, remembered: float | None = None) -> None:
        super().__init__(path, content, seed, remembered)
        self.links = [self]
        self.paths: list[Path] = []
        self.clock = self

    def sleep(self, seconds: float) -> None:
        self.calendar.sleep(seconds)

    def discover(self) -> Sequence[Link]:
        return ()

    def wait(self, timeout_s: float) -> Event | None:
        return self.calendar.wait(timeout_s)
