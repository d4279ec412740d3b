"""A path between a ship and a server, packet by packet: what becomes of each one, and when it arrives.

Pure rules, for packets of real sockets (`network.py`) and for simulated ones (`simulated.py`) alike. In each direction
stand a tail-drop queue, a serialiser of the rate, and the air: outages, random loss, bursts of loss, damage, copies,
reordering and jitter. The delay comes last. The same seed is the same weather for every tool.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

MTU = 1500
SEGMENT = 1448  # bytes of a file in a full TCP segment with time stamps
IP_HEADER = 20


@dataclass(frozen=True)
class PacketPath:
    """What lies between ship and server. Rates in bits per second on IP packets, times in seconds from the start.

    down, up        from server to ship, and back; `up_bit_s` None: the same
    queue_bytes     of each direction; None: one bandwidth x delay, 32 KiB at least
    loss            of each packet, in both directions
    burst           (mean seconds between bursts, mean seconds of one, loss while it lasts); None: none
    outages         (start, seconds), silent: what leaves the queue meanwhile is lost
    reorder         the share of packets that come four packets late
    forget_at       moments at which a NAT forgets all flows so far
    new_address_at  the ship's address is replaced then
    largest         longer packets vanish without a word: a black hole for path MTU discovery
    """

    down_bit_s: float
    rtt_s: float
    up_bit_s: float | None = None
    queue_bytes: int | None = None
    loss: float = 0.0
    burst: tuple[float, float, float] | None = None
    outages: tuple[tuple[float, float], ...] = ()
    jitter_s: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    forget_at: tuple[float, ...] = ()
    new_address_at: float | None = None
    largest: int | None = None

    def queue(self, bit_s: float) -> int:
        """Bytes that wait at most in front of a direction of that rate."""
        return self.queue_bytes if self.queue_bytes is not None else max(32_768, int(bit_s / 8 * self.rtt_s))

    def lost_share(self) -> float:
        """Of the packets, in the mean, outages aside."""
        if self.burst is None:
            return self.loss
        apart, length, within = self.burst
        return 1 - (1 - self.loss) * (1 - within * length / (apart + length))

    def earliest_s(self, length: int) -> float:
        """When the last byte of a file can be there at the earliest.

        A round trip for the connection and one for the request. Then all bytes, with TCP's headers and what is lost in
        the mean, at the full rate. Outages come in between.
        """
        now, left = 1.5 * self.rtt_s, math.ceil(length / SEGMENT) * MTU * 8 / self.down_bit_s / (1 - self.lost_share())
        for start, seconds in sorted(self.outages):
            if now + left <= start:
                break
            left -= max(0.0, start - now)
            now = max(now, start + seconds)
        return now + left + self.rtt_s / 2


def outages(
    seed: int, mean_gap_s: float, shortest_s: float, longest_s: float, until_s: float = 3600
) -> tuple[tuple[float, float], ...]:
    """Silent outages, seeded: exponential gaps, uniform lengths."""
    random, now = Random(seed), 0.0
    found: list[tuple[float, float]] = []
    while (now := now + random.expovariate(1 / mean_gap_s)) < until_s:
        found.append((now, random.uniform(shortest_s, longest_s)))
        now += found[-1][1]
    return tuple(found)


@dataclass(frozen=True)
class Fate:
    """What becomes of a packet: it arrives at these moments, or `lost` says why it does not: "full" or "lost"."""

    arrives: tuple[float, ...] = ()
    lost: str = ""
    flipped_bit: int | None = None

    def damaged(self, packet: bytes, spared: int) -> bytes:
        """The packet with its bit flipped, if one is, behind the first `spared` bytes."""
        if self.flipped_bit is None or len(packet) <= spared:
            return packet
        at, bit = divmod(self.flipped_bit % ((len(packet) - spared) * 8), 8)
        at += spared
        return packet[:at] + bytes([packet[at] ^ 1 << bit]) + packet[at + 1 :]


class Direction:
    """One direction of a path. Moments are seconds from the start of the weather."""

    def __init__(self, path: PacketPath, bit_s: float, seed: int, name: str) -> None:
        self._path = path
        self._byte_s = bit_s / 8
        self._queue_bytes = path.queue(bit_s)
        self._random = Random(f"{seed}/{name}")
        self._free_at = float("-inf")
        self._bursts = _bursts(Random(f"{seed}/bursts"), path.burst) if path.burst else iter(())
        self._burst = next(self._bursts, (math.inf, math.inf))

    def send(self, length: int, now: float) -> Fate:
        """A packet of so many bytes reaches the queue."""
        path, random = self._path, self._random
        begins = max(now, self._free_at)
        if (begins - now) * self._byte_s + length > self._queue_bytes:
            return Fate(lost="full")
        self._free_at = at = begins + length / self._byte_s
        while at >= self._burst[1]:
            self._burst = next(self._bursts)
        is_out = any(start <= at < start + seconds for start, seconds in path.outages)
        in_burst = self._burst[0] <= at and random.random() < (path.burst or (0, 0, 0))[2]
        if is_out or in_burst or random.random() < path.loss:
            return Fate(lost="lost")
        arrives = at + path.rtt_s / 2 + (random.random() * path.jitter_s if path.jitter_s else 0.0)
        if path.reorder and random.random() < path.reorder:
            arrives += 4 * MTU / self._byte_s
        times = 2 if path.duplicate and random.random() < path.duplicate else 1
        flipped = random.getrandbits(32) if path.corrupt and random.random() < path.corrupt else None
        return Fate((arrives,) * times, flipped_bit=flipped)


def directions(path: PacketPath, seed: int) -> tuple[Direction, Direction]:
    """(from server to ship, back)."""
    up_bit_s = path.up_bit_s or path.down_bit_s
    return Direction(path, path.down_bit_s, seed, "down"), Direction(path, up_bit_s, seed, "up")


def _bursts(random: Random, burst: tuple[float, float, float]) -> Iterator[tuple[float, float]]:
    now = 0.0
    while True:
        start = now + random.expovariate(1 / burst[0])
        now = start + random.expovariate(1 / burst[1])
        yield start, now
