"""Every test of a fleet that asks for `database` runs on SQLite and on a real PostgreSQL.

Without the extra `unrep[fleet]` nothing here is collected; `make test` says so at its beginning.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.fleet import postgresql

if TYPE_CHECKING:
    from fleet.record.database import Database

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError:
    collect_ignore_glob = ["*"]


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    if not postgresql.is_installed():
        pytest.skip(postgresql.MISSING)
    pytest.importorskip("psycopg")
    with postgresql.running() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a fleet's database is, or will be."""
    if request.param == "sqlite":
        return tmp_path / "fleet.db"
    server: postgresql.Server = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def database(where: str | Path) -> "Iterator[Database]":
    from fleet.record.database import Database

    opened = Database(where)
    yield opened
    opened.close()
