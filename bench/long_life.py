"""A site that takes 200 releases, one after the other: what grows there, and what does not.

    python -m bench.long_life [--releases 200] [--bad 10]

Every release is built and applied for real; every BADth never becomes healthy, and the ship goes back. Prints the bytes
of the state document, runs on record, the bytes of the database, receipts in the outbox and their bytes, and releases
in quarantine, at several points.
"""

import argparse
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from apply.errors import RolledBack
from tests.support.sites.site import Ship, shore


def figures(ship: Ship) -> tuple[int, ...]:
    """What stands in the site's own directory."""
    with closing(sqlite3.connect(ship.site.state_file)) as database:
        (document,) = database.execute("SELECT document FROM states ORDER BY number DESC LIMIT 1").fetchone()
        (runs,) = database.execute("SELECT COUNT(*) FROM runs").fetchone()
        (size,) = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    receipts = [path.stat().st_size for path in ship.site.outbox.iterdir()]
    return len(document), runs, size, len(receipts), sum(receipts), len(ship.state.quarantined)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--releases", type=int, default=200)
    parser.add_argument("--bad", type=int, default=10)
    given = parser.parse_args()
    print(f"{'releases':>8} {'state':>7} {'runs':>5} {'database':>9} {'receipts':>8} {'outbox':>7} {'quarantined':>11}")
    with tempfile.TemporaryDirectory() as scratch:
        ship = Ship.sailing(Path(scratch), "1.0.0")
        for number in range(1, given.releases + 1):
            version = f"1.0.{number}"
            content = "dead" if number % given.bad == 0 else version
            with suppress(RolledBack):
                ship.apply(shore().bundle(content, number + 1, ship.current, version=version))
            if number in (1, 20, 50, 100, 150, given.releases):
                widths = (7, 5, 9, 8, 7, 11)
                shown = " ".join(f"{figure:>{width},}" for figure, width in zip(figures(ship), widths, strict=True))
                print(f"{number:>8} {shown}", flush=True)


if __name__ == "__main__":
    main()
