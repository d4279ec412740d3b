"""The hours of `unrep fetch --window`."""

from apply.site.maintenance_windows import DailyWindows
from unrep.receiving.fetch_hours import WindowHours

HOUR_S = 3600.0


def test_a_shut_window_says_for_how_long() -> None:
    waits: list[float] = []
    table = DailyWindows.of(("22:00-06:00",), "UTC")
    assert WindowHours(table, lambda: 12 * HOUR_S, waits.append).shut_s() == 10 * HOUR_S
    assert waits == [22 * HOUR_S]


def test_an_open_window_waits_for_nothing() -> None:
    waits: list[float] = []
    table = DailyWindows.of(("22:00-06:00",), "UTC")
    assert WindowHours(table, lambda: 23 * HOUR_S, waits.append).shut_s() == 0 and waits == []
