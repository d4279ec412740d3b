"""[L-10] to [L-16] Receipts into the record: each once, proven, and what is no ship's word named and apart."""

import random
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bundle.receipts.receipt import mark_of
from fleet.intake import taking
from fleet.intake.sources import Sources
from fleet.intake.taking import Found, Taken, take, take_unknown_again
from fleet.record import receipts, tables
from fleet.record.database import Database
from tests.support.fleet.ships import DAY_S, NOW, Ship, added
from tests.support.observers.memory import peak_of


def intake(database: Database, data: Iterable[bytes], **more: Any) -> Taken:
    found = [Found(f"{number}.receipt", one) for number, one in enumerate(data)]
    return take(database, found, "vms", now=more.get("now", NOW))


def recorded(database: Database) -> list[tuple[int, int]]:
    with database.reading() as connection:
        rows = connection.execute(select(tables.receipt.c.ship, tables.receipt.c.number).order_by("ship", "number"))
        return [(row.ship, row.number) for row in rows]


def key_of(database: Database, ship: Ship) -> Any:
    with database.reading() as connection:
        return connection.execute(select(tables.ship_key).where(tables.ship_key.c.key_id == ship.public.key_id)).one()


def apart(database: Database) -> list[tuple[str, str, int]]:
    with database.reading() as connection:
        columns = tables.apart.c.why, tables.apart.c.ship, tables.apart.c.number
        return [(row.why, row.ship, row.number) for row in connection.execute(select(*columns).order_by("id"))]


@pytest.fixture
def mercy(database: Database) -> Ship:
    ship = Ship("Mercy")
    added(database, [ship])
    return ship


def test_each_receipt_is_taken_once_in_any_order(database: Database, mercy: Ship) -> None:
    hope = Ship("Hope")
    added(database, [hope])
    said = mercy.alive(30) + hope.alive(30)
    seed = random.randrange(2**32)
    random.Random(seed).shuffle(said)
    first = intake(database, said[:40])
    second = intake(database, said)
    assert (first.new, second.new, second.repeated, second.broken) == (40, 20, 40, 0), f"seed {seed}"
    assert len(recorded(database)) == 60
    key = key_of(database, mercy)
    assert (key.lowest, key.highest, key.came) == (1, 30, 30)


def test_a_gap_is_seen_until_it_is_filled(database: Database, mercy: Ship) -> None:
    said = mercy.alive(9)
    intake(database, said[:3] + said[6:])
    key = key_of(database, mercy)
    assert (key.lowest, key.highest, key.came) == (1, 9, 6)
    assert intake(database, said[3:6]).broken == 0 and key_of(database, mercy).came == 9


def test_a_receipt_that_nothing_proves_stands_apart(database: Database, mercy: Ship) -> None:
    said = mercy.alive(3)
    spoiled = bytearray(said[2])
    spoiled[-1] ^= 1
    came = intake(database, [said[0], said[1], bytes(spoiled)])
    assert (came.new, dict(came.apart)) == (2, {"forged": 1})
    assert "signature" in came.named["forged"][0] and apart(database) == [("forged", "Mercy", 3)]
    assert intake(database, said).new == 1, "a forged one takes no place"


def test_a_forged_one_is_found_wherever_it_stands(database: Database, mercy: Ship) -> None:
    """In a chain of true ones, in one batch or in the next."""
    said = mercy.alive(5)
    forged = bytearray(said[2])
    forged[-1] ^= 1
    came = intake(database, [*said[:2], bytes(forged), *said[3:]])
    assert (came.new, came.apart["forged"]) == (4, 1)
    assert intake(database, [bytes(forged)]).apart["forged"] == 1
    assert intake(database, [said[2]]).new == 1


def test_a_true_one_that_names_it_proves_nothing(database: Database, mercy: Ship) -> None:
    """[L-13]: its mark has 8 bytes, and others can be found with the same."""
    mercy.alive(2)
    forged = bytearray(mercy.said[1])
    forged[-1] ^= 1
    mercy.mark = mark_of(bytes(forged))
    after = mercy.says("alive", NOW)
    came = intake(database, [mercy.said[0], bytes(forged), after])
    assert (came.new, came.apart["forged"]) == (2, 1)
    assert intake(database, [bytes(forged)]).apart["forged"] == 1


def test_receipts_of_unknown_ships_wait_until_they_are_added(database: Database) -> None:
    hope = Ship("Hope")
    came = intake(database, hope.alive(3))
    assert (came.new, came.apart["unknown"]) == (0, 3) and intake(database, hope.said).apart["unknown"] == 3
    assert len(apart(database)) == 3, "once each"
    assert take_unknown_again(database, "vms", NOW).new == 0
    added(database, [hope])
    assert take_unknown_again(database, "vms", NOW).new == 3
    assert apart(database) == [] and len(recorded(database)) == 3


def test_a_second_version_of_a_number_is_a_fork(database: Database, mercy: Ship) -> None:
    mercy.alive(4)
    mercy.number, mercy.mark = 2, mark_of(mercy.said[1])
    mercy.says("alive", NOW)
    came = intake(database, mercy.said)
    assert (came.new, came.apart["fork"]) == (4, 1)
    assert "put back" in came.named["fork"][0] and key_of(database, mercy).forks == 1
    again = intake(database, mercy.said)
    assert (again.new, again.apart["fork"], again.repeated) == (0, 1, 4)


