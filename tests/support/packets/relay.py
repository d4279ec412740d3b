"""The process between two TUN devices: IP packets from one go to the other, as a `PacketPath` has it."""

import contextlib
import heapq
import itertools
import os
import select
import signal
import time
from collections.abc import Iterator, MutableSequence
from dataclasses import dataclass

from tests.support.packets.path import IP_HEADER, Direction, Fate, PacketPath, directions

COUNTERS = (
    *("down_packets", "down_bytes", "down_lost", "down_queue_full", "down_sent_bytes"),
    *("up_packets", "up_bytes", "up_lost", "up_queue_full", "up_sent_bytes", "forgotten"),
)
EPOCH = len(COUNTERS)  # behind the counters: when the weather began, as time.monotonic tells it
_LONGEST_WAIT_S = 0.05
_BATCH = 64


@dataclass(frozen=True)
class _End:
    """A device, the one that its packets go to, and what lies between."""

    other: int
    direction: Direction
    name: str


class Relay:
    """`shared`: the counters and the epoch, which the other process reads and sets."""

    def __init__(self, server: int, ship: int, path: PacketPath, seed: int, shared: MutableSequence[float]) -> None:
        down, up = directions(path, seed)
        self._ends = {server: _End(ship, down, "down"), ship: _End(server, up, "up")}
        self._path = path
        self._shared = shared
        self._air: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._flows: dict[bytes, float] = {}

    def run(self) -> None:
        """Hands packets over until its parent is gone, or for ever."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        parent = os.getppid()
        poll = select.epoll()
        for fd in self._ends:
            poll.register(fd, select.EPOLLIN)
        while os.getppid() == parent:
            for fd, _ in poll.poll(self._deliver()):
                for packet in _packets(fd):
                    self._take(self._ends[fd], packet)

    def _deliver(self) -> float:
        """Hands over what has arrived. Returns how long there is nothing to do."""
        now = time.monotonic()
        while self._air and self._air[0][0] <= now:
            _, _, fd, packet = heapq.heappop(self._air)
            with contextlib.suppress(OSError):
                os.write(fd, packet)
        return min(_LONGEST_WAIT_S, max(0.0, self._air[0][0] - now)) if self._air else _LONGEST_WAIT_S

    def _take(self, end: _End, packet: bytes) -> None:
        if packet[0] >> 4 != 4:
            return  # IPv6 vanishes
        now = time.monotonic()
        epoch = self._shared[EPOCH] or now
        if self._is_forgotten(packet, now - epoch) or len(packet) > (self._path.largest or len(packet)):
            self._count("forgotten")
            return
        fate = end.direction.send(len(packet), now - epoch)
        self._tell(end.name, len(packet), fate)
        packet = fate.damaged(packet, IP_HEADER)
        for arrives in fate.arrives:
            heapq.heappush(self._air, (epoch + arrives, next(self._numbers), end.other, packet))

    def _is_forgotten(self, packet: bytes, at: float) -> bool:
        """Whether a NAT has forgotten the flow of a packet."""
        if not self._path.forget_at:
            return False
        ends = sorted((packet[12:16] + packet[20:22], packet[16:20] + packet[22:24]))
        first = self._flows.setdefault(packet[9:10] + b"".join(ends), at)
        return any(first < moment <= at for moment in self._path.forget_at)

    def _tell(self, name: str, length: int, fate: Fate) -> None:
        if fate.lost == "full":
            self._count(f"{name}_queue_full")
            return
        self._count(f"{name}_sent_bytes", length)
        if fate.lost:
            self._count(f"{name}_lost")
        else:
            self._count(f"{name}_packets")
            self._count(f"{name}_bytes", length)

    def _count(self, name: str, amount: int = 1) -> None:
        self._shared[COUNTERS.index(name)] += amount


def _packets(fd: int) -> Iterator[bytes]:
    for _ in range(_BATCH):
        try:
            yield os.read(fd, 4096)
        except BlockingIOError:
            return
