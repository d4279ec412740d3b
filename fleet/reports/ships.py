"""One ship: how it stands, what it said, and its next way [L-22], [L-26]."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, select

from bundle.names.plain_text import plain
from bundle.receipts.meanings import code_name, outcome_name
from fleet.record import tables
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing, split_held, standings


@dataclass(frozen=True)
class Saying:
    """A receipt as it is shown."""

    number: int
    at: float
    outcome: str
    code: str
    reason: str
    origin: str
    version: str
    serving: str
    held: tuple[str, ...]
    deploy_s: float
    outage_s: float
    paid: int
    hold: bool
    free_bytes: int


@dataclass(frozen=True)
class Way:
    """The next way of a ship to its ring's release: the versions on it, none where nothing leads, and what it fetches.

    is_full: it begins with a full release.
    """

    versions: tuple[str, ...]
    bytes: int
    money: float
    is_full: bool


@dataclass(frozen=True)
class KeyShown:
    """A key of a ship. lowest, highest, count: of the receipts that it signed and that came."""

    key_id: str
    added: float
    retired: float | None
    lowest: int
    highest: int
    count: int


def find_ship(connection: Connection, shore: Shore, name: str, now: float | None = None) -> Standing | None:
    """How a ship stands; None if there is none of that name."""
    if not name.isprintable():  # PostgreSQL takes no NUL, and no ship is called so
        return None
    return next(iter(standings(connection, shore, now, name=name)), None)


def sayings(connection: Connection, shore: Shore, name: str, most: int, *, is_brief: bool = True) -> list[Saying]:
    """What a ship said, the latest first. is_brief: without mere signs of life."""
    of = tables.receipt
    asked = select(of).join(tables.ship, tables.ship.c.id == of.c.ship).where(tables.ship.c.name == name)
    if is_brief:
        asked = asked.where(of.c.outcome != tables.ALIVE)
    rows = connection.execute(asked.order_by(of.c.at.desc(), of.c.number.desc()).limit(most))
    return [
        Saying(
            number=row.number,
            at=row.at,
            outcome=outcome_name(row.outcome),
            code="" if not row.code else code_name(row.code),
            reason=plain(row.reason),
            origin=plain(row.origin),
            version=plain(row.version),
            serving=shore.named(row.serving) if row.serving else "",
            held=tuple(map(shore.named, split_held(row.held))),
            deploy_s=row.deploy_ms / 1000,
            outage_s=row.outage_ms / 1000,
            paid=row.paid,
            hold=bool(row.hold),
            free_bytes=row.free_mib << 20,
        )
        for row in rows
    ]


def keys_of(connection: Connection, name: str) -> list[KeyShown]:
    """The keys of a ship, the newest first."""
    key = tables.ship_key
    asked = select(key).join(tables.ship).where(tables.ship.c.name == name).order_by(key.c.id.desc())
    return [
        KeyShown(row.key_id.hex(), row.added, row.retired, row.lowest, row.highest, row.came)
        for row in connection.execute(asked)
    ]


def next_way(ship: Standing, shore: Shore) -> Way | None:
    """How a ship comes to its ring's release; None where it runs that, or its ring names none."""
    target = shore.channels.get(ship.ring)
    if target is None or ship.state == "current":
        return None
    route = shore.way((ship.serving_tree, *ship.held_trees), target)
    if route is None:
        return Way((), 0, 0.0, is_full=False)
    cost = sum(step.cost[0] for step in route.steps)
    versions = tuple(step.by.release for step in route.steps)
    return Way(versions, cost, shore.settings.money(cost), is_full=bool(route.steps) and not route.steps[0].base)


def moment(seconds: float | None) -> str:
    """A time in words, in UTC; "never" for none."""
    if seconds is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s after 1970"
