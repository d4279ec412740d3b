"""Time as a session sees it: injected, so that a test drives through hours of weather in milliseconds."""

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never goes back, and patience."""

    def now(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""


class SystemClock:
    """The machine's monotonic clock; its date plays no part."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
