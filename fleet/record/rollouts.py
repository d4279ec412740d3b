"""Rollouts in the record: what was asked for, what is done, and what ships say of the release [L-30] to [L-36]."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from fleet.record.tables import ALIVE, receipt, ring_step, rollout, ship, ship_key


@dataclass(frozen=True)
class Step:
    """A ring of a rollout, and when its channel was moved."""

    ring: str
    moved: float | None


@dataclass(frozen=True)
class Rollout:
    """A rollout. tree: of its release. forgiven: what came in until then counts no more, for a person resumed it."""

    id: int
    version: str
    tree: bytes
    after: int
    within_s: float
    steady_s: float
    stop_on: int
    state: str
    why: str
    by: str
    begun: float
    changed: float
    forgiven: float
    steps: tuple[Step, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it may still move a channel."""
        return self.state in ("running", "paused")


@dataclass(frozen=True)
class Told:
    """A receipt about a release, beside signs of life. `at`: by the ship's clock, `taken`: when it came in."""

    at: float
    taken: float
    outcome: int
    code: int


@dataclass(frozen=True)
class Word:
    """What a ship says that follows a ring: what it runs, and what it told of a release, the oldest first.

    at: of its latest receipt; None where nothing was heard.
    """

    name: str
    ring: str
    serving: bytes
    at: float | None
    told: tuple[Told, ...]


def all_rollouts(connection: Connection) -> list[Rollout]:
    """The latest first."""
    steps: dict[int, list[Step]] = {}
    for row in connection.execute(select(ring_step).order_by(ring_step.c.rollout, ring_step.c.place)):
        steps.setdefault(row.rollout, []).append(Step(row.ring, row.moved))
    rows = connection.execute(select(rollout).order_by(rollout.c.id.desc()))
    return [Rollout(**row._asdict(), steps=tuple(steps.get(row.id, ()))) for row in rows]


def begin(connection: Connection, made: Rollout) -> int:
    """Adds a rollout; others that are open give way to it. Returns its number."""
    giving_way = update(rollout).where(rollout.c.state.in_(("running", "paused")))
    why = f"{made.version} came after it"
    connection.execute(giving_way.values(state="superseded", why=why, changed=made.begun))
    row = {name: getattr(made, name) for name in _COLUMNS}
    number = int(connection.execute(insert(rollout).values(row).returning(rollout.c.id)).scalar_one())
    rows = [
        {"rollout": number, "place": place, "ring": step.ring, "moved": step.moved}
        for place, step in enumerate(made.steps)
    ]
    connection.execute(insert(ring_step), rows)
    return number


_COLUMNS = (
    *("version", "tree", "after", "within_s", "steady_s", "stop_on"),
    *("state", "why", "by", "begun", "changed", "forgiven"),
)


def set_state(connection: Connection, number: int, before: str, state: str, why: str, by: str, now: float) -> bool:
    """Changes its state, and says whether it was the one before: another office may have been first."""
    values: dict[str, Any] = {"state": state, "why": why, "by": by, "changed": now}
    if state == "running":
        values["forgiven"] = now
    done = connection.execute(update(rollout).where(rollout.c.id == number, rollout.c.state == before).values(values))
    return done.rowcount == 1


def set_moved(connection: Connection, number: int, ring: str, now: float) -> None:
    """Notes that a ring's channel was moved; the first office that says so counts."""
    step = and_(ring_step.c.rollout == number, ring_step.c.ring == ring, ring_step.c.moved.is_(None))
    connection.execute(update(ring_step).where(step).values(moved=now))


def hold(connection: Connection) -> None:
    """Lets no other office begin a rollout until the transaction ends; a writer of SQLite is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE rollout IN SHARE ROW EXCLUSIVE MODE")


def words(connection: Connection, rings: Sequence[str], tree: bytes) -> list[Word]:
    """What the ships of these rings say, with regard to a release, given by the first bytes of its tree."""
    asked = (
        select(receipt.c.ship, receipt.c.at, receipt.c.taken, receipt.c.outcome, receipt.c.code)
        .where(receipt.c.tree == tree, receipt.c.outcome != ALIVE)
        .order_by(receipt.c.at, receipt.c.number)
    )
    told: dict[int, list[Told]] = {}
    for row in connection.execute(asked):
        told.setdefault(row.ship, []).append(Told(row.at, row.taken, row.outcome, row.code))
    last = and_(receipt.c.key == ship_key.c.id, receipt.c.number == ship_key.c.highest)
    joined = ship.join(ship_key).outerjoin(receipt, last)
    columns = ship.c.id, ship.c.name, ship.c.ring, receipt.c.serving, receipt.c.at
    ordered = select(*columns).select_from(joined).where(ship.c.ring.in_(rings)).order_by(ship.c.name, ship_key.c.id)
    latest: dict[int, Any] = {}
    for row in connection.execute(ordered):
        known = latest.get(row.id)
        if known is None or (row.at or 0.0) >= (known.at or 0.0):
            latest[row.id] = row
    return [
        Word(row.name, row.ring, row.serving or b"", row.at, tuple(told.get(number, ())))
        for number, row in latest.items()
    ]
