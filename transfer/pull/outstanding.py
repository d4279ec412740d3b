"""Requests that were sent and not fully answered: which answers belong to them, and which are lost.

An answer is lost when one to a later request has come, and this one is later than that by a little. The little is what
the path needs: it grows when an answer that was given up comes all the same [T-166].
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from transfer.pull.pacing import Stamp
from transfer.pull.wanted import Chunk

REORDERING = 0.25  # of the shortest round trip, at first
MOST_REORDERING = 2.0  # round trips
FORGOTTEN = 1024  # numbers that are remembered to know a late answer by


@dataclass(slots=True)
class Sent:
    """One request."""

    at: float
    chunks: set[Chunk]
    stamp: Stamp
    is_answered: bool = False
    expires_at: float = float("inf")


class Outstanding:
    """The requests under way, oldest first. `packets` and `data_bytes`: what they still wait for."""

    def __init__(self) -> None:
        self.packets = 0
        self.data_bytes = 0
        self._sent: OrderedDict[int, Sent] = OrderedDict()
        self._owners: dict[Chunk, int] = {}
        self._given_up: OrderedDict[int, Sent] = OrderedDict()
        self._reordering_s = 0.0
        self._round_trip_s = 0.0  # of the newest answer

    def __bool__(self) -> bool:
        return bool(self._sent)

    @property
    def next_timeout(self) -> float:
        """When the oldest is lost if nothing comes."""
        return next(iter(self._sent.values())).expires_at if self._sent else float("inf")

    def add(self, number: int, sent: Sent) -> None:
        """A request was sent."""
        self._sent[number] = sent
        self._owners.update(dict.fromkeys(sent.chunks, number))
        self.packets += len(sent.chunks)
        self.data_bytes += sum(length for _, length in sent.chunks)

    def answered(self, number: int, chunk: Chunk, now: float) -> Sent | None:
        """An answer came. The request that it belongs to, if it is still waited for."""
        sent = self._sent.get(number)
        if sent is not None and chunk in sent.chunks:
            self._settle(number, sent, chunk)
            self._round_trip_s = now - sent.at
            return sent
        late = self._given_up.get(number)
        if late is not None:
            late_s = now - late.at - self._round_trip_s
            self._reordering_s = min(max(self._reordering_s, 1.1 * late_s), MOST_REORDERING * self._round_trip_s)
        return None

    def late(self, number: int) -> Sent | None:
        """The request that an answer belongs to which was given up, if it is remembered."""
        return self._given_up.get(number)

    def settled_by_another(self, chunk: Chunk) -> bool:
        """An answer came that was given up. Whether the chunk is waited for, asked for once more."""
        number = self._owners.get(chunk)
        if number is None:
            return False
        self._settle(number, self._sent[number], chunk)
        return True

    def overtaken(self, number: int, now: float, min_rtt: float) -> Iterator[tuple[Chunk, Stamp]]:
        """What is lost, now that an answer to that request has come."""
        wait_s = self._round_trip_s + max(REORDERING * min_rtt, self._reordering_s)
        while self._sent:
            oldest, sent = next(iter(self._sent.items()))
            if oldest >= number or now - sent.at <= wait_s:
                return
            yield from self._give_up(oldest)

    def expired(self, now: float) -> Iterator[tuple[Chunk, Stamp]]:
        """What is lost because nothing came for too long."""
        while self._sent and self.next_timeout <= now:
            yield from self._give_up(next(iter(self._sent)))

    def expire_at(self, moment: float) -> None:
        """From then on, what is under way now is lost."""
        for sent in self._sent.values():
            sent.expires_at = moment

    def clip(self, end: int) -> None:
        """Waits for nothing from `end` on, where the file ends."""
        kept = list(self._sent.items())
        self._sent.clear()
        self._owners.clear()
        self.packets = self.data_bytes = 0
        for number, sent in kept:
            sent.chunks = {(offset, min(length, end - offset)) for offset, length in sent.chunks if offset < end}
            if sent.chunks:
                self.add(number, sent)

    def refused(self, number: int) -> list[Chunk]:
        """The server will not answer that request. What it still waited for."""
        return [chunk for chunk, _ in self._give_up(number)] if number in self._sent else []

    def drop_all(self) -> list[Chunk]:
        """Gives up everything: a server that does not know the ship any more answers none of it."""
        return [chunk for number in list(self._sent) for chunk, _ in self._give_up(number)]

    def drop_oldest(self) -> list[Chunk]:
        """Gives up the oldest request. What it still waited for."""
        return [chunk for chunk, _ in self._give_up(next(iter(self._sent)))] if self._sent else []

    def _give_up(self, number: int) -> list[tuple[Chunk, Stamp]]:
        sent = self._sent.pop(number)
        self._given_up[number] = sent
        for chunk in sent.chunks:
            self._owners.pop(chunk, None)
        while len(self._given_up) > FORGOTTEN:
            self._given_up.popitem(last=False)
        self.packets -= len(sent.chunks)
        self.data_bytes -= sum(length for _, length in sent.chunks)
        return [(chunk, sent.stamp) for chunk in sorted(sent.chunks)]

    def _settle(self, number: int, sent: Sent, chunk: Chunk) -> None:
        sent.chunks.discard(chunk)
        self._owners.pop(chunk, None)
        self.packets -= 1
        self.data_bytes -= chunk[1]
        if not sent.chunks:
            del self._sent[number]
