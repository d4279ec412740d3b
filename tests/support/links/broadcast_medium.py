"""What is on the air in tests: every datagram of a broadcast, listened to with losses, without sockets and waiting;
and, with real ones, a relay from one multicast group to another that loses what a seed picks.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from bundle.host.progress import Quiet
from bundle.read.reader import open_for_display
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import TRUST, TinyBundle
from transfer.broadcasting.datagram import bundle_id
from transfer.broadcasting.headers import Sender
from transfer.broadcasting.listening import Listen
from transfer.broadcasting.multicast import Group, MulticastReceiver, MulticastSender
from transfer.broadcasting.sending import Broadcast, Sent
from transfer.broadcasting.source import BlockSource
from transfer.plan import SiteHoldings

SHORE: Sender = ("10.0.0.1", 4000)
LOOPBACK = "127.0.0.1"
Air = Iterable[tuple[bytes, Sender]]


@dataclass
class StoppedClock:
    """Time that passes only when somebody sleeps, or waits for a datagram."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def on_air(path: Path, rounds: float = 1.0, first_lap: int = 0) -> list[bytes]:
    """Every datagram of a broadcast of that bundle."""
    datagrams: list[bytes] = []
    send(path, datagrams.append, 10**9, rounds, first_lap, StoppedClock())
    return datagrams


def send(
    path: Path, transmit: Callable[[bytes], None], rate: int, rounds: float, first_lap: int, clock: StoppedClock
) -> Sent:
    """A whole broadcast, in the time of a clock."""
    with open_for_display(path) as bundle:
        name = bundle_id(bundle.read(0, bundle.verified.header_bytes))
        source = BlockSource(bundle, Quiet())
        return Broadcast(source, name, transmit, rate, rounds, first_lap, clock, Quiet()).run()


def from_shore(datagrams: Iterable[bytes]) -> Iterator[tuple[bytes, Sender]]:
    return ((datagram, SHORE) for datagram in datagrams)


def lossy(datagrams: Iterable[bytes], loss: float, seed: int) -> Iterator[tuple[bytes, Sender]]:
    """Without those that chance takes."""
    random = Random(seed)
    return from_shore(datagram for datagram in datagrams if random.random() >= loss)


@dataclass
class Ear:
    """A listener; `run` until it is complete, or the air is silent for good and its time runs out."""

    air: Air
    output: Path
    holdings: SiteHoldings | None = None
    trust: Trust = field(default_factory=lambda: TRUST)
    timeout_s: float | None = 60.0
    said: list[str] = field(default_factory=list)
    heard: int = 0

    def __post_init__(self) -> None:
        self._clock = StoppedClock()
        self._arrivals = iter(self.air)
        self.listen = Listen(
            self._receive,
            self.trust,
            self.output,
            self.holdings,
            False,
            self.timeout_s,
            self._clock,
            Quiet(),
            self.said.append,
        )

    def _receive(self, seconds: float) -> tuple[bytes, Sender] | None:
        arrived = next(self._arrivals, None)
        self.heard += arrived is not None
        if arrived is None:
            self._clock.sleep(seconds)
        return arrived


def write(directory: Path, name: str, bundle: TinyBundle) -> Path:
    path = directory / name
    path.write_bytes(bundle.data)
    return path


def a_group() -> Group:
    """A group for one test, on a port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    return Group(f"239.255.{port >> 8}.{port & 255}", port)


def skip_without_multicast() -> None:
    """Skips, and says why, where the system does not pass multicast over its loopback interface."""
    group = a_group()
    with MulticastReceiver(group, LOOPBACK) as receiver, MulticastSender(group, LOOPBACK, 1, print) as sender:
        sender.send(b"is anybody there?")
        if receiver.receive(2.0) is None:
            pytest.skip(f"no multicast over {LOOPBACK} here: {group} was sent to and heard nothing")


@dataclass
class Relay:
    """Datagrams that a relay has passed on and lost; `sent_bytes`: of both, when it passed on the first, and so on."""

    passed: int = 0
    lost: int = 0
    bytes: int = 0
    sent_bytes: list[int] = field(default_factory=list)
    is_over: bool = False


@contextmanager
def lossy_relay(heard: Group, spoken: Group, loss: float, seed: int) -> Iterator[Relay]:
    """Passes on what comes to one group to another, but for a share that a seed picks."""
    relay, random = Relay(), Random(seed)

    def pass_on() -> None:
        with MulticastReceiver(heard, LOOPBACK) as receiver, MulticastSender(spoken, LOOPBACK, 1, print) as sender:
            ready.set()
            while not relay.is_over:
                arrived = receiver.receive(0.05)
                if arrived is None:
                    continue
                relay.bytes += len(arrived[0])
                if random.random() >= loss:
                    sender.send(arrived[0])
                    relay.passed += 1
                    relay.sent_bytes.append(relay.bytes)
                else:
                    relay.lost += 1

    ready = threading.Event()
    thread = threading.Thread(target=pass_on)
    thread.start()
    ready.wait(5.0)
    try:
        yield relay
    finally:
        relay.is_over = True
        thread.join()
