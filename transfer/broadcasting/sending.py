"""A bundle onto the air: turn by turn of the carousel, and no faster than agreed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bundle.host.clock import Clock
from bundle.host.progress import Progress
from transfer.broadcasting.block import Block
from transfer.broadcasting.carousel import carousel, laps, round_symbols
from transfer.broadcasting.datagram import Datagram
from transfer.broadcasting.fountain import Fountain
from transfer.broadcasting.source import BlockSource
from transfer.scheduling.rate_limiter import RateLimiter

LINK_HEAD_BYTES = 28  # of IP and UDP, which the link carries too
FOUNTAINS_KEPT = 32
_STEP_S = 0.01  # what may be sent in so long is sent at once


@dataclass(frozen=True)
class Sent:
    """What went out: datagrams, and their bytes, with their own heads and without those of IP and UDP."""

    datagrams: int
    bytes: int
    seconds: float


class Broadcast:
    """Sends one bundle, named `name`, by `send`, one datagram a call. `bytes_per_s` is held to on the link [T-125].

    `rounds`: how many times about its own length is sent; None: until it is interrupted. `first_lap`: see `carousel`.
    """

    def __init__(
        self,
        source: BlockSource,
        name: bytes,
        send: Callable[[bytes], None],
        bytes_per_s: int,
        rounds: float | None,
        first_lap: int,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._source = source
        self._name = name
        self._send = send
        self._limiter = RateLimiter(bytes_per_s, clock)
        self._step_bytes = bytes_per_s * _STEP_S
        self._rounds = rounds
        self._first_lap = first_lap
        self._clock = clock
        self._progress = progress
        self._began = clock.now()
        self._unpaced_bytes = self._datagrams = self._bytes = 0
        self._fountains: OrderedDict[int, Fountain] = OrderedDict()

    def run(self) -> Sent:
        """Sends it all. Raises Corrupt if the bundle changes meanwhile, ExtraMissing, and what `send` raises."""
        source = self._source
        total = sum(round_symbols(block) * block.symbol_bytes for block in source.blocks)
        self._progress.start("sending", total * laps(self._rounds or 1) // laps(1), "B")
        for turn in carousel(source.header, source.blocks, self._rounds, self._first_lap):
            fountain = self._fountain(turn.block)
            for symbol, data in enumerate(fountain.symbols(turn.first, turn.count), turn.first):
                self._transmit(Datagram(self._name, turn.block.number, turn.block.length, symbol, data).pack())
            if turn.block != source.header:
                self._progress.advance(turn.count * turn.block.symbol_bytes)
        self._progress.finish()
        return self.figures()

    def figures(self) -> Sent:
        """The figures so far."""
        return Sent(self._datagrams, self._bytes, self._clock.now() - self._began)

    def _fountain(self, block: Block) -> Fountain:
        """Those of the last blocks are kept: to make one takes longer than a turn of its symbols."""
        fountain = self._fountains.pop(block.number, None)
        if fountain is None:
            fountain = Fountain(self._source.read(block), block.symbol_bytes)
        self._fountains[block.number] = fountain
        if len(self._fountains) > FOUNTAINS_KEPT:
            self._fountains.popitem(last=False)
        return fountain

    def _transmit(self, datagram: bytes) -> None:
        self._send(datagram)
        self._datagrams += 1
        self._bytes += len(datagram)
        self._unpaced_bytes += len(datagram) + LINK_HEAD_BYTES
        if self._unpaced_bytes >= self._step_bytes:
            self._limiter.spend(self._unpaced_bytes)
            self._unpaced_bytes = 0
