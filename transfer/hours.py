"""When links that cost something may be used; which hours those are is for the caller to know [T-95]."""

from typing import Protocol


class Hours(Protocol):
    """A daily timetable, or a person's word."""

    def shut_s(self) -> float:
        """For how many seconds from now on nothing may be asked; 0 if it may."""


class Always:
    """At any time."""

    def shut_s(self) -> float:
        return 0.0
