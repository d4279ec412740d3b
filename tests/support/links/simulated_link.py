"""A link without sockets and a clock without waiting: years of weather in milliseconds, the same for the same seed.

`SimulatedLink(content, clock, script)`: the script gives the `Behaviour` of each request, one after the other;
`random_weather` makes one up. `HONEST` is how a request goes when nothing happens. `dials` does the same for
connections; without, each stands at once, or after `dial_s`.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, repeat
from pathlib import Path
from random import Random
from typing import Any, Protocol

from bundle.host.clock import Clock
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import TRUST
from transfer.config import TransferConfig
from transfer.errors import BadAnswer, Dropped, PastEnd, Silent
from transfer.fetch.fetch import Fetch
from transfer.fetch.request import FetchRequest
from transfer.links.budget import Meter
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Link, LinkSet, Opened
from transfer.plan import SiteHoldings
from transfer.scheduling.scheduler import Scheduler


class VirtualClock:
    """Time passes only by sleeping, or as a link lets it pass."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.seconds += seconds


class Killed(BaseException):
    """The process ends here, as by SIGKILL: no `except Exception` sees it."""


@dataclass(frozen=True)
class Behaviour:
    """How one request goes.

    fault         what happens instead of an answer, after `answer_s`; Silent: nothing ever does
    drop_after    so many bytes are delivered, then `drop` happens, or a reset; None: all are
    pause_s       how long nothing comes after half of the bytes, as in a black hole that passes
    chunk_bytes   so many at most come at once
    bytes_per_s   how fast they come
    flips         distances in bytes from the start of the answer at which a bit is flipped
    total_change  what is added to the length that the source claims for its file
    """

    fault: Exception | None = None
    answer_s: float = 0.6
    drop_after: int | None = None
    drop: BaseException | None = None
    pause_s: float = 0.0
    chunk_bytes: int = 1400
    bytes_per_s: float = 250_000.0
    flips: tuple[int, ...] = ()
    total_change: int = 0


HONEST = Behaviour()


@dataclass(frozen=True)
class Dial:
    """How the making of a connection goes: it stands after `opens_s`, or `fault` happens then; Silent: nothing ever."""

    opens_s: float = 0.0
    fault: Exception | None = None


@dataclass
class Request:
    """What was asked, when, on which connection, and how many bytes were delivered."""

    offset: int
    length: int
    at: float
    connection: int
    behaviour: Behaviour = HONEST
    delivered: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.length


Happening = Callable[[], Event | None]  # what it returns is for whoever waits for events


