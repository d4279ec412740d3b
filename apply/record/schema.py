"""The tables of a site's record, and how an older record becomes one of today's [A-81].

    states     number, document (JSON), sha256 of it, saved_at in seconds since 1970    the last few
    runs       number, document (JSON), head of the chain (apply.record.chain)                 all
    receipts   number in the site's chain of receipts, receipt                          the last RECEIPTS_KEPT
    pruned     the last run that is no longer there: number, head, figures of all those (JSON)    one row, or none
    deliveries way home, number of the latest receipt that was taken there

The version of the tables is `user_version` in the header of the SQLite file, 0 where nothing was ever set. A program
goes on with the tables of its successor, which says so in `application_id` [A-234]. So a successor only adds tables,
columns with a default, and fields of a state with one. It removes nothing that its predecessor reads.
"""

import sqlite3
from typing import Final

from apply.errors import SiteInvalid
from apply.record.chain import START, head_after

VERSION: Final = 2
OLDEST: Final = 2  # programs of these tables can work on those made here; never above VERSION - 1 again

_FIRST: Final = (
    "CREATE TABLE IF NOT EXISTS states "
    "(number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, sha256 TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL)",
)
_FROM_0: Final = (
    "ALTER TABLE states ADD COLUMN saved_at REAL NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN head TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE receipts (number INTEGER PRIMARY KEY, receipt BLOB NOT NULL)",
)
_FROM_1: Final = (
    "DELETE FROM receipts",  # of a format that nothing reads any more
    "CREATE TABLE deliveries (way TEXT PRIMARY KEY, number INTEGER NOT NULL)",
    "CREATE TABLE pruned (number INTEGER NOT NULL, head TEXT NOT NULL, figures TEXT NOT NULL)",
)


def version_of(database: sqlite3.Connection, path: object) -> int:
    """The version of its tables. Raises SiteInvalid for one that only a newer unrep can work on."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (oldest,) = database.execute("PRAGMA application_id").fetchone()
    if version > VERSION and not 0 < oldest <= VERSION:
        raise SiteInvalid(
            f"{path}: written by a newer version of unrep (its tables have version {version}, and this one knows "
            f"{VERSION}); use that one"
        )
    return int(version)


def bring_up(database: sqlite3.Connection) -> None:
    """Makes the tables, or upgrades older ones, whose runs are chained as they are. In the caller's transaction."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version < 1:
        for statement in (*_FIRST, *_FROM_0):
            database.execute(statement)
        head = START
        for number, document in database.execute("SELECT number, document FROM runs ORDER BY number").fetchall():
            head = head_after(head, document)
            database.execute("UPDATE runs SET head = ? WHERE number = ?", (head, number))
    for statement in _FROM_1:
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute(f"PRAGMA application_id = {OLDEST}")
