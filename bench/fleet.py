"""The fleet office at scale: a year of receipts of a thousand ships, taken in, and the time of each page.

    python -m bench.fleet [--ships 1000] [--days 365] [--asks 60] [--postgresql]

Prints seconds of `take`, the same again, bytes of the database, and of each page the time to its last byte: the median
and the 99th percentile, in milliseconds. Every ship says once a day that it is alive, and updates every 18 days.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fleet.intake.taking import Found, take
from tests.support.fleet.office import Office
from tests.support.fleet.pages import PAGES, served
from tests.support.fleet.postgresql import running
from tests.support.fleet.ships import DAY_S, Ship, added

UPDATE_DAYS = 18
VERSIONS = 12


def year(office: Office, ships: list[Ship], days: int) -> Iterator[bytes]:
    """What the ships say, day by day, in the order in which it would come."""
    rng = random.Random(1)
    trees = [office.tree(f"1.0.{number}") for number in range(VERSIONS)]
    runs = [0] * len(ships)
    for day in range(days):
        for number, ship in enumerate(ships):
            at = office.now - (days - day) * DAY_S + rng.random() * 3600
            more = {"free_mib": 40_000, "held": b"".join(tree[:4] for tree in trees[max(runs[number] - 2, 0) :][:3])}
            if (day + number) % UPDATE_DAYS == 0 and runs[number] + 1 < VERSIONS:
                target = runs[number] + 1
                outcome = "rolled-back" if rng.random() < 0.04 else "applied"
                runs[number] += outcome == "applied"
                more |= {"to": f"1.0.{target}", "tree": trees[target][:8], "paid": rng.randrange(10_000, 5_000_000)}
                more |= {"deploy_ms": rng.randrange(3_000, 90_000), "outage_ms": rng.randrange(200, 9_000)}
            else:
                outcome = "alive"
            yield ship.says(outcome, at, serving=trees[runs[number]][:8], **more)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ships", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--asks", type=int, default=60)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        where = stack.enter_context(running()).new_database() if asked.postgresql else root / "fleet.db"
        office = Office.begun(root, where, versions=VERSIONS)
        office.now = time.time()
        ships = [Ship(f"MV {number:04}", "canary" if number < 20 else "stable") for number in range(asked.ships)]
        ships[0].name = "MV Mercy"
        added(office.database, ships)
        began = time.monotonic()
        said = list(year(office, ships, asked.days))
        print(f"{len(said):,} receipts signed in {time.monotonic() - began:.1f} s", flush=True)
        for turn in ("taken in", "once more"):
            began, cpu = time.monotonic(), time.process_time()
            taken = take(office.database, (Found("mail", data) for data in said), "vms")
            took, worked = time.monotonic() - began, time.process_time() - cpu
            print(
                f"{turn}: {taken.new:,} new, {taken.repeated:,} repeated, {took:.1f} s, {worked:.1f} s of CPU",
                flush=True,
            )
        print(f"database: {office.database.size():,} bytes, {office.database.size() / len(said):.0f} a receipt")
        with served(office) as client:
            for name, path in {**PAGES, "metrics": "/metrics", "fleet page 7": "/?page=7"}.items():
                times = []
                for _ in range(asked.asks):
                    began = time.monotonic()
                    client.text(path)
                    times.append((time.monotonic() - began) * 1000)
                ordered = sorted(times[1:])
                p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
                print(f"{name:14} median {ordered[len(ordered) // 2]:7.1f} ms   p99 {p99:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()
