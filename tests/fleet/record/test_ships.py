"""[L-3], [L-4] Ships, their rings, and the keys by which they are known."""

import pytest

from fleet.errors import ShipRefused
from fleet.record.database import Database
from fleet.record.receipts import known_keys
from tests.support.fleet.ships import Ship, added


def test_ships_are_added_once(database: Database) -> None:
    ships = [Ship("Mercy"), Ship("Hope", ring="canary")]
    assert added(database, ships).ships == ["Mercy", "Hope"]
    again = added(database, [*ships, Ship("Grace")])
    assert (again.ships, again.same) == (["Grace"], ["Mercy", "Hope"])


def test_a_ship_changes_its_ring(database: Database) -> None:
    added(database, [Ship("Mercy")])
    assert added(database, [Ship("Mercy", ring="canary")]).moved == ["Mercy"]


def test_a_new_key_may_retire_the_old_one(database: Database) -> None:
    old, new = Ship("Mercy"), Ship("another")
    added(database, [old])
    new.name = "Mercy"
    assert added(database, [new], retire=True).keys == ["Mercy"]
    with database.writing() as connection:
        found = known_keys(connection, [old.public.key_id, new.public.key_id])
    assert found[old.public.key_id].retired and not found[new.public.key_id].retired


def test_a_key_is_that_of_one_ship_and_nothing_is_added_of_a_list_that_is_wrong(database: Database) -> None:
    mercy, thief = Ship("Mercy"), Ship("Mercy")
    added(database, [mercy])
    thief.name = "Thief"
    with pytest.raises(ShipRefused, match="its key is that of ship 'Mercy'"):
        added(database, [Ship("Hope"), thief])
    assert added(database, [Ship("Hope")]).ships == ["Hope"]
