"""The agent's clock: injected, so that a test passes days of windows in milliseconds."""

import time
from typing import Protocol


class Clock(Protocol):
    """The machine's two clocks, and a way to wait."""

    def wall(self) -> float:
        """Seconds since 1970, as anybody may have set them."""

    def monotonic(self) -> float:
        """Seconds of running since some moment; nobody can set them."""

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""


class SystemClock:
    """The real ones."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