class Calendar:
    """What will happen on all links of a world, and when."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._entries: list[tuple[float, int, Happening]] = []
        self._number = count()
        self._events: deque[Event] = deque()  # of a time in which nobody waited

    @property
    def next_at(self) -> float:
        """When the next thing happens."""
        return self._entries[0][0] if self._entries else float("inf")

    def at(self, moment: float, happening: Happening) -> None:
        """Lets it happen at that moment."""
        heapq.heappush(self._entries, (moment, next(self._number), happening))

    def step(self) -> Event | None:
        """Lets time pass until the next thing has happened."""
        moment, _, happening = heapq.heappop(self._entries)
        self.clock.seconds = max(self.clock.seconds, moment)
        return happening()

    def wait(self, timeout_s: float) -> Event | None:
        """Lets time pass until there is an event."""
        assert timeout_s > 0
        until = self.clock.seconds + timeout_s
        if self._events:
            return self._events.popleft()
        while self.next_at <= until:
            if (event := self.step()) is not None:
                return event
        self.clock.seconds = until
        return None

    def sleep(self, seconds: float) -> None:
        """Lets so much time pass, with what happens in it."""
        until = self.clock.seconds + seconds
        while self.next_at <= until:
            if (event := self.step()) is not None:
                self._events.append(event)
        self.clock.seconds = until


class SimulatedConnection:
    """Puts what will happen to its request in the link's calendar, one event after the other."""

    def __init__(self, link: "SimulatedLink", number: int, dial: Dial) -> None:
        self.is_closed = False
        self._link = link
        self._number = number
        self._data = b""
        self._request: Request | None = None
        self._behaviour = HONEST
        if not isinstance(dial.fault, Silent):
            link.schedule(dial.opens_s, Failed(self, dial.fault) if dial.fault else Opened(self))

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        assert length > 0 and not self.is_closed and self._request is None, "one request at a time"
        link, behaviour = self._link, self._link.next_behaviour()
        self._request = Request(offset, length, link.clock.seconds, self._number, behaviour)
        link.requests.append(self._request)
        self._behaviour = replace(behaviour, chunk_bytes=min(behaviour.chunk_bytes, chunk_bytes))
        damaged = bytearray(link.content[offset : offset + length])
        for at in behaviour.flips:
            if at < len(damaged):
                damaged[at] ^= 1 << (at % 8)
        self._data = bytes(damaged)
        if isinstance(behaviour.fault, Silent):
            return
        if behaviour.fault is not None:
            link.schedule(behaviour.answer_s, Failed(self, behaviour.fault))
        elif offset >= len(link.content):
            link.schedule(behaviour.answer_s, Failed(self, PastEnd(f"ends at byte {len(link.content)}")))
        else:
            link.schedule(behaviour.answer_s, Answered(self, len(link.content) + behaviour.total_change))

    def close(self) -> None:
        self.is_closed = True

    def go_on(self, event: Event) -> None:
        """Counts an event that was handed over, and schedules the one that follows."""
        request, behaviour, link = self._request, self._behaviour, self._link
        link.connections += isinstance(event, Opened)
        if request is None or isinstance(event, Opened | Failed | Ended):
            return
        if isinstance(event, Arrived):
            request.delivered += len(event.data)
            link.meter.count(len(event.data))
        at = request.delivered
        end = min(at + behaviour.chunk_bytes, len(self._data))
        if behaviour.drop_after is not None:
            if at >= behaviour.drop_after:
                if isinstance(behaviour.drop, Silent):
                    return
                link.schedule(0, self._drop())
                return
            end = min(end, behaviour.drop_after)
        if at == end:
            self._request = None
            link.schedule(0, Ended(self))
            return
        half = at < len(self._data) / 2 <= end
        pause_s = behaviour.pause_s if half else 0.0
        link.schedule((end - at) / behaviour.bytes_per_s + pause_s, Arrived(self, self._data[at:end]))

    def _drop(self) -> "Failed | Killed":
        fault = self._behaviour.drop or Dropped("connection reset by peer")
        if isinstance(fault, Killed):
            return fault
        assert isinstance(fault, Exception)
        return Failed(self, fault)


class SimulatedLink:
    """Serves `content`. `requests` is what was asked of it, `dialed` when connections were begun."""

    max_connections = 6
    max_head_bytes = 0
    is_free = False

    def __init__(
        self,
        content: bytes,
        clock: VirtualClock | None = None,
        script: Iterator[Behaviour] | None = None,
        dials: Iterator[Dial] | None = None,
        dial_s: float = 0.0,
        name: str = "sim://ship/bundle",
        calendar: "Calendar | None" = None,
    ) -> None:
        self.name = name
        self.content = content
        self.clock = clock or VirtualClock()
        self.links = [self]
        self.paths: list[Path] = []
        self.requests: list[Request] = []
        self.dialed: list[float] = []
        self.connections = 0
        self.meter = Meter()
        self.open: list[SimulatedConnection] = []
        self._script = script or repeat(HONEST)
        self._dials = dials or repeat(Dial(dial_s))
        self.calendar = calendar or Calendar(self.clock)
        self._exchange: tuple[int, bytes] | None = None

    def exchange_after(self, requests: int, content: bytes) -> None:
        """Puts another file in the place of the first, once so many requests were made."""
        self._exchange = requests, content

    @property
    def delivered(self) -> int:
        """All bytes handed over."""
        return sum(request.delivered for request in self.requests)

    def dial(self) -> SimulatedConnection:
        self.dialed.append(self.clock.seconds)
        connection = SimulatedConnection(self, len(self.dialed), next(self._dials))
        self.open.append(connection)
        return connection

    def discover(self) -> Sequence[Link]:
        return ()

    def wait(self, timeout_s: float) -> Event | None:
        return self.calendar.wait(timeout_s)

    def close(self) -> None:
        for connection in self.open:
            connection.close()

    def schedule(self, after_s: float, event: "Event | Killed") -> None:
        """Lets it happen so much later."""
        self.calendar.at(self.clock.seconds + after_s, partial(self._happen, event))

    def next_behaviour(self) -> Behaviour:
        """That of the next request; another file may stand there by then."""
        if self._exchange and len(self.requests) == self._exchange[0]:
            self.content = self._exchange[1]
        return next(self._script)

    def _happen(self, event: "Event | Killed") -> Event | None:
        if isinstance(event, Killed):
            raise event
        connection = event.connection
        assert isinstance(connection, SimulatedConnection)
        if connection.is_closed:
            return None
        connection.go_on(event)
        return event


