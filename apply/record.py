"""The site's durable memory: its state, and one record of every run. spec/apply.md, section 2.

SQLite in WAL mode with synchronous=FULL: a save has happened when it returns, and a power cut leaves the state before
or after it. The last few states stay, each with a checksum: should a medium spoil the newest, the one before is used
[A-7].
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec

from apply import durable
from apply.errors import DiskFull, SiteInvalid, StorageFailed
from apply.site import Site
from apply.state import SiteState

STATES_KEPT = 20
MAX_RUNS_SHOWN = 10_000

_TABLES = """
CREATE TABLE IF NOT EXISTS states
    (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
"""


class Record:
    """The record of one site, open for writing by the run that holds the site's lock."""

    def __init__(self, site: Site) -> None:
        """Raises StorageFailed, DiskFull, or SiteInvalid for a file that is no record of unrep."""
        self._path = site.state_file
        is_new = not self._path.exists()
        with self._errors():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_TABLES)
            self._state = _newest(self._database, self._path)
        if is_new:
            durable.sync_directory(self._path.parent)

    @property
    def state(self) -> SiteState:
        """The state last saved."""
        return self._state

    def save(self, state: SiteState) -> None:
        """Makes the state durable. Raises StorageFailed or DiskFull; then the state before stays."""
        if state == self._state:
            return
        document = msgspec.json.encode(state).decode()
        with self._errors(), self._transaction() as database:
            row = database.execute(
                "INSERT INTO states (document, sha256) VALUES (?, ?)", (document, _checksum(document))
            )
            database.execute("DELETE FROM states WHERE number <= ?", ((row.lastrowid or 0) - STATES_KEPT,))
        self._state = state

    def append(self, run: dict[str, Any]) -> None:
        """Adds the record of a run [A-8]. Raises StorageFailed or DiskFull."""
        with self._errors(), self._transaction() as database:
            database.execute("INSERT INTO runs (document) VALUES (?)", (json.dumps(run),))

    def close(self) -> None:
        """Lets go of the file; everything saved is durable already."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _errors(self) -> AbstractContextManager[None]:
        return _sqlite_errors(str(self._path))


def read_state(site: Site) -> SiteState:
    """The state of a site, without its lock and without writing; SiteState() where nothing was ever installed.

    Raises StorageFailed or SiteInvalid.
    """
    with _reading(site) as database:
        return _newest(database, site.state_file) if database else SiteState()


def read_runs(site: Site, limit: int = MAX_RUNS_SHOWN) -> list[dict[str, Any]]:
    """The records of the latest runs, the oldest of them first. Raises StorageFailed or SiteInvalid."""
    with _reading(site) as database:
        if not database:
            return []
        rows = database.execute("SELECT document FROM runs ORDER BY number DESC LIMIT ?", (limit,)).fetchall()
    return [json.loads(document) for (document,) in reversed(rows)]


@contextmanager
def _reading(site: Site) -> Iterator[sqlite3.Connection | None]:
    """The record, None if nothing was ever saved in it: a first run may have died while it made the file."""
    unmade = site.state_file.with_name("state.db-journal").exists()  # in use only until the log takes its place
    if unmade or not site.state_file.exists():
        yield None
        return
    with _sqlite_errors(str(site.state_file)):
        # Without a log nobody has it open, and it is read as it stands; SQLite would make files beside it otherwise.
        mode = "mode=ro" if site.state_file.with_name("state.db-wal").exists() else "immutable=1"
        database = sqlite3.connect(f"{site.state_file.as_uri()}?{mode}", uri=True)
        try:
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()  # the last table
            yield database if made else None
        finally:
            database.close()


def _newest(database: sqlite3.Connection, path: object) -> SiteState:
    """The newest state whose checksum holds. Raises SiteInvalid if there are states and none of them is whole."""
    rows = database.execute("SELECT document, sha256 FROM states ORDER BY number DESC").fetchall()
    for document, checksum in rows:
        if _checksum(document) == checksum:
            try:
                return msgspec.json.decode(document, type=SiteState)
            except msgspec.MsgspecError as error:
                raise SiteInvalid(f"{path}: written by another version of unrep ({error}); use that one") from error
    if rows:
        raise SiteInvalid(f"{path}: every state in it is damaged; put back a backup of it, or ask ashore")
    return SiteState()


def _checksum(document: object) -> str:
    return hashlib.sha256(str(document).encode()).hexdigest()


@contextmanager
def _sqlite_errors(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{path}: no space left on its file system: free some and run again") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise SiteInvalid(f"{path}: not a record of unrep, or damaged; put back a backup of it") from error
        raise StorageFailed(f"{path}: {error}") from error
