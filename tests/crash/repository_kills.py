"""`make kills`: SIGKILL at random moments of `unrep release` and of `unrep repo prune`.

    python -m tests.crash.repository_kills [RELEASES [PRUNES [SEED]]]

Prints how many runs were killed, how many of them had moved the channel already, and the seconds of a run that nobody
ends. Ends with an error at the first thing that does not hold: see `tests.support.faults.killed_repository`.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.support.faults.killed_repository import KilledRepository, Tally

RELEASES, PRUNES, SEED = 300, 100, 20261130


def main(arguments: list[str]) -> None:
    releases, prunes, seed = (*map(int, arguments), *(RELEASES, PRUNES, SEED)[len(arguments) :])
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="unrep-kills-") as directory:
        repository = KilledRepository(Path(directory), seed)
        for name, kill, count in (
            ("release", repository.kill_releases, releases),
            ("repo prune", repository.kill_prunes, prunes),
        ):
            began = time.monotonic()
            print(line(name, kill(count), time.monotonic() - began), flush=True)


def line(name: str, tally: Tally, seconds: float) -> str:
    return (
        f"unrep {name}: {tally.killed} killed, {tally.moved} of them with the channel moved, {tally.late} done before; "
        f"a whole run takes {median(tally.seconds):.2f} s; all held and went on, in {seconds:.0f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
