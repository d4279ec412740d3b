"""The fleet of a repository, opened for a command; and a ship as its answers have it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

from msgspec import Meta

from fleet.record.database import Database
from fleet.reports.lists import ship_row
from fleet.reports.standing import STATES, Standing
from unrep.errors import UsageRefused
from unrep.terminal.options.fleet_extra import DATABASE_VARIABLE
from unrep.terminal.options.repository import OpenRepository, open_repository


class ShipAnswer(TypedDict):
    """A ship. What only a receipt can say is null, or empty, where none came."""

    name: Annotated[str, Meta(description="Its name.")]
    ring: Annotated[str, Meta(description="The channel that it follows.")]
    state: Annotated[str, Meta(description=f"How it is: {', '.join(STATES)}.")]
    serving: Annotated[str, Meta(description="Version that it runs; a tree in hex if it is of no release here.")]
    target: Annotated[str, Meta(description="Version that its ring's channel names.")]
    heard: Annotated[float | None, Meta(description="When it last said something, in seconds since 1970.")]
    silent_days: Annotated[float | None, Meta(description="Days since then.")]
    told: Annotated[str, Meta(description="Outcome of its last word that was more than a sign of life.")]
    reason: Annotated[str, Meta(description="The reason that it gave.")]
    held: Annotated[list[str], Meta(description="Versions that it has aboard.")]
    hold: Annotated[bool, Meta(description="Whether somebody aboard holds updates back.")]
    free_bytes: Annotated[int | None, Meta(description="Room on its disk.")]
    program: Annotated[str, Meta(description="Version of unrep aboard.")]
    missing: Annotated[int, Meta(description="Receipts of it that never came.")]
    forks: Annotated[int, Meta(description="Receipts of it that contradict others.")]
    ahead: Annotated[int, Meta(description="Receipts of it from a clock that was ahead.")]


def ship_document(ship: Standing) -> ShipAnswer:
    """A ship as the answers of commands have it."""
    row: dict[str, Any] = {**ship_row(ship), "held": list(ship.held)}
    return cast(ShipAnswer, row)


@dataclass(frozen=True)
class OpenFleet:
    """A repository with the database of its fleet."""

    opened: OpenRepository
    database: Database

    @property
    def product(self) -> str:
        """What the fleet runs."""
        return self.opened.settings.product

    def check_ring(self, ring: str, where: str) -> None:
        """Raises UsageRefused for a ring that is no channel of repo.toml."""
        known = self.opened.settings.channels
        if ring not in known:
            raise UsageRefused(f"{where}: ring {ring!r} is no channel of repo.toml, which has {', '.join(known)}")


@contextmanager
def open_fleet(directory: Path) -> Iterator[OpenFleet]:
    """Raises RepositoryError, FleetError or ExtraMissing."""
    with opened_fleet(open_repository(directory)) as fleet:
        yield fleet


@contextmanager
def opened_fleet(opened: OpenRepository) -> Iterator[OpenFleet]:
    """The same for a repository that is open already."""
    database = Database(database_of(opened))
    try:
        yield OpenFleet(opened, database)
    finally:
        database.close()


def database_of(opened: OpenRepository) -> str | Path:
    """Where the fleet's database is: the environment says it, else repo.toml, else it is repo.db."""
    named = os.environ.get(DATABASE_VARIABLE) or opened.settings.fleet.database
    if not named:
        return opened.repository.database_file
    return named if "://" in named else opened.repository.root / Path(named).expanduser()