class SimulatedPort(Link, Protocol):
    """A link of a world, over a web server or otherwise."""

    @property
    def delivered(self) -> int: ...

    def close(self) -> None: ...


class SimulatedSources:
    """Several links in one world: one clock, one calendar."""

    def __init__(self, clock: VirtualClock | None = None, paths: Sequence[Path] = ()) -> None:
        self.clock = clock or VirtualClock()
        self.calendar = Calendar(self.clock)
        self.links: list[SimulatedPort] = []
        self.paths = list(paths)

    def add(self, content: bytes, script: Iterator[Behaviour] | None = None, **options: Any) -> SimulatedLink:
        """One more source, called by its number."""
        name = f"sim://ship/{len(self.links) + 1}"
        link = SimulatedLink(content, self.clock, script, name=name, calendar=self.calendar, **options)
        self.links.append(link)
        return link

    def join(self, link: SimulatedPort) -> None:
        """One more source, which was made elsewhere for the same calendar."""
        self.links.append(link)

    @property
    def delivered(self) -> int:
        """All bytes handed over."""
        return sum(link.delivered for link in self.links)

    def discover(self) -> Sequence[Link]:
        return ()

    def wait(self, timeout_s: float) -> Event | None:
        return self.calendar.wait(timeout_s)

    def close(self) -> None:
        for link in self.links:
            link.close()


def then_honest(*behaviours: Behaviour) -> Iterator[Behaviour]:
    """Those behaviours, and nothing more happens."""
    return chain(behaviours, repeat(HONEST))


class SimulatedWorld(LinkSet, Protocol):
    """Links, and the time in which things happen on them."""

    @property
    def clock(self) -> Clock: ...


def fetch_over(
    link: SimulatedWorld,
    output: Path,
    holdings: SiteHoldings | None = None,
    *,
    allow_full: bool = False,
    trust: Trust = TRUST,
    config: TransferConfig | None = None,
    say: Callable[[str], None] = lambda message: None,
    seed: int = 1,
) -> Fetch:
    """A session over a simulated link, in the link's own time."""
    request = FetchRequest(
        links=link,
        trust=trust,
        output=output,
        holdings=holdings,
        allow_full=allow_full,
        config=config or TransferConfig(),
        clock=link.clock,
        say=say,
        jitter=Random(seed),
    )
    return Fetch(request)


def expect_length(scheduler: Scheduler, total_bytes: int) -> None:
    """Tells the length of the bundle, as a verified root would: from now on a file that ends early is a fault."""
    for source in scheduler.sources:
        source.layout.bundle_bytes = total_bytes


def random_weather(random: Random, kills: int) -> Iterator[Behaviour]:
    """Behaviours for ever: most requests are cut somewhere, some are refused, some damaged; `kills` of them kill.

    Bad answers never come three times in a row: that is a source to give up, and has its own tests.
    """
    kill_at = set(random.sample(range(40), kills))
    bad_in_a_row = 0
    number = 0
    while True:
        behaviour = Behaviour(
            answer_s=random.uniform(0.01, 1.5),
            drop_after=random.choice((None, int(random.expovariate(1 / 20_000)))),
            drop=random.choice((Dropped("connection reset by peer"), Silent("nothing arrives"))),
            chunk_bytes=random.choice((1, 100, 1400, 65536)) if random.random() < 0.3 else 1400,
            bytes_per_s=random.choice((300.0, 30_000.0, 250_000.0)),
        )
        if random.random() < 0.15:
            behaviour = replace(behaviour, flips=tuple(random.randrange(60_000) for _ in range(random.randrange(1, 4))))
        if random.random() < 0.2:
            behaviour = replace(behaviour, fault=random.choice((Dropped("connection refused"), Silent("nothing"))))
        elif random.random() < 0.1 and bad_in_a_row < 1:
            behaviour = replace(behaviour, fault=BadAnswer("sends nonsense"))
        if number in kill_at:
            behaviour = replace(behaviour, fault=None, drop=Killed(), drop_after=random.randrange(50_000))
        bad_in_a_row = bad_in_a_row + 1 if isinstance(behaviour.fault, BadAnswer) else 0
        number += 1
        yield behaviour
