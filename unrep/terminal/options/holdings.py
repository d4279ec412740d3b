"""What ships hold, for commands that work without a fleet, too [L-24]."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from repository.record.database import Record
from unrep.terminal.options.fleet_extra import DATABASE_VARIABLE, fleet_extra
from unrep.terminal.options.repository import OpenRepository


@dataclass(frozen=True)
class Held:
    """What ships were last heard to have aboard, and from which trees a new release should have deltas, with counts."""

    held: Mapping[bytes, int] = field(default_factory=dict)
    bases: Mapping[bytes, int] = field(default_factory=dict)


def held_by_ships(opened: OpenRepository) -> Held:
    """Nothing for a repository without a fleet. Raises ExtraMissing, FleetError or RepositoryError."""
    if not (os.environ.get(DATABASE_VARIABLE) or opened.settings.fleet.database):
        with Record(opened.repository.database_file) as record:
            if not record.has_part("fleet"):
                return Held()
    with fleet_extra():
        from fleet.reports.holdings import bases, held
        from fleet.reports.shore import Shore
        from fleet.reports.standing import standings
        from unrep.terminal.options.fleet import opened_fleet
    shore = Shore.read(opened.repository, opened.settings)
    with opened_fleet(opened) as fleet, fleet.database.reading() as connection:
        ships = standings(connection, shore)
    return Held(held(ships, shore), bases(ships, shore))
