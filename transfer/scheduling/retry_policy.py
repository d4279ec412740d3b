"""How long to go on after failures: pauses, the budget of time without progress, and who is to blame in the end.

There is no total timeout and no cap on attempts: as long as bytes come, it goes on; without any for `patience_s`, it
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


class Patience:
    """How long to wait for one source.

    quiet_until    no connection may be made before this moment
    bundle_bytes   of the verified root, once known
    limit_s        how long to go on without progress, at most
    deadline       when it is over whatever comes
    """

    def __init__(
        self, source: str, config: TransferConfig, clock: Clock, say: Callable[[str], None], jitter: Random
    ) -> None:
        self.bundle_bytes: int | None = None
        self.quiet_until = clock.now()
        self.limit_s = config.patience_s
        self.deadline = float("inf")
        self._source = source
        self._config = config
        self._clock = clock
        self._say = say
        self._jitter = jitter
        self._fault: LinkFault = Silent("nothing arrives")
        self._failed_at = clock.now()
        self._progressed()

    @property
    def ends_at(self) -> float:
        """When it is over, if nothing comes."""
        return min(self.deadline, self._progress_at + min(self.limit_s, self._config.patience_s))

    def begin(self) -> None:
        """The time without progress counts from now on."""
        self._progress_at = self._clock.now()

    def barren_s(self) -> float:
        """How long there was no progress: what is lost by waiting too long stays in proportion to it."""
        return self._clock.now() - self._progress_at

    def is_hopeful(self, up_at: float, silence_s: float) -> bool:
        """Whether a connection may be expected to stand soon, so that more than one at a time are worth dialing.

        So it is if the link was up a moment ago, `up_at`; or if it refuses connections, but not for long yet.
        """
        now = self._clock.now()
        is_refused = now < self._failed_at + silence_s and self.barren_s() < self._config.hopeful_s
        return now < up_at + silence_s or (self._failures > 0 and is_refused)

    def count(self, amount: int) -> None:
        """So many new bytes came. Fewer than `progress_bytes` in `patience_s` are no progress."""
        self._fresh_bytes += amount
        if self._fresh_bytes >= self._config.progress_bytes:
            self._progressed()

    def silent(self) -> None:
        """No connection delivers."""
        self._fault = Silent("nothing arrives")
        self._mention(self._fault)

    def failed(self, fault: LinkFault, dialed_at: float, position: int) -> None:
        """A connection ended. Sets the pause [T-21], or raises what ends the session [T-16], [T-22].

        Of connections that were made before the last failure, it is the same failure.
        """
        self._fault = fault
        if isinstance(fault, BadAnswer):
            self._bad_answers += 1
            if self._bad_answers >= self._config.max_bad_answers:
                raise self._verdict(fault, position) from fault
        now, asked_s = self._clock.now(), _asked_s(fault)
        if asked_s > self.ends_at - now:
            raise self._incomplete(f", and it asks to be left alone for {asked_s:.0f} s") from fault
        if dialed_at >= self._failed_at or not self._failures:
            self._failures += 1
            self._failed_at = now
            self.quiet_until = now + self._pause_s()
        self.quiet_until = max(self.quiet_until, now + asked_s)
        if self._failures >= 2:
            self._mention(fault)

    def check(self) -> None:
        """Raises Incomplete if it has lasted too long [T-22]."""
        if self._clock.now() >= self.ends_at:
            if self._fresh_bytes:
                self._fault = Dropped(f"only {self._fresh_bytes} bytes arrived in {self.barren_s():.0f} s")
            raise self._incomplete() from self._fault

    def _progressed(self) -> None:
        self._fresh_bytes = 0
        self._progress_at = self._clock.now()
        self._failures = self._bad_answers = 0
        self._is_mentioned = False

    def _pause_s(self) -> float:
        config = self._config
        most_s = max(config.retry_ceiling_s, config.retry_share * self.barren_s())
        pause_s = min(most_s, config.retry_floor_s * 2.0 ** min(self._failures - 1, 32))
        return pause_s * self._jitter.uniform(0.5, 1.0)

    def _mention(self, fault: LinkFault) -> None:
        if not self._is_mentioned:
            self._is_mentioned = True
            self._say(f"{self._source}: {fault}; trying again for {self.ends_at - self._clock.now():.0f} s")

    def _incomplete(self, asked: str = "") -> Incomplete:
        return Incomplete(
            f"{self._source}: {self._fault}; no progress for {self.barren_s():.0f} s{asked}: "
            "run the same command again later, it goes on from there"
        )

    def _verdict(self, fault: BadAnswer, position: int) -> Exception:
        name = self._source
        if isinstance(fault, PastEnd):
            return CutShort(
                f"{name}: {fault}, but the bundle has {self.bundle_bytes} bytes: it is cut short there, or still being "
                f"uploaded; the pieces before byte {position} are kept, run again when the file is whole",
                min(position, position if fault.end_bytes is None else fault.end_bytes),
            )
        if isinstance(fault, OtherFile):
            return SourceCorrupt(f"{name}: {fault}; publish the bundle there again")
        return SourceRefused(f"{name}: the source {fault}, {self._bad_answers} times; fetch from another one")


def _asked_s(fault: LinkFault) -> float:
    return fault.wait_s if isinstance(fault, Dropped) else 0.0
