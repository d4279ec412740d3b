"""What ships said, and what came and is no ship's word [L-10] to [L-16]."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fleet.record.tables import ALIVE, apart, receipt, ship, ship_key

MOST_APART: Final = 10_000  # of each kind: whoever can send mail could fill the disk otherwise
_AT_ONCE: Final = 500  # values in one IN (...): SQLite of old takes 999


@dataclass(frozen=True)
class Key:
    """A key by which receipts are known, and what came by it so far. `row`: its number in the database."""

    row: int
    ship: int
    name: str
    key_id: bytes
    raw: bytes
    retired: float | None
    lowest: int
    highest: int


@dataclass(frozen=True)
class Apart:
    """Something that is no word of a ship of this fleet. `number`: 0 where it has none that is known."""

    why: str
    source: str
    ship: str
    number: int
    data: bytes


def known_keys(connection: Connection, ids: Collection[bytes]) -> dict[bytes, Key]:
    """The keys with those ids. Until the transaction ends no other office takes in receipts of theirs."""
    found: dict[bytes, Key] = {}
    columns = (ship_key.c.id, ship_key.c.ship, ship.c.name, ship_key.c.key_id, ship_key.c.raw, ship_key.c.retired)
    asked = select(*columns, ship_key.c.lowest, ship_key.c.highest).join_from(ship_key, ship)
    for some in _portions(sorted(ids)):
        rows = connection.execute(
            asked.where(ship_key.c.key_id.in_(some)).order_by(ship_key.c.id).with_for_update(of=ship_key)
        )
        found |= {row.key_id: Key(*row) for row in rows}
    return found


def stored(connection: Connection, wanted: Mapping[Key, Collection[int]]) -> dict[tuple[int, int], bytes]:
    """The receipts with those numbers that are there, as they came, by the row of the key and the number."""
    found: dict[tuple[int, int], bytes] = {}
    # Mostly all are newer than what is there, and the last of a key is all that is asked for.
    for some in _portions([key.row for key in wanted]):
        latest = receipt.join(ship_key, (receipt.c.key == ship_key.c.id) & (receipt.c.number == ship_key.c.highest))
        rows = connection.execute(select(*_WHOLE).select_from(latest).where(ship_key.c.id.in_(some)))
        found |= {(row.key, row.number): row.data for row in rows}
    for key, numbers in wanted.items():
        older = sorted({number for number in numbers if number < key.highest})
        for portion in _portions(older):
            rows = connection.execute(_OF_KEY, {"of": key.row, "numbers": portion})
            found |= {(row.key, row.number): row.data for row in rows}
    return found


_WHOLE: Final = (receipt.c.key, receipt.c.number, receipt.c.data)
_OF_KEY: Final = select(*_WHOLE).where(
    receipt.c.key == bindparam("of"), receipt.c.number.in_(bindparam("numbers", expanding=True))
)


def add_receipts(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds receipts that are not there yet, and counts them with their keys."""
    if not rows:
        return
    connection.execute(insert(receipt), rows)
    by_key: dict[int, list[int]] = {}
    told: dict[int, int] = {}
    for row in rows:
        by_key.setdefault(row["key"], []).append(row["number"])
        if row["outcome"] != ALIVE:
            told[row["key"]] = max(told.get(row["key"], 0), row["number"])
    connection.execute(
        _COUNTED,
        [
            {"of": key, "least": min(numbers), "most": max(numbers), "told": told.get(key, 0), "more": len(numbers)}
            for key, numbers in sorted(by_key.items())
        ],
    )


_LEAST: Final = bindparam("least", type_=BigInteger)
_MOST: Final = bindparam("most", type_=BigInteger)
_TOLD: Final = bindparam("told", type_=BigInteger)
_COUNTED: Final = (
    update(ship_key)
    .where(ship_key.c.id == bindparam("of"))
    .values(
        lowest=case((ship_key.c.lowest.between(1, _LEAST), ship_key.c.lowest), else_=_LEAST),
        highest=case((ship_key.c.highest > _MOST, ship_key.c.highest), else_=_MOST),
        told=case((ship_key.c.told > _TOLD, ship_key.c.told), else_=_TOLD),
        came=ship_key.c.came + bindparam("more", type_=BigInteger),
    )
)


def count_faults(connection: Connection, key: int, *, forks: int = 0, ahead: int = 0) -> None:
    """Counts second versions of one number, and receipts of a clock that is ahead."""
    values = {"forks": ship_key.c.forks + forks, "ahead": ship_key.c.ahead + ahead}
    connection.execute(update(ship_key).where(ship_key.c.id == key).values(values))


def set_apart(connection: Connection, found: Iterable[Apart], now: float) -> int:
    """Keeps what is no ship's word, once each, and the first of each kind. Returns how many were new."""
    rows = connection.execute(select(apart.c.why, func.count().label("many")).group_by(apart.c.why))
    counts = {row.why: int(row.many) for row in rows}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = 0
    for one in found:
        if counts.get(one.why, 0) >= MOST_APART:
            continue
        row = {
            "why": one.why,
            "taken": now,
            "source": one.source,
            "ship": one.ship,
            "number": one.number,
            "digest": sha256(one.data).digest(),
            "data": one.data,
        }
        inserted = dialect.insert(apart).values(row).on_conflict_do_nothing().returning(apart.c.id)
        added = len(connection.execute(inserted).all())
        counts[one.why] = counts.get(one.why, 0) + added
        new += added
    return new


def standing_apart(connection: Connection, why: str) -> list[tuple[str, bytes]]:
    """What was set apart for a reason, with its source."""
    rows = connection.execute(select(apart.c.source, apart.c.data).where(apart.c.why == why).order_by(apart.c.id))
    return [(row.source, row.data) for row in rows]


def forget_apart(connection: Connection, why: str, data: Iterable[bytes]) -> None:
    """Removes from what stands apart for a reason."""
    for some in _portions([sha256(one).digest() for one in data]):
        connection.execute(delete(apart).where(apart.c.why == why, apart.c.digest.in_(some)))


def _portions(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))
