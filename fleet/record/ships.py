"""Ships and their receipt keys [L-3], [L-4]."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from bundle.names.plain_text import plain
from bundle.trust.signing import VerifyingKey
from fleet.errors import ShipRefused
from fleet.record.tables import ship, ship_key

MOST_CHARACTERS: Final = 64


@dataclass(frozen=True)
class NewShip:
    """A ship to add, or a new key of one that is there. `where`: the file or line that names it, for messages.

    ring: None for the one that it has, or for `first_ring` where it is new.
    """

    name: str
    key: VerifyingKey
    ring: str | None
    where: str


@dataclass(frozen=True)
class Added:
    """What came of it: ships and keys that are new, ships whose ring changed, and those that were so already."""

    ships: list[str]
    keys: list[str]
    moved: list[str]
    same: list[str]


def add_ships(connection: Connection, wanted: Iterable[NewShip], first_ring: str, *, retire: bool = False) -> Added:
    """Adds ships and keys, all or none. `retire`: a ship's other keys count no more from now on.

    Raises ShipRefused for a key that is another ship's, and for a name that cannot be shown.
    """
    added = Added([], [], [], [])
    for new in wanted:
        if not 0 < len(new.name) <= MOST_CHARACTERS or plain(new.name).strip() != new.name:
            raise ShipRefused(f"{new.where}: {plain(new.name)[:80]!r} is no ship's name; it has 1 to 64 characters")
        _add(connection, new, added, first_ring, retire=retire)
    return added


def _add(connection: Connection, new: NewShip, added: Added, first_ring: str, *, retire: bool) -> None:
    now = time.time()
    known = connection.execute(select(ship.c.id, ship.c.ring).where(ship.c.name == new.name)).one_or_none()
    owner = connection.execute(
        select(ship.c.name, ship_key.c.raw).join_from(ship, ship_key).where(ship_key.c.key_id == new.key.key_id)
    ).one_or_none()
    if owner and (owner.name != new.name or owner.raw != new.key.raw):
        raise ShipRefused(f"{new.where}: its key is that of ship {owner.name!r}; each ship has a key of its own")
    try:
        number = known.id if known else _insert_ship(connection, new.name, new.ring or first_ring, now)
    except IntegrityError as error:  # another office was first
        raise ShipRefused(f"{new.where}: ship {new.name!r} was added meanwhile; run again") from error
    if known is None:
        added.ships.append(new.name)
    elif new.ring and known.ring != new.ring:
        connection.execute(update(ship).where(ship.c.id == number).values(ring=new.ring))
        added.moved.append(new.name)
    if owner is None:
        if retire:
            others = (ship_key.c.ship == number) & ship_key.c.retired.is_(None)
            connection.execute(update(ship_key).where(others).values(retired=now))
        row = {"ship": number, "key_id": new.key.key_id, "raw": new.key.raw, "added": now}
        connection.execute(insert(ship_key).values(row))
        if known is not None:
            added.keys.append(new.name)
    elif known and new.ring in (None, known.ring):
        added.same.append(new.name)


def _insert_ship(connection: Connection, name: str, ring: str, now: float) -> int:
    row = {"name": name, "ring": ring, "added": now}
    return int(connection.execute(insert(ship).values(row).returning(ship.c.id)).scalar_one())
