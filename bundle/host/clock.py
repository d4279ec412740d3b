"""Time, injected: a test drives through hours of bad links, or days of windows, in milliseconds."""

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never goes back, and a way to wait for it."""

    def now(self) -> float:
        """Seconds of running since some fixed moment; nobody can set them."""

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""


class WallClock(Clock, Protocol):
    """The same, and the machine's date, which anybody may have set."""

    def wall(self) -> float:
        """Seconds since 1970."""


class SystemClock:
    """The machine's clocks: a `WallClock`."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wall(self) -> float:
        return time.time()
