"""What updates cost the fleet, week by week: deploy, outage, time to recover, bytes paid; and silence [L-27]."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from sqlalchemy import Connection, select

from bundle.receipts.meanings import outcome_name
from fleet.record.tables import ALIVE, receipt
from fleet.reports.standing import DAY_S, Standing

WEEKS: Final = 26
_WEEK_S: Final = 7 * DAY_S
_BROKEN: Final = frozenset({"degraded", "unhealthy", "rolled-back"})
_SILENCE: Final = ((1, "under a day"), (3, "1 to 3"), (7, "3 to 7"), (14, "7 to 14"), (30, "14 to 30"))


@dataclass
class Week:
    """A week. begins: in seconds since 1970. Seconds are medians, None where nothing happened."""

    begins: float
    applied: int = 0
    went_back: int = 0
    paid: int = 0
    deploys: list[float] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The day on which it begins."""
        return time.strftime("%d %b", time.gmtime(self.begins))


@dataclass(frozen=True)
class Figures:
    """The weeks, the oldest first; medians over all of them; and how many ships are silent for how long."""

    weeks: list[Week]
    deploy_s: float | None
    outage_s: float | None
    recovery_s: float | None
    paid: int
    applied: int
    went_back: int
    silence: list[tuple[str, int]]


def figures(connection: Connection, ships: Iterable[Standing], now: float | None = None) -> Figures:
    """Of the last half year."""
    moment = time.time() if now is None else now
    first = moment - WEEKS * _WEEK_S
    weeks = [Week(first + number * _WEEK_S) for number in range(WEEKS)]
    columns = receipt.c.ship, receipt.c.at, receipt.c.outcome, receipt.c.deploy_ms, receipt.c.outage_ms, receipt.c.paid
    asked = select(*columns).where(receipt.c.outcome != ALIVE, receipt.c.at >= first).order_by(receipt.c.at)
    broken: dict[int, float] = {}
    for row in connection.execute(asked):
        week = weeks[min(int((row.at - first) / _WEEK_S), WEEKS - 1)]
        _count(row, week, broken)
    return Figures(
        weeks,
        middle([second for week in weeks for second in week.deploys]),
        middle([second for week in weeks for second in week.outages]),
        middle([second for week in weeks for second in week.recoveries]),
        sum(week.paid for week in weeks),
        sum(week.applied for week in weeks),
        sum(week.went_back for week in weeks),
        _silence(ships),
    )


def middle(seconds: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return median(seconds) if seconds else None


def _count(row: Any, week: Week, broken: dict[int, float]) -> None:
    outcome = outcome_name(row.outcome)
    week.paid += row.paid
    if row.outage_ms:
        week.outages.append(row.outage_ms / 1000)
    if outcome == "applied":
        week.applied += 1
        week.deploys.append(row.deploy_ms / 1000)
        if (since := broken.pop(row.ship, None)) is not None:
            week.recoveries.append(row.at - since)
    elif outcome in _BROKEN:
        week.went_back += outcome == "rolled-back"
        broken.setdefault(row.ship, row.at)


def _silence(ships: Iterable[Standing]) -> list[tuple[str, int]]:
    counts = dict.fromkeys([*(label for _, label in _SILENCE), "over 30", "never heard"], 0)
    for ship in ships:
        if ship.silent_days is None:
            counts["never heard"] += 1
        else:
            days = ship.silent_days
            counts[next((label for most, label in _SILENCE if days < most), "over 30")] += 1
    return list(counts.items())
