"""The sources of a voyage: a mirror over HTTP, or a server of pull, each through all runs, with weather of its own."""

from collections.abc import Iterator
from random import Random
from typing import Protocol

from tests.support.contents.tiny_bundle import PIECE_BYTES
from tests.support.links.simulated_link import Behaviour, Dial, Killed, SimulatedLink, SimulatedSources
from tests.support.packets.path import PacketPath, outages
from tests.support.packets.simulated import PullRoute
from tests.support.packets.tally import Tally

LIARS = ("liar", "another", "udp liar")
HEAD_BYTES = 4096  # what the first request of a run asks of a source
CHUNK_BYTES = 1400
SLOW_BYTES_PER_S = 1000.0  # what is asked of such a connection is taken from it; a chunk may be under way
LATE_SHARE = 0.05  # of what came over a path that mixes up its packets: asked for again, and came all the same
LATE_BYTES = 16 * 1452  # ... until the session has learnt how late an answer may be
BLOCKED = ((0.0, 1e9),)


class Port(Protocol):
    """A source through all runs. What is told of one is told of the run that began last."""

    kind: str

    @property
    def delivered(self) -> int:
        """What came from it, or is paid for it otherwise."""

    def enter(self, world: SimulatedSources) -> None:
        """A run begins."""

    def excused(self) -> int:
        """What the run may have cost beyond what it was for."""


class WebPort:
    """Over HTTP."""

    def __init__(self, kind: str, content: bytes, script: Iterator[Behaviour], dials: Iterator[Dial]) -> None:
        self.kind = kind
        self._content, self._script, self._dials = content, script, dials
        self._link: SimulatedLink

    @property
    def delivered(self) -> int:
        return self._link.delivered

    def enter(self, world: SimulatedSources) -> None:
        self._link = world.add(self._content, self._script, dials=self._dials)

    def excused(self) -> int:
        """A header, a piece for each flipped bit, lies."""
        requests = self._link.requests
        if self.kind in LIARS:
            return self._link.delivered + 2 * PIECE_BYTES * sum(request.delivered > 0 for request in requests)
        heads = sum(max(0, min(request.delivered, HEAD_BYTES - request.offset)) for request in requests)
        damage = sum(
            PIECE_BYTES + CHUNK_BYTES
            for request in requests
            for at in request.behaviour.flips
            if at < request.delivered
        )
        taken_away = [one for one in requests if one.behaviour.bytes_per_s < SLOW_BYTES_PER_S]
        in_flight = sum(CHUNK_BYTES for request in taken_away if 0 < request.delivered < request.length)
        return heads + damage + in_flight


class UdpPort:
    """Over UDP, by the real session and the real answerer. `kills` of the runs end like that."""

    def __init__(self, kind: str, content: bytes, random: Random, kills: int) -> None:
        self.kind = kind
        self._content, self._random, self._kills = content, random, kills
        self._remembered: float | None = None
        self._route: PullRoute

    @property
    def delivered(self) -> int:
        return self._route.delivered

    def enter(self, world: SimulatedSources) -> None:
        random = self._random
        name = f"udp://ship/{len(world.links) + 1}"
        seed, path = random.randrange(1_000_000), random_path(random)
        self._route = PullRoute(path, self._content, seed, self._remembered, world.calendar, name)
        self._tally = Tally(self._route)
        world.join(self._route)
        if self._kills and random.random() < 0.5:
            self._kills -= 1
            self._route.at(random.expovariate(1 / 5.0), _kill)

    def excused(self) -> int:
        """Requests and heads, what the air doubled, what was under way at the end, and the first bytes of each open.

        What was asked for again, and came all the same, is excused where packets may be late, and so far only.
        """
        route, tally = self._route, self._tally
        self._remembered = route.session.pacer.bytes_per_s
        late = LATE_SHARE * tally.file_bytes + LATE_BYTES if route.path.jitter_s or route.path.reorder else 0
        again = min(tally.again_bytes, int(late) + HEAD_BYTES * tally.grants)
        spent = route.up_bytes + tally.head_bytes + tally.copied_bytes + again
        if self.kind in LIARS:
            return route.delivered + 2 * PIECE_BYTES * route.answers
        untaken = min(tally.file_bytes - route.told_bytes, route.given_up_bytes + route.untaken_bytes)
        return spent + min(HEAD_BYTES, tally.file_bytes) + max(0, untaken)


def random_path(random: Random) -> PacketPath:
    """Any path, for one run. Some are silent from the first or from some moment on."""
    silence: list[tuple[tuple[float, float], ...]] = [(), (), outages(random.randrange(1000), 30, 2, 40), BLOCKED]
    silence.append(((random.expovariate(1 / 20.0), 1e9),))
    return PacketPath(
        down_bit_s=random.choice((64e3, 512e3, 2e6, 10e6)),
        rtt_s=random.uniform(0.02, 0.8),
        up_bit_s=random.choice((None, None, 32e3)),
        queue_bytes=random.choice((None, None, 15_000, 1_500_000)),
        loss=random.choice((0.0, 0.0, 0.02, 0.05, 0.3)),
        burst=random.choice((None, None, (5.0, 0.3, 0.8))),
        outages=random.choice(silence),
        jitter_s=random.choice((0.0, 0.0, 0.0, 0.02, 0.15)),
        reorder=random.choice((0.0, 0.0, 0.0, 0.05)),
        duplicate=random.choice((0.0, 0.0, 0.01)),
        corrupt=random.choice((0.0, 0.0, 0.01)),
        forget_at=random.choice(((), (), (random.expovariate(1 / 10.0),))),
        new_address_at=random.choice((None, None, random.expovariate(1 / 10.0))),
        largest=random.choice((None, None, None, 1400, 1250)),
    )


def _kill() -> None:
    raise Killed
