"""A link without sockets and a clock without waiting: years of weather in milliseconds, the same for the same seed.

`SimulatedLink(content, clock, script)`: the script gives the `Behaviour` of each request, one after the other;
`random_weather` makes one up. `HONEST` is how a request goes when nothing happens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from random import Random

from bundle.trust import Trust
from tests.support.tiny_bundle import TRUST
from transfer.config import TransferConfig
from transfer.errors import BadAnswer, Dropped, PastEnd, Silent
from transfer.plan import SiteHoldings
from transfer.session import Fetch


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

    fault         raised instead of an answer, after `answer_s`
    drop_after    so many bytes are delivered, then `drop` is raised, or a reset; None: all are
    chunk_bytes   a read returns at most so many
    bytes_per_s   how fast they come
    flips         distances in bytes from the start of the answer at which a bit is flipped
    total_change  what is added to the length that the source claims for its file
    """

    fault: Exception | None = None
    answer_s: float = 0.6
    drop_after: int | None = None
    drop: BaseException | None = None
    chunk_bytes: int = 1400
    bytes_per_s: float = 250_000.0
    flips: tuple[int, ...] = ()
    total_change: int = 0


HONEST = Behaviour()


@dataclass
class Request:
    """What was asked, and how many bytes were delivered."""

    offset: int
    length: int
    idle_s: float
    delivered: int = 0


class SimulatedAnswer:
    def __init__(self, link: "SimulatedLink", request: Request, behaviour: Behaviour) -> None:
        self.total_bytes = len(link.content) + behaviour.total_change
        self._link = link
        self._request = request
        self._behaviour = behaviour
        damaged = bytearray(link.content[request.offset : request.offset + request.length])
        for at in behaviour.flips:
            if at < len(damaged):
                damaged[at] ^= 1 << (at % 8)
        self._data = bytes(damaged)
        self.is_closed = False

    def read(self, max_bytes: int) -> bytes:
        assert not self.is_closed and max_bytes > 0
        behaviour, at = self._behaviour, self._request.delivered
        end = min(at + min(max_bytes, behaviour.chunk_bytes), len(self._data))
        if behaviour.drop_after is not None:
            if at >= behaviour.drop_after:
                if isinstance(behaviour.drop, Silent):
                    self._link.clock.seconds += self._request.idle_s
                raise behaviour.drop or Dropped("connection reset by peer")
            end = min(end, behaviour.drop_after)
        chunk = self._data[at:end]
        self._request.delivered += len(chunk)
        self._link.clock.seconds += len(chunk) / behaviour.bytes_per_s
        return chunk

    def close(self) -> None:
        self.is_closed = True


class SimulatedLink:
    """Serves `content`. `requests` is what was asked of it."""

    name = "sim://ship/bundle"

    def __init__(
        self,
        content: bytes,
        clock: VirtualClock | None = None,
        script: Iterator[Behaviour] | None = None,
    ) -> None:
        self.content = content
        self.clock = clock or VirtualClock()
        self.requests: list[Request] = []
        self._script = script or repeat(HONEST)
        self._exchange: tuple[int, bytes] | None = None

    def exchange_after(self, requests: int, content: bytes) -> None:
        """Puts another file in the place of the first, once so many requests were made."""
        self._exchange = requests, content

    @property
    def connections(self) -> int:
        return len(self.requests)

    @property
    def delivered(self) -> int:
        """All bytes handed over."""
        return sum(request.delivered for request in self.requests)

    def open(self, offset: int, length: int, idle_s: float) -> SimulatedAnswer:
        assert length > 0
        behaviour = next(self._script)
        if self._exchange and len(self.requests) == self._exchange[0]:
            self.content = self._exchange[1]
        request = Request(offset, length, idle_s)
        self.requests.append(request)
        self.clock.seconds += idle_s if isinstance(behaviour.fault, Silent) else behaviour.answer_s
        if behaviour.fault is not None:
            raise behaviour.fault
        if offset >= len(self.content):
            raise PastEnd(f"ends at byte {len(self.content)}")
        return SimulatedAnswer(self, request, behaviour)

    def close(self) -> None:
        pass


def then_honest(*behaviours: Behaviour) -> Iterator[Behaviour]:
    """Those behaviours, and nothing more happens."""
    return chain(behaviours, repeat(HONEST))


def fetch_over(
    link: SimulatedLink,
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
    return Fetch(link, trust, output, holdings, allow_full, config, clock=link.clock, say=say, jitter=Random(seed))


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
