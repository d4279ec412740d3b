"""What can go wrong in the fleet office, by who must act.

    FleetError
    |-- DatabaseUnusable    the database is gone, damaged or another program's: name another, or restore it
    |   `-- DatabaseNewer   ... or a newer unrep wrote it: use that one
    |-- DatabaseBusy        others hold what is needed: run again
    |-- DatabaseFull        no room is left: free some, run again
    |-- ShipRefused         a ship or its key cannot be added so: correct it
    |-- SourceUnreadable    what was to be taken in cannot be read
    |-- RolloutRefused      no such rollout can be begun, paused or resumed
    `-- AccessRefused       a user cannot be added so, or pages cannot be served so

Each message is one sentence that names the database, ship, file or release, and says what to do.
"""


class FleetError(Exception):
    """Anything that this package raises on purpose."""


class DatabaseUnusable(FleetError):
    """The database cannot be reached, is damaged, or is none of a fleet."""


class DatabaseNewer(DatabaseUnusable):
    """Its tables are of a version that this program does not know."""


class DatabaseBusy(FleetError):
    """Another process holds it for longer than we wait."""


class DatabaseFull(FleetError):
    """No room is left for it."""


class ShipRefused(FleetError):
    """A ship, or its key, cannot be added."""


class SourceUnreadable(FleetError):
    """A path that was named cannot be read, or is nothing that receipts come in."""


class RolloutRefused(FleetError):
    """A rollout cannot be begun, or what was asked of it cannot be done."""


class AccessRefused(FleetError):
    """A user cannot be added or removed, or the pages cannot be served where they would stand open."""
