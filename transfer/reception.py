"""Bytes from a link in order, whatever becomes of its connections: waiting, trying again, giving up.

A connection that ends is followed by another that goes on at the very next byte [T-23]. There is no total timeout and
no cap on attempts: as long as bytes come, it goes on; without any for `patience_s`, it stops [T-22].
"""

from collections.abc import Callable, Generator
from contextlib import closing
from random import Random

from transfer.clock import Clock
from transfer.config import TransferConfig
from transfer.errors import (
    BadAnswer,
    Dropped,
    Incomplete,
    LinkFault,
    OtherFile,
    PastEnd,
    SourceCorrupt,
    SourceRefused,
)
from transfer.link import Answer, Link
from transfer.pace import Pace


class Reception:
    """What one session takes in over one link. `received_bytes` counts every byte that the link handed over.

    `bundle_bytes` is the length that the file at the source must have, once the verified root has told it. Until then
    a range ends where the file does; after that, a file that ends early is a fault.
    """

    def __init__(
        self, link: Link, config: TransferConfig, clock: Clock, say: Callable[[str], None], jitter: Random
    ) -> None:
        self.received_bytes = 0
        self.bundle_bytes: int | None = None
        self._link = link
        self._config = config
        self._clock = clock
        self._say = say
        self._jitter = jitter
        self._pace = Pace(config.limit_bytes_per_s, clock)
        self._round_trip_s: float | None = None
        self._progressed()

    def receive(self, start: int, end: int) -> Generator[bytes]:
        """Yields the bytes from `start` to `end` of the file in chunks, in order, none twice.

        Raises Incomplete when waiting does not help any more, SourceRefused or SourceCorrupt when it never will.
        """
        position = start
        self._progress_at = self._clock.now()
        while position < end:
            try:
                with closing(self._attempt(position, end)) as chunks:
                    for chunk in chunks:
                        position += len(chunk)
                        yield chunk
                if self.bundle_bytes is None:
                    return
            except PastEnd as fault:
                if self.bundle_bytes is None:
                    return
                self._recover(fault, position)
            except LinkFault as fault:
                self._recover(fault, position)

    def _attempt(self, position: int, end: int) -> Generator[bytes]:
        """One request. Returns at `end`, or earlier at the end of a file whose length is not known yet."""
        answer = self._open(position, end - position)
        try:
            if self.bundle_bytes is None:
                end = min(end, answer.total_bytes)
            elif answer.total_bytes > self.bundle_bytes:
                raise OtherFile(f"has {answer.total_bytes} bytes, not the {self.bundle_bytes} of its bundle")
            while position < end:
                chunk = answer.read(min(self._pace.step_bytes(self._config.read_bytes), end - position))
                if not chunk and position >= answer.total_bytes:
                    raise PastEnd(f"ends at byte {answer.total_bytes}")
                if not chunk:
                    raise Dropped("the connection ended too early")
                position += len(chunk)
                self._count(len(chunk))
                yield chunk
                self._pace.spend(len(chunk))
        finally:
            answer.close()

    def _open(self, offset: int, length: int) -> Answer:
        asked = self._clock.now()
        answer = self._link.open(offset, length, self._idle_s())
        sample = self._clock.now() - asked
        smoothed = self._round_trip_s
        self._round_trip_s = sample if smoothed is None else smoothed + (sample - smoothed) / 8
        return answer

    def _idle_s(self) -> float:
        """How long silence may last now [T-20]."""
        config = self._config
        if self._round_trip_s is None:
            least = config.first_answer_s
        else:
            least = max(config.idle_floor_s, config.idle_round_trips * self._round_trip_s)
        return max(least, min(config.idle_ceiling_s, config.idle_share * self._barren_s()))

    def _barren_s(self) -> float:
        """How long there was no progress: what is lost by waiting too long stays in proportion to it."""
        return self._clock.now() - self._progress_at

    def _progressed(self) -> None:
        self._fresh_bytes = 0
        self._progress_at = self._clock.now()
        self._failures = self._bad_answers = 0

    def _count(self, amount: int) -> None:
        """Raises Dropped for a source that trickles: fewer than `progress_bytes` in `patience_s` are no progress."""
        self.received_bytes += amount
        self._fresh_bytes += amount
        if self._fresh_bytes >= self._config.progress_bytes:
            self._progressed()
        elif self._barren_s() > self._config.patience_s:
            raise Dropped(f"only {self._fresh_bytes} bytes arrived in {self._config.patience_s:.0f} s")

    def _recover(self, fault: LinkFault, position: int) -> None:
        """Waits before the next attempt [T-21], or raises what ends the session when it is time [T-16], [T-22]."""
        self._failures += 1
        if isinstance(fault, BadAnswer):
            self._bad_answers += 1
            if self._bad_answers >= self._config.max_bad_answers:
                raise self._verdict(fault, position) from fault
        wait_s = self._wait_s(fault)
        left_s = self._config.patience_s - self._barren_s()
        if wait_s > left_s:
            asked = f", and it asks to be left alone for {_asked_s(fault):.0f} s" if _asked_s(fault) else ""
            raise Incomplete(
                f"{self._link.name}: {fault}; no progress for {self._barren_s():.0f} s"
                f"{asked}: run the same command again later, it goes on from there"
            ) from fault
        if self._failures == 2:
            self._say(f"{self._link.name}: {fault}; trying again for {left_s:.0f} s")
        self._clock.sleep(wait_s)

    def _wait_s(self, fault: LinkFault) -> float:
        config = self._config
        most_s = max(config.retry_ceiling_s, config.retry_share * self._barren_s())
        pause_s = min(most_s, config.retry_floor_s * 2.0 ** min(self._failures - 1, 32))
        return max(pause_s * self._jitter.uniform(0.5, 1.0), _asked_s(fault))

    def _verdict(self, fault: BadAnswer, position: int) -> Exception:
        name = self._link.name
        if isinstance(fault, PastEnd):
            return Incomplete(
                f"{name}: {fault}, but the bundle has {self.bundle_bytes} bytes: it is cut short there, or still being "
                f"uploaded; the pieces before byte {position} are kept, run again when the file is whole"
            )
        if isinstance(fault, OtherFile):
            return SourceCorrupt(f"{name}: {fault}; publish the bundle there again")
        return SourceRefused(f"{name}: the source {fault}, {self._bad_answers} times; fetch from another one")


def _asked_s(fault: LinkFault) -> float:
    return fault.wait_s if isinstance(fault, Dropped) else 0.0
