"""At which times of the day something may happen, and what if the clock cannot be trusted: spec/apply.md, section 8.

Pure: the time is handed in. Windows are daily, so a clock that runs right opens one within 25 hours, whatever zone and
daylight saving. If one was shut for longer than two days of running, the clock is wrong, or the machine is never on at
that time. Either would keep a ship from updates for ever, so then it opens for an hour.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

MAX_SHUT_S: Final = 48 * 3600.0
OVERDUE_OPEN_S: Final = 3600.0
MAX_SHUT_MINUTES: Final = 26 * 60 + 1  # a day of 25 hours, and an hour that the zone leaves out
_DAY_MINUTES: Final = 24 * 60
_WINDOW: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DailyWindows:
    """Daily windows, in minutes since midnight of `zone`, each from its start up to its end; none means always."""

    spans: tuple[tuple[int, int], ...]
    zone: tzinfo

    @classmethod
    def of(cls, windows: tuple[str, ...], zone: str) -> "DailyWindows":
        """Windows such as "22:00-06:00", which may cross midnight, in UTC or a zone of the IANA database.

        Raises ValueError, saying which text is wrong.
        """
        return cls(tuple(_minutes(text) for text in windows), _zone(zone))

    def is_open(self, now: float) -> bool:
        """Whether `now`, seconds since 1970, lies in a window."""
        local = (_EPOCH + timedelta(seconds=now)).astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return not self.spans or any(_within(minute, *window) for window in self.spans)

    def opens_in_s(self, now: float) -> float:
        """Seconds from `now` to the first full minute that lies in a window; 0 if `now` does."""
        if self.is_open(now):
            return 0.0
        minutes = (now - now % 60 + 60 * n for n in range(1, MAX_SHUT_MINUTES))
        return next(moment for moment in minutes if self.is_open(moment)) - now


@dataclass(frozen=True)
class Gate:
    """Daily windows by a clock that may be wrong [A-63]. `shut_s`: seconds of running time for which they were shut."""

    windows: DailyWindows
    shut_s: float = 0.0

    def after(self, elapsed_s: float, now: float) -> "Gate":
        """The gate after so many seconds of running, by a clock that cannot be set. `now`: by the one that can."""
        if self.windows.is_open(now) or self.shut_s >= MAX_SHUT_S + OVERDUE_OPEN_S:
            return replace(self, shut_s=0.0)
        return replace(self, shut_s=self.shut_s + elapsed_s)

    @property
    def is_overdue(self) -> bool:
        """Whether it opens although the clock says otherwise."""
        return self.shut_s >= MAX_SHUT_S

    def is_open(self, now: float) -> bool:
        """Whether what it guards may happen now."""
        return self.is_overdue or self.windows.is_open(now)


def _minutes(text: str) -> tuple[int, int]:
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no window of the day, such as '22:00-06:00'")
    start, end = (int(found[i]) * 60 + int(found[i + 1]) for i in (1, 3))
    if start >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise ValueError(f"{text!r} is no window of the day: it ends at 24:00 at the latest, and starts before that")
    if start == end:
        raise ValueError(f"{text!r} is an empty window; the whole day is '00:00-24:00', or no window at all")
    return start, end


def _within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start < end else minute >= start or minute < end


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # only here: most ships keep UTC

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError; a directory an OSError
        raise ValueError(
            f"time_zone = {name!r} is not known on this machine; use 'UTC' or a name such as 'Europe/Oslo' "
            "(on Windows Python's package tzdata brings those)"
        ) from error
