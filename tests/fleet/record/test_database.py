"""[L-1], [L-2] The database: made, brought up, refused, and each of its troubles in one sentence."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from fleet.errors import DatabaseBusy, DatabaseFull, DatabaseNewer, DatabaseUnusable
from fleet.record import database as database_module
from fleet.record import tables
from fleet.record.database import Database
from fleet.record.migrations import found_version, migrate
from repository.record.database import Record
from tests.support.fleet.postgresql import Server

A_SHIP = {"name": "MV Mercy", "ring": "stable", "added": 1.0}


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(tables.ship.c.name)).scalars())


def test_what_was_written_is_there_when_it_is_opened_again(where: str | Path) -> None:
    first = Database(where)
    with first.writing() as connection:
        connection.execute(insert(tables.ship).values(A_SHIP))
    first.close()
    second = Database(where)
    assert names(second) == ["MV Mercy"] and second.size() > 0
    second.close()


def test_a_transaction_happens_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as connection:
        connection.execute(insert(tables.ship).values(A_SHIP))
        raise RuntimeError
    assert names(database) == []


def test_older_tables_are_brought_up_in_one_step(where: str | Path) -> None:
    def second(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE ship ADD COLUMN flag TEXT"))

    def third(connection: Connection) -> None:
        connection.execute(text("UPDATE ship SET flag = 'NO'"))

    def fails(connection: Connection) -> None:
        raise RuntimeError

    opened = Database(where)
    with opened.writing() as connection:
        connection.execute(insert(tables.ship).values(A_SHIP))
    with pytest.raises(RuntimeError), opened.writing() as connection:
        migrate(connection, opened.name, (second, fails), version=3)
    with opened.writing() as connection:
        migrate(connection, opened.name, (second, third), version=3)
    with opened.writing() as connection:
        migrate(connection, opened.name, (second, third), version=3)
        assert connection.execute(text("SELECT flag FROM ship")).scalar() == "NO" and found_version(connection) == 3
    opened.close()
    with pytest.raises(DatabaseNewer, match="written by a newer unrep"):
        Database(where)


def test_tables_of_another_program_are_left_alone(where: str | Path) -> None:
    opened = Database(where)
    with opened.writing() as connection:
        connection.execute(text("DELETE FROM part"))
    opened.close()
    with pytest.raises(DatabaseUnusable, match="tables of another program"):
        Database(where)


def test_a_repository_and_its_fleet_share_a_file(tmp_path: Path) -> None:
    Record.make(tmp_path / "repo.db")
    Database(tmp_path / "repo.db").close()
    with Record(tmp_path / "repo.db") as record:
        assert record.releases() == [] and not record.check_integrity()


def test_no_other_file_passes_for_a_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but rather longer than the header of one" * 20)
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE photo (id)")
    foreign.close()
    for name, why in {"text.db": "is damaged", "foreign.db": "another program's", "no/such.db": "no file can"}.items():
        with pytest.raises(DatabaseUnusable, match=why) as raised:
            Database(tmp_path / name)
        assert str(tmp_path / name) in str(raised.value) and "\n" not in str(raised.value)
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        assert foreign.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    foreign.close()


@pytest.mark.parametrize("url", ["postgresql://", "mysql://a/b", "postgresql://u:geheim@localhost:1/fleet", "nothing"])
def test_a_url_that_leads_nowhere_says_so_and_keeps_the_password(url: str) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnusable) as raised:
        Database(url)
    assert "geheim" not in str(raised.value) and "\n" not in str(raised.value)


def test_a_database_that_is_held_says_so(where: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_S", 1)
    one, other = Database(where), Database(where)
    lock = text("SELECT 1" if one.is_sqlite else "LOCK TABLE ship IN ACCESS EXCLUSIVE MODE")
    with one.writing() as connection:
        connection.execute(lock)
        with pytest.raises(DatabaseBusy, match="another process holds it"), other.writing() as second:
            second.execute(insert(tables.ship).values(A_SHIP))
    with other.writing() as second:
        second.execute(insert(tables.ship).values(A_SHIP))
    one.close()
    other.close()


def test_a_full_disk_says_so_and_keeps_what_was_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "fleet.db")
    with pytest.raises(DatabaseFull, match="no space left"), database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        many = [A_SHIP | {"name": f"{number:0900}"} for number in range(100)]
        connection.execute(insert(tables.ship), many)
    assert names(database) == []
    database.close()


def test_a_file_that_is_gone_is_not_made_again_and_one_put_back_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    database = Database(path)
    with database.writing() as connection:
        connection.execute(insert(tables.ship).values(A_SHIP))
    copy = path.read_bytes()
    path.unlink()
    for use in (database.reading, database.writing):
        with pytest.raises(DatabaseUnusable, match="see that the file and its disk are there"), use() as connection:
            connection.execute(select(tables.ship.c.name))
    assert not path.exists()
    path.write_bytes(copy)
    assert names(database) == ["MV Mercy"]
    database.close()


def test_a_server_that_is_gone_says_so_and_is_used_again(server: Server) -> None:
    database = Database(server.new_database())
    server.stop()
    try:
        with pytest.raises(DatabaseUnusable, match="see that the server is there"):
            names(database)
    finally:
        server.start()
    assert names(database) == []
    database.close()
