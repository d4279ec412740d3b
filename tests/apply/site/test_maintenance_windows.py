"""Windows of the day, and clocks that cannot be trusted [A-62], [A-63]."""

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest

from apply.site.maintenance_windows import MAX_SHUT_S, OVERDUE_OPEN_S, DailyWindows, Gate

HOUR_S = 3600.0


def at(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("windows", "zone", "moment", "is_open"),
    [
        ((), "UTC", "2026-11-24 12:00", True),
        (("09:00-17:00",), "UTC", "2026-11-24 08:59:59", False),
        (("09:00-17:00",), "UTC", "2026-11-24 09:00", True),
        (("09:00-17:00",), "UTC", "2026-11-24 16:59:59", True),
        (("09:00-17:00",), "UTC", "2026-11-24 17:00", False),
        (("22:00-06:00",), "UTC", "2026-11-24 21:59", False),
        (("22:00-06:00",), "UTC", "2026-11-24 23:30", True),
        (("22:00-06:00",), "UTC", "2026-11-25 00:00", True),
        (("22:00-06:00",), "UTC", "2026-11-25 05:59", True),
        (("22:00-06:00",), "UTC", "2026-11-25 06:00", False),
        (("00:00-24:00",), "UTC", "2026-11-25 23:59:59", True),
        (("01:00-02:00", "13:00-14:00"), "UTC", "2026-11-25 13:30", True),
        (("01:00-02:00", "13:00-14:00"), "UTC", "2026-11-25 12:30", False),
        (("02:00-03:00",), "Asia/Tokyo", "2026-11-24 17:30", True),
        (("02:00-03:00",), "Asia/Tokyo", "2026-11-24 02:30", False),
        (("02:00-03:00",), "Europe/Oslo", "2026-07-01 00:30", True),  # summer time
        (("02:00-03:00",), "Europe/Oslo", "2026-12-01 01:30", True),
        (("22:00-06:00",), "UTC", "1970-01-01 00:00", True),
        (("22:00-06:00",), "UTC", "2099-12-31 12:00", False),
    ],
)
def test_windows(windows: tuple[str, ...], zone: str, moment: str, is_open: bool) -> None:
    if zone != "UTC" and not available_timezones():
        pytest.skip("this machine has no time zones: on Windows Python's package tzdata brings them")
    assert DailyWindows.of(windows, zone).is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("22-06", "'22-06' is no window"),
        ("22:00-25:00", "is no window"),
        ("22:60-23:00", "is no window"),
        ("24:00-06:00", "24:00 at the latest"),
        ("22:00-24:30", "24:00 at the latest"),
        ("06:00-06:00", "empty window"),
        ("٢٢:00-06:00", "is no window"),
        ("22:00-06:00\n", "is no window"),
    ],
)
def test_a_window_that_is_none(window: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DailyWindows.of((window,), "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "Europe"])
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(ValueError, match="is not known on this machine"):
        DailyWindows.of((), zone)


def test_a_right_clock_opens_the_gate_by_itself() -> None:
    gate, now = Gate(DailyWindows.of(("02:00-03:00",), "UTC")), at("2026-11-24 03:00")
    opened = []
    for hour in range(24 * 7):
        moment = now + hour * HOUR_S
        gate = gate.after(HOUR_S, moment)
        assert not gate.is_overdue
        opened += [hour] if gate.is_open(moment) else []
    assert opened == [23 + 24 * day for day in range(7)]


def test_a_clock_that_stands_still_shuts_nothing_for_ever() -> None:
    gate, frozen = Gate(DailyWindows.of(("02:00-03:00",), "UTC")), at("2026-11-24 12:00")
    opened = []
    for hour in range(1, 101):
        gate = gate.after(HOUR_S, frozen)
        opened += [hour] if gate.is_open(frozen) else []
    assert opened[0] * HOUR_S == MAX_SHUT_S
    assert len(opened) == 2 * (1 + int(OVERDUE_OPEN_S / HOUR_S)), "an hour at a time, and then shut again"


@pytest.mark.parametrize("wrong", ["1970-01-01 00:00", "2099-12-31 00:00"])
def test_a_clock_in_another_year_still_has_nights(wrong: str) -> None:
    gate = Gate(DailyWindows.of(("02:00-03:00",), "UTC"))
    assert any(gate.is_open(at(wrong) + hour * HOUR_S) for hour in range(24))


def test_a_machine_that_boots_into_noon_every_day_gets_through_in_the_end() -> None:
    """The time that the gate was shut is kept across boots, by whoever holds it."""
    windows, shut_s, days = DailyWindows.of(("02:00-03:00",), "UTC"), 0.0, 0
    while not Gate(windows, shut_s).is_open(at("1970-01-01 12:00")):
        shut_s = Gate(windows, shut_s).after(8 * HOUR_S, at("1970-01-01 20:00")).shut_s
        days += 1
    assert days == 6
