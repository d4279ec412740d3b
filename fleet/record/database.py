"""The database of a fleet, and its errors in our words: `repo.db` or another SQLite file, or PostgreSQL by its URL.

    with database.reading() as connection: ...    one moment, which no writer waits for on PostgreSQL
    with database.writing() as connection: ...    one transaction

SQLite has a rollback journal as the repository's record has it, for a repository may lie on a share. Writers keep
their changes in memory until they commit, so that readers wait for that alone. The file is opened anew each time: one
that was put back from a backup is read at once, and one that is gone is not made again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, NullPool, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from bundle.host import presence
from bundle.host.sqlite_address import sqlite_address
from fleet.errors import DatabaseBusy, DatabaseFull, DatabaseUnusable, FleetError
from fleet.record.migrations import migrate
from repository.record.schema import APPLICATION
from transfer.errors import ExtraMissing

LOCK_TIMEOUT_S: Final = 10.0
_CACHE_KIB: Final = 64 * 1024
_POSTGRESQL: Final = "postgresql"


class Database:
    """A fleet's database, its tables of this program's version. Any thread may use it."""

    def __init__(self, where: str | Path) -> None:
        """`where`: a SQLite file, which is made where it is missing, or a URL such as "postgresql://office@db/fleet".

        Raises DatabaseUnusable, DatabaseNewer, DatabaseBusy, DatabaseFull or ExtraMissing.
        """
        file = _File(where) if isinstance(where, Path) else None
        self.name, self._engine = (str(where), _sqlite(file)) if file else _postgresql(str(where))
        self._writer = self._engine.execution_options(unrep_writes=True)
        with self.writing() as connection:
            if self.is_sqlite:
                _check_ours(connection, self.name)
            migrate(connection, self.name)
        if file:
            file.mode = "rw"

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose queries see one state of the database."""
        with self._errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it happens, or nothing where the block raises."""
        with self._errors(), self._writer.begin() as connection:
            yield connection

    def size(self) -> int:
        """Bytes of the database on its disk."""
        statement = (
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            if self.is_sqlite
            else "SELECT pg_database_size(current_database())"
        )
        with self.reading() as connection:
            return int(connection.exec_driver_sql(statement).scalar_one())

    def close(self) -> None:
        """Closes all connections. Every change is durable already."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _in_our_words(error, self.name) from error
        except SQLAlchemyError as error:
            raise DatabaseUnusable(f"{self.name}: {_first_line(error)}; restore it from a backup") from error


@dataclass
class _File:
    """A SQLite file, which is made by its first opening alone."""

    path: Path
    mode: str = "rwc"

    def connect(self) -> sqlite3.Connection:
        """A connection of its own. Raises sqlite3.OperationalError."""
        address = sqlite_address(self.path, f"mode={self.mode}")
        return sqlite3.connect(address, uri=True, timeout=LOCK_TIMEOUT_S, check_same_thread=False)


def _postgresql(where: str) -> tuple[str, Engine]:
    try:
        url = sqlalchemy.make_url(where)
        if url.get_backend_name() != _POSTGRESQL:
            raise DatabaseUnusable(f"{url}: a fleet is kept in a SQLite file, or at a URL that begins postgresql://")
        engine = sqlalchemy.create_engine(
            url.set(drivername=f"{_POSTGRESQL}+psycopg"),
            connect_args={"connect_timeout": 10, "options": f"-c lock_timeout={LOCK_TIMEOUT_S:.0f}s"},
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            "a fleet in PostgreSQL needs psycopg; install it with: pip install 'unrep[fleet,postgresql]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise DatabaseUnusable(
            "the fleet's database: its URL is none; it looks like postgresql://user@host/name"
        ) from error
    return url.render_as_string(hide_password=True), engine


def _sqlite(file: _File) -> Engine:
    path = file.path
    try:
        if not presence.is_directory(path.absolute().parent) or presence.is_directory(path):
            raise DatabaseUnusable(f"{path}: no file can be there; name another")
    except OSError as error:
        raise DatabaseUnusable(f"{path}: {error.strerror}; name another file") from error
    engine = sqlalchemy.create_engine("sqlite+pysqlite://", creator=file.connect, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, those of tables, too
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA cache_spill = OFF")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("unrep_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _check_ours(connection: Connection, name: str) -> None:
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if application == APPLICATION:
        return
    if application or connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        raise DatabaseUnusable(f"{name}: is another program's database; name another file")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")


def _in_our_words(error: DBAPIError, name: str) -> FleetError:
    """By SQLite's names of errors, or by the SQLSTATE of PostgreSQL."""
    code = str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or "")
    said = _first_line(error.orig or error)
    if code == "SQLITE_READONLY_DBMOVED" or (code == "SQLITE_ERROR" and said.startswith("no such table")):
        return DatabaseUnusable(f"{name}: is gone, or was replaced ({said}); restore it from a backup")
    if code.startswith(("SQLITE_FULL", "53100")):
        return DatabaseFull(f"{name}: no space left for the database; free some and run again, nothing was lost")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40", "53300")):
        return DatabaseBusy(f"{name}: another process holds it ({said}); run again, nothing was changed")
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM", "42501")):
        return DatabaseUnusable(f"{name}: cannot be written ({said}); give this account the right to, or use another")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return DatabaseUnusable(f"{name}: is damaged, or no database ({said}); restore it from a backup")
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        return DatabaseUnusable(f"{name}: cannot be opened ({said}); see that the file and its disk are there")
    return DatabaseUnusable(f"{name}: {said or type(error).__name__}; see that the server is there, and run again")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
