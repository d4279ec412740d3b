"""A limit to the rate of a transfer, for links that others need too [T-27]."""

from bundle.host.clock import Clock

CHUNKS_PER_S = 4


class RateLimiter:
    """Pauses so that no more than `bytes_per_s` are spent. None: never pauses."""

    def __init__(self, bytes_per_s: int | None, clock: Clock) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._due = clock.now()

    def chunk_bytes(self, most: int) -> int:
        """How much to read at once: at most `most`, and little enough that pauses stay short."""
        return most if self._bytes_per_s is None else max(1, min(most, self._bytes_per_s // CHUNKS_PER_S))

    def spend(self, amount: int) -> None:
        """Sleeps as long as `amount` bytes take at the rate. Time that has passed since the last call counts."""
        if self._bytes_per_s is None:
            return
        now = self._clock.now()
        # Never before now: a silence earns no credit that could be spent in a burst later.
        self._due = max(self._due + amount / self._bytes_per_s, now)
        if self._due > now:
            self._clock.sleep(self._due - now)
