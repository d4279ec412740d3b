"""The tables of the record and their version. spec/apply.md, [A-81]; whole sites are in ../audit/test_history.py."""

import sqlite3
from collections.abc import Iterator

import pytest

from apply.errors import SiteInvalid
from apply.record import schema
from apply.record.chain import START, head_after


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]


def test_a_new_record(database: sqlite3.Connection) -> None:
    assert schema.version_of(database, "state.db") == 0
    schema.bring_up(database)
    assert schema.version_of(database, "state.db") == schema.VERSION
    assert columns(database, "states") == ["number", "document", "sha256", "saved_at"]
    assert columns(database, "runs") == ["number", "document", "head"]
    assert columns(database, "receipts") == ["number", "receipt"]
    assert columns(database, "deliveries") == ["way", "number"]
    assert columns(database, "pruned") == ["number", "head", "figures"]


def test_runs_of_a_record_without_a_version_are_chained_as_they_are(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE states (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT, sha256 TEXT)")
    database.execute("CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL)")
    database.executemany("INSERT INTO runs (document) VALUES (?)", [("{}",), ('{"run": 2}',)])
    schema.bring_up(database)
    first = head_after(START, "{}")
    rows = database.execute("SELECT document, head FROM runs ORDER BY number").fetchall()
    assert rows == [("{}", first), ('{"run": 2}', head_after(first, '{"run": 2}'))]


def test_receipts_of_an_older_format_go(database: sqlite3.Connection) -> None:
    """[A-81]"""
    schema.bring_up(database)
    for statement in (
        "DROP TABLE deliveries",
        "DROP TABLE pruned",
        "PRAGMA user_version = 1",
        "INSERT INTO receipts (number, receipt) VALUES (7, 'of format 1')",
    ):
        database.execute(statement)
    schema.bring_up(database)
    assert schema.version_of(database, "state.db") == schema.VERSION
    assert not database.execute("SELECT * FROM receipts").fetchall()


def test_a_newer_one_is_refused_by_name(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(SiteInvalid, match=r"^state\.db: written by a newer version of unrep"):
        schema.version_of(database, "state.db")
