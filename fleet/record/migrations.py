"""The version of a fleet's tables: made where they are missing, brought up where they are older [L-2].

All of it is one transaction, on PostgreSQL as on SQLite. So a kill leaves the old tables, or the new ones.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, update

from fleet.errors import DatabaseNewer, DatabaseUnusable
from fleet.record import tables

# The step at place N turns tables of version N + 1 into those of version N + 2.
STEPS: Final[Sequence[Callable[[Connection], None]]] = ()
_OFFICES: Final = 0x756E7270  # the advisory lock under which PostgreSQL lets one office at a time change tables


def migrate(
    connection: Connection,
    name: str,
    steps: Sequence[Callable[[Connection], None]] = STEPS,
    version: int = tables.VERSION,
) -> None:
    """Makes or brings up the tables, in the caller's transaction.

    Raises DatabaseNewer, or DatabaseUnusable for tables of somebody else.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_OFFICES})")
    found = found_version(connection)
    if found > version:
        raise DatabaseNewer(
            f"{name}: written by a newer unrep (the fleet's tables have version {found}, and this one knows "
            f"{version}); use that one"
        )
    if not found:
        _make(connection, name, version)
        return
    for step in steps[found - 1 : version - 1]:
        step(connection)
    if found < version:
        connection.execute(update(tables.part).where(tables.part.c.name == tables.PART).values(version=version))


def found_version(connection: Connection) -> int:
    """The version of the fleet's tables; 0 where there are none."""
    if not inspect(connection).has_table("part"):
        return 0
    found = connection.execute(select(tables.part.c.version).where(tables.part.c.name == tables.PART)).scalar()
    return int(found or 0)


def _make(connection: Connection, name: str, version: int) -> None:
    own = {table.name for table in tables.metadata.sorted_tables} - {"part"}
    if foreign := own & set(inspect(connection).get_table_names()):
        raise DatabaseUnusable(
            f"{name}: has tables of another program ({', '.join(sorted(foreign))}); give the fleet one of its own"
        )
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.part).values(name=tables.PART, version=version))
