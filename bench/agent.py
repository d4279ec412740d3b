"""A voyage of an unattended ship: so many releases, one in four bad, the agent killed once at each at a random moment.

    python -m bench.agent [--releases 20] [--seed 1]

Prints each release as it goes: when the agent was killed, what it was at, and the seconds from the kill until the site
was at rest again, on the new release or back on the old one. At the end: what `unrep metrics` counts, what runs, and
what was left behind.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.support.sites.agents import HEALTH_DEADLINE_S, Agency, Leg, sail
from tests.support.sites.site import Ship


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-agent-") as name:
        directory = Path(name)
        agency = Agency(Ship.sailing(directory, "1.0.0"), directory, deadline_s=HEALTH_DEADLINE_S)
        print(f"seed {options.seed}\n\n| release | | killed after | while the site was | at rest after | runs |")
        print("|---|---|---|---|---|---|")
        legs = []
        try:
            for leg in sail(agency, options.releases, Random(options.seed)):
                print(_row(leg), flush=True)
                legs.append(leg)
            agency.ship.check_sound()
            _summarise(agency, legs)
        finally:
            agency.end()


def _row(leg: Leg) -> str:
    kind = "bad" if leg.is_bad else "good"
    return (
        f"| {leg.version} | {kind} | {leg.kill_after_s:.2f} s | {leg.killed_in} | {leg.recovery_s:.2f} s | {leg.runs} |"
    )


def _summarise(agency: Agency, legs: list[Leg]) -> None:
    expected = [leg.version for leg in legs if not leg.is_bad][-1]
    for name, some in (("good", [leg for leg in legs if not leg.is_bad]), ("bad", [leg for leg in legs if leg.is_bad])):
        seconds = [leg.recovery_s for leg in some if leg.killed_in != "done"]
        if seconds:
            figures = f"at rest after {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s"
            print(f"\n{name}: killed before the end of {len(seconds)} of {len(some)}, {figures}")
    _mean_times(agency)
    left = agency.ship.leftovers() + list(agency.ship.site.inbox.iterdir())
    print(f"\nruns {agency.ship.current}, expected {expected}; left behind: {len(left)}; manual steps: none")


def _mean_times(agency: Agency) -> None:
    """Mean time to recover, and to deploy, as the site itself counts them."""
    command = [sys.executable, "-m", "unrep", "metrics", "--site", str(agency.ship.root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^unrep_(\w+)_seconds_(sum|count)(\S*) (\S+)$", told, re.MULTILINE)
    samples = {(name + labels, kind): float(value) for name, kind, labels, value in found}
    print("\n| `unrep metrics` | times | mean |\n|---|---|---|")
    for name in dict.fromkeys(name for name, _ in samples if not name.startswith("step")):
        count = samples[name, "count"]
        mean = f"{samples[name, 'sum'] / count:.2f} s" if count else ""
        print(f"| {name} | {count:.0f} | {mean} |")


if __name__ == "__main__":
    main()
