"""`make renewals`: unrep renews itself, one release in four is bad, and something is killed at a random moment of each.

    python -m tests.crash.renewal_kills [ROUNDS [SEED]]
    python -m tests.crash.renewal_kills each-second       updater and agent, at each second of a trial

Prints how often which kind came, what was killed, and the seconds without an agent. Ends with an error at the first
round after which another version is current than should be: see `tests.support.faults.renewed_ship`.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

from tests.support.faults.renewed_ship import BAD, GOOD, RenewedShip, Round

ROUNDS, SEED = 200, 20261130
SECONDS = 10  # a trial of a small kit takes fewer


def main(arguments: list[str]) -> None:
    if arguments == ["each-second"]:
        each_second()
        return
    rounds, seed = (*map(int, arguments), *(ROUNDS, SEED)[len(arguments) :])
    print(f"seed {seed}", flush=True)
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="unrep-renewals-") as directory:
        ship = RenewedShip(Path(directory), seed)
        began, done = time.monotonic(), []
        try:
            for number in range(rounds):
                kind = random.choice(list(BAD)) if random.random() < 0.25 else GOOD
                done.append(ship.round(kind))
                if number % 10 == 9:
                    print(line(done, time.monotonic() - began), flush=True)
        finally:
            ship.close()
    print(line(done, time.monotonic() - began))


def each_second() -> None:
    """Kills the updater, and the agent, at each second of a trial that comes well, and of one that does not."""
    with tempfile.TemporaryDirectory(prefix="unrep-renewals-") as directory:
        ship = RenewedShip(Path(directory), SEED)
        began, done = time.monotonic(), []
        try:
            for kind in (GOOD, "hangs at start"):
                for victim in ("updater", "agent"):
                    for second in range(SECONDS):
                        done.append(ship.round(kind, cut=(victim, second + 0.5)))
                    print(f"{kind}: {victim} killed at each of {SECONDS} seconds", flush=True)
        finally:
            ship.close()
    print(line(done, time.monotonic() - began))


def line(done: list[Round], seconds: float) -> str:
    kinds, killed = Counter(one.kind for one in done), Counter(one.killed for one in done)
    good = [one.without_s for one in done if one.kind == GOOD]
    bad = [one.without_s for one in done if one.kind != GOOD] or [0.0]
    return (
        f"{len(done)} rounds of timer and agent alone, the right version after each; "
        f"{', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}; "
        f"killed: {', '.join(f'{count} {what}' for what, count in killed.most_common())}; "
        f"seconds without an agent: good {median(good):.1f}, worst {max(good):.1f}, "
        f"bad {median(bad):.1f}, worst {max(bad):.1f}; {seconds:.0f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
