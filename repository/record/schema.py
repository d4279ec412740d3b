"""The tables of a repository's database, and their version [P-5].

    part      name, version          the versions of the tables: those of this module are part "repository"
    release   version, epoch, seq, tree, size, entries, origin, added
    bundle    file, release, path, length, root, header, full, state, added
    base      bundle, tree, bytes    what a ship with that tree fetches of it, its header included
    channel   name, release, counter, moved
    strange   tree                   of no release here: a person named it as a base

`release.origin`: "released" here, or "imported". `bundle.state`: "built", then "published" once every destination has
it, or one where it was imported, then "retired" once `prune` is about to remove it. Times are in seconds since 1970,
hashes are blobs.

Other parts of the program add tables of their own to the same file, each with its own row in `part`.
"""

import sqlite3
from typing import Final

from repository.errors import NewerRepository, NotARepository

VERSION: Final = 1
APPLICATION: Final = 0x756E7270  # "unrp", in the header of the SQLite file
PART: Final = "repository"

_TABLES: Final = (
    "CREATE TABLE part (name TEXT PRIMARY KEY, version INTEGER NOT NULL)",
    "CREATE TABLE release (version TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, tree BLOB NOT NULL,"
    " size INTEGER NOT NULL, entries INTEGER NOT NULL, origin TEXT NOT NULL,"
    " added REAL NOT NULL, UNIQUE (epoch, seq))",
    "CREATE TABLE bundle (file TEXT PRIMARY KEY, release TEXT NOT NULL REFERENCES release (version),"
    " path TEXT NOT NULL UNIQUE, length INTEGER NOT NULL, root BLOB NOT NULL, header INTEGER NOT NULL,"
    " full INTEGER NOT NULL, state TEXT NOT NULL, added REAL NOT NULL)",
    "CREATE TABLE base (bundle TEXT NOT NULL REFERENCES bundle (file) ON DELETE CASCADE, tree BLOB NOT NULL,"
    " bytes INTEGER NOT NULL, PRIMARY KEY (bundle, tree))",
    "CREATE TABLE channel (name TEXT PRIMARY KEY, release TEXT NOT NULL REFERENCES release (version),"
    " counter INTEGER NOT NULL, moved REAL NOT NULL)",
    "CREATE TABLE strange (tree BLOB PRIMARY KEY)",
)


def make(database: sqlite3.Connection) -> None:
    """Makes the tables in an empty file, in the caller's transaction."""
    for statement in _TABLES:
        database.execute(statement)
    database.execute("INSERT INTO part VALUES (?, ?)", (PART, VERSION))
    database.execute(f"PRAGMA application_id = {APPLICATION}")


def check(database: sqlite3.Connection, path: object) -> None:
    """Raises NotARepository for another file, NewerRepository for tables that this program does not know."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise NotARepository(f"{path}: is no database of a repository; restore it from a backup")
    row = database.execute("SELECT version FROM part WHERE name = ?", (PART,)).fetchone()
    if row is None or row[0] > VERSION:
        raise NewerRepository(
            f"{path}: written by a newer unrep (its tables have version {row and row[0]}, and this one knows "
            f"{VERSION}); use that one"
        )
