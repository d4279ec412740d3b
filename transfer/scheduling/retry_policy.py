"""How long to go on after failures: pauses, the time without progress, and which error it is in the end.

There is no total timeout and no cap on attempts: as long as bytes come, it goes on. Without any for `patience_s`, it
stops [T-22].
"""

from collections.abc import Callable
from random import Random

from bundle.host.clock import Clock
from transfer.config import TransferConfig
from transfer.errors import (
    BadAnswer,
    CutShort,
    Dropped,
    Incomplete,
    LinkFault,
    OtherFile,
    PastEnd,
    Silent,
    SourceCorrupt,
    SourceRefused,
)


class RetryPolicy:
    """When one source is tried again, and when it is given up.

    no_dial_before    no connection may be made before this moment
    stall_limit_s     how long to go on without progress, if that is less than `patience_s`
    deadline          when the source is given up whatever comes
    """

    def __init__(
        self, source: str, config: TransferConfig, clock: Clock, say: Callable[[str], None], jitter: Random
    ) -> None:
        self.no_dial_before = clock.now()
        self.stall_limit_s = config.patience_s
        self.deadline = float("inf")
        self._source = source
        self._config = config
        self._clock = clock
        self._say = say
        self._jitter = jitter
        self._fault: LinkFault = Silent("nothing arrives")
        self._failed_at = clock.now()
        self._note_progress()

    @property
    def gives_up_at(self) -> float:
        """When the source is given up, if nothing comes."""
        return min(self.deadline, self._progress_at + min(self.stall_limit_s, self._config.patience_s))

    def begin(self) -> None:
        """The time without progress counts from now on."""
        self._progress_at = self._clock.now()

    def stalled_s(self) -> float:
        """How long there was no progress."""
        return self._clock.now() - self._progress_at

    def expects_connections(self, up_at: float, silence_s: float) -> bool:
        """Whether a connection may be expected to open soon, so that more than one at a time are worth dialing.

        `up_at`: when the link last showed that it is up. `silence_s`: for how long that counts.
        """
        # A refusal shows that the far end is there, and may take connections any moment. After `hopeful_s` of
        # refusals six dials at a time would only add to the load of a server that is down.
        now = self._clock.now()
        is_refused = now < self._failed_at + silence_s and self.stalled_s() < self._config.hopeful_s
        return now < up_at + silence_s or (self._failures > 0 and is_refused)

    def received(self, amount: int) -> None:
        """So many new bytes came. Fewer than `progress_bytes` in `patience_s` are no progress."""
        # Without a threshold, a source that trickles would keep a session for ever, and each byte would end a row of
        # failures, so that pauses never grew.
        self._fresh_bytes += amount
        if self._fresh_bytes >= self._config.progress_bytes:
            self._note_progress()

    def silent(self) -> None:
        """No connection delivers."""
        self._fault = Silent("nothing arrives")
        self._report(self._fault)

    def failed(self, fault: LinkFault, dialed_at: float, position: int, bundle_bytes: int | None) -> None:
        """A connection that was dialed then has ended at `position`. Sets the pause [T-21].

        `bundle_bytes`: the length of the bundle, once known. Raises what ends the source [T-16], and Incomplete if
        it asks to be left alone for longer than is left [T-19].
        """
        self._fault = fault
        if isinstance(fault, BadAnswer):
            self._bad_answers += 1
            if self._bad_answers >= self._config.max_bad_answers:
                raise self._verdict(fault, position, bundle_bytes) from fault
        now, retry_after_s = self._clock.now(), _retry_after_s(fault)
        if retry_after_s > self.gives_up_at - now:
            raise self._incomplete(f", and it asks to be left alone for {retry_after_s:.0f} s") from fault
        # Connections that one outage ends failed once: six at a time would double the pause six times.
        if dialed_at >= self._failed_at or not self._failures:
            self._failures += 1
            self._failed_at = now
            self.no_dial_before = now + self._pause_s()
        self.no_dial_before = max(self.no_dial_before, now + retry_after_s)
        if self._failures >= 2:  # a single reset is everyday, and not worth a line
            self._report(fault)

    def check(self) -> None:
        """Raises Incomplete if there was no progress for too long [T-22]."""
        if self._clock.now() >= self.gives_up_at:
            if self._fresh_bytes:
                self._fault = Dropped(f"only {self._fresh_bytes} bytes arrived in {self.stalled_s():.0f} s")
            raise self._incomplete() from self._fault

    def _note_progress(self) -> None:
        self._fresh_bytes = 0
        self._progress_at = self._clock.now()
        self._failures = self._bad_answers = 0
        self._is_reported = False

    def _pause_s(self) -> float:
        # The ceiling grows with the outage: what waiting too long may cost stays a fixed share of what is lost
        # already, and a long outage takes some hundred attempts, not thousands.
        config = self._config
        ceiling_s = max(config.retry_ceiling_s, config.retry_share * self.stalled_s())
        pause_s = min(ceiling_s, config.retry_floor_s * 2.0 ** min(self._failures - 1, 32))
        return pause_s * self._jitter.uniform(0.5, 1.0)  # the ships of a fleet must not all come back at once

    def _report(self, fault: LinkFault) -> None:
        if not self._is_reported:
            self._is_reported = True
            self._say(f"{self._source}: {fault}; trying again for {self.gives_up_at - self._clock.now():.0f} s")

    def _incomplete(self, request: str = "") -> Incomplete:
        return Incomplete(
            f"{self._source}: {self._fault}; no progress for {self.stalled_s():.0f} s{request}: "
            "run the same command again later, it goes on from there"
        )

    def _verdict(self, fault: BadAnswer, position: int, bundle_bytes: int | None) -> Exception:
        name = self._source
        if isinstance(fault, PastEnd):
            return CutShort(
                f"{name}: {fault}, but the bundle has {bundle_bytes} bytes: it is cut short there, or still being "
                f"uploaded; the pieces before byte {position} are kept, run again when the file is whole",
                min(position, position if fault.end_bytes is None else fault.end_bytes),
            )
        if isinstance(fault, OtherFile):
            return SourceCorrupt(f"{name}: {fault}; publish the bundle there again")
        return SourceRefused(f"{name}: the source {fault}, {self._bad_answers} times; fetch from another one")


def _retry_after_s(fault: LinkFault) -> float:
    return fault.wait_s if isinstance(fault, Dropped) else 0.0
