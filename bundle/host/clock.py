"""The clock, as a parameter: tests pass one of their own, and hours of a bad link take milliseconds."""

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never goes back, and a way to wait."""

    def now(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""


class SystemClock:
    """The machine's monotonic clock. A change of its date has no effect."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
