"""The hours of `unrep fetch --window`: daily windows by this machine's clock, for `transfer.hours`."""

from collections.abc import Callable
from dataclasses import dataclass

from apply.site.maintenance_windows import DailyWindows


@dataclass(frozen=True)
class WindowHours:
    """`wall` gives seconds since 1970; `on_wait` is told the moment up to which it has to be waited."""

    windows: DailyWindows
    wall: Callable[[], float]
    on_wait: Callable[[float], None]

    def shut_s(self) -> float:
        now = self.wall()
        if self.windows.is_open(now):
            return 0.0
        opens_in_s = self.windows.opens_in_s(now)
        self.on_wait(now + opens_in_s)
        return opens_in_s
