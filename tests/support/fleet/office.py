"""A repository with a fleet: releases, ships that say what they run, and the reports on them."""

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fleet.intake.taking import Found, Taken, take
from fleet.record.database import Database
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing, standings
from tests.support.contents.repositories import Ashore
from tests.support.fleet.ships import NOW, Ship, added


@cache
def _released(versions: int) -> Path:
    """Where a repository with so many releases is, made once."""
    directory = Path(tempfile.mkdtemp(prefix="unrep-office-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    ashore = Ashore(directory)
    for number in range(versions):
        ashore.release(number)
    return directory


@dataclass
class Office:
    """`ashore` has the channels stable and canary. `trees`: the tree hash of each release, by its version."""

    ashore: Ashore
    database: Database
    ships: dict[str, Ship] = field(default_factory=dict)
    now: float = NOW

    @classmethod
    def begun(cls, root: Path, where: str | Path | None, versions: int = 3) -> "Office":
        """With releases 1.0.0 and on, the last of which channel stable names. `where`: None for repo.db."""
        template = _released(versions)
        for name in ("repo", "www"):
            shutil.copytree(template / name, root / name)
        ashore = Ashore(root)
        ashore.settle(f'destinations = ["{(root / "www").as_posix()}"]')
        return cls(ashore, Database(where or ashore.repository.database_file))

    @property
    def shore(self) -> Shore:
        return Shore.read(self.ashore.repository, self.ashore.settings)

    def tree(self, version: str) -> bytes:
        release = self.shore.release(version)
        assert release
        return release.tree

    def ship(self, name: str, ring: str = "stable") -> Ship:
        """A ship that is new to the fleet."""
        self.ships[name] = Ship(name, ring)
        added(self.database, [self.ships[name]])
        return self.ships[name]

    def says(
        self, name: str, outcome: str, to: str = "", *, runs: str = "", days_ago: float = 0.0, **more: Any
    ) -> None:
        """A ship's next word, taken in at once. `to`: the release that it is about, `runs`: what serves then."""
        ship = self.ships[name]
        runs = runs or (to if outcome in ("applied", "already-current") else ship.version)
        ship.version = runs
        serving = self.tree(runs)
        receipt = ship.says(
            outcome,
            self.now - days_ago * 86_400,
            to=to,
            tree=self.tree(to)[:8] if to else b"",
            serving=more.pop("serving", serving[:8]),
            held=more.pop("held", serving[:4]),
            **more,
        )
        self.take([receipt])

    def take(self, data: Iterable[bytes]) -> Taken:
        return take(self.database, [Found("here", one) for one in data], "vms", self.now)

    def standings(self) -> list[Standing]:
        with self.database.reading() as connection:
            return standings(connection, self.shore, self.now)
