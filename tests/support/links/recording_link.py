"""A link on which nothing happens by itself: it records what is dialed, asked and closed; the test tells the events.

For tests of one part of the scheduling. `SimulatedLink` is for those of all parts together.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.links.simulated_link import VirtualClock
from transfer.config import TransferConfig
from transfer.links.budget import Meter
from transfer.links.contract import Answered, Arrived, Event, Opened
from transfer.scheduling.active_request import PooledConnection
from transfer.scheduling.source import Source


@dataclass(eq=False)
class RecordedConnection:
    """What was asked of it, as (offset, length) in bytes of the file at the source."""

    asked: list[tuple[int, int]] = field(default_factory=list)
    is_closed: bool = False

    def ask(self, offset: int, length: int, chunk_bytes: int) -> None:
        self.asked.append((offset, length))

    def close(self) -> None:
        self.is_closed = True


class RecordingLink:
    """One source."""

    max_connections = 6
    max_head_bytes = 100
    connections = 0

    def __init__(self, name: str = "sim://ship/bundle", is_free: bool = False) -> None:
        self.name = name
        self.is_free = is_free
        self.meter = Meter()
        self.dialed: list[RecordedConnection] = []
        self.links = [self]
        self.paths: list[Path] = []

    def dial(self) -> RecordedConnection:
        self.dialed.append(RecordedConnection())
        return self.dialed[-1]

    def wait(self, timeout_s: float) -> Event | None:
        raise AssertionError("nobody waits for this link")

    def close(self) -> None:
        """Nothing to let go of."""


def source_of(
    link: RecordingLink, clock: VirtualClock, config: TransferConfig | None = None, said: list[str] | None = None
) -> Source:
    """The source that is read over such a link."""
    lines = [] if said is None else said
    return Source(link, config or TransferConfig(), clock, lines.append, Random(1))


def opened(source: Source, clock: VirtualClock) -> PooledConnection:
    """One more connection of a source, which opens at once."""
    source.pool.dial(clock.now())
    pooled = list(source.pool)[-1]
    source.take(Opened(pooled.connection))
    return pooled


def make_far(source: Source, clock: VirtualClock) -> None:
    """Shows a source a round trip of 0.6 s, over a connection that is gone then: from now on it may have several."""
    pooled = opened(source, clock)
    source.ask(pooled, 0, 1, 1)
    clock.seconds += 0.6
    source.take(Answered(pooled.connection, source.layout.bundle_bytes or 1))
    source.take(Arrived(pooled.connection, b"x"))
    source.pool.close(pooled)


def answered(source: Source, pooled: PooledConnection, total_bytes: int, data: bytes = b"") -> tuple[int, bytes] | None:
    """The answer to its request begins, and brings the first bytes."""
    source.take(Answered(pooled.connection, total_bytes))
    return source.take(Arrived(pooled.connection, data)) if data else None