def test_a_receipt_that_does_not_follow_the_one_before_it_is_named(database: Database, mercy: Ship) -> None:
    mercy.alive(2)
    mercy.mark = bytes(8)
    mercy.says("alive", NOW)
    came = intake(database, mercy.said)
    assert (came.new, came.broken) == (3, 1) and "number 3 does not follow" in came.named["broken"][0]


def test_a_clock_that_is_ahead_is_named_and_counts_as_the_time_of_intake(database: Database, mercy: Ship) -> None:
    came = intake(database, [mercy.says("alive", NOW + 400 * DAY_S)])
    assert (came.new, came.ahead) == (1, 1) and "400 days ahead" in came.named["ahead"][0]
    with database.reading() as connection:
        assert connection.execute(select(tables.receipt.c.at)).scalar() == NOW


def test_receipts_of_another_product_and_of_a_retired_key_stand_apart(database: Database, mercy: Ship) -> None:
    pump = Ship("Pump", product="pumps")
    added(database, [pump])
    assert intake(database, pump.alive(2)).apart["other"] == 2
    new = Ship("new key of Mercy")
    new.name = "Mercy"
    added(database, [new], retire=True)
    late, early = mercy.says("alive", 4e9), new.says("alive", NOW)
    came = intake(database, [late, early], now=4e9)
    assert (came.new, came.apart["retired"]) == (1, 1)


def test_what_is_no_receipt_is_counted_and_not_kept(database: Database, mercy: Ship) -> None:
    said = mercy.alive(1)[0]
    came = intake(database, [b"", b"\xff" * 300, said + b"\0", said[:-1], b"x" * 301, said])
    assert (came.new, came.apart["malformed"]) == (1, 5) and apart(database) == []


def test_texts_of_any_kind_are_one_line_each(database: Database, mercy: Ship) -> None:
    """A ship may be in other hands, and a file may be called anything."""
    hope = Ship("Hope")
    odd = mercy.says("refused", NOW, to="1\0\n", reason="\0\x1b[2J\u202e", program="\r")
    stranger = Found("\udcff\0.receipt", hope.says("alive", NOW))
    came = take(database, [Found("a", odd), stranger], "vms", NOW)
    assert (came.new, came.apart["unknown"]) == (1, 1)
    with database.reading() as connection:
        row = connection.execute(select(tables.receipt.c.reason, tables.receipt.c.version)).one()
        assert row.reason.isprintable() and row.version == "1\\x00\\n"
        assert "udcff" in str(connection.execute(select(tables.apart.c.source)).scalar())


def test_what_stands_apart_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MOST_APART", 5)
    came = intake(database, Ship("Flood").alive(30))
    assert came.apart["unknown"] == 30 and len(apart(database)) == 5 and len(came.named["unknown"]) == 20


def test_a_kill_between_batches_loses_nothing(database: Database, mercy: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "BATCH", 4)
    said = mercy.alive(10)

    def cut() -> Iterable[Found]:
        yield from (Found("mail", data) for data in said[:6])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(database, cut(), "vms", NOW)
    assert len(recorded(database)) == 4
    came = intake(database, said)
    assert (came.new, came.repeated, came.broken) == (6, 4, 0) and key_of(database, mercy).came == 10


def test_two_offices_take_the_same_mail_at_once(
    where: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "BATCH", 50)
    fleet = [Ship(f"ship {number}") for number in range(10)]
    added(database, fleet)
    said = [data for ship in fleet for data in ship.alive(40)]
    came: list[Taken] = []

    def office(seed: int) -> None:
        own, order = Database(where), list(said)
        random.Random(seed).shuffle(order)
        came.append(intake(own, order))
        own.close()

    threads = [threading.Thread(target=office, args=(seed,)) for seed in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(one.new for one in came) == 400 and sum(one.repeated for one in came) == 800
    assert all(key_of(database, ship).came == 40 and not key_of(database, ship).forks for ship in fleet)


@pytest.mark.slow
def test_a_hundred_thousand_at_once_in_little_memory(tmp_path: Path) -> None:
    """[L-16] As they lie in a zip, in any order."""
    database = Database(tmp_path / "fleet.db")
    ships = [Ship(f"MV {number}") for number in range(10)]
    added(database, ships)
    said = [receipt for ship in ships for receipt in ship.alive(10_000, NOW - 20_000 * DAY_S)]
    random.Random(7).shuffle(said)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number, receipt in enumerate(said):
            archive.writestr(f"{number}.receipt", receipt)
    with peak_of(200_000_000):
        taken = take(database, Sources([tmp_path / "all.zip"]).find(), "vms")
    assert (taken.new, taken.broken, sum(taken.apart.values())) == (100_000, 0, 0)
    with database.reading() as connection:
        counts = connection.execute(select(tables.ship_key.c.lowest, tables.ship_key.c.highest, tables.ship_key.c.came))
        assert {tuple(row) for row in counts} == {(1, 10_000, 10_000)}
    database.close()
