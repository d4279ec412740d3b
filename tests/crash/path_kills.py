"""`make kills`: SIGKILL at random moments of `unrep fetch --site` over four steps, and of `unrep apply` with them.

    python -m tests.crash.path_kills [FETCHES [APPLIES [SEED]]]

Prints how many runs were killed, what the links delivered beside what the paths take once, and the most that one kill
cost. Ends with an error at the first thing that does not hold: see `tests.support.faults.killed_path`.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.support.faults.killed_path import STEPS, Tally, killed_path

FETCHES, APPLIES, SEED = 60, 40, 20261130


def main(arguments: list[str]) -> None:
    fetches, applies, seed = (*map(int, arguments), *(FETCHES, APPLIES, SEED)[len(arguments) :])
    print(f"seed {seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="unrep-kills-") as directory,
        killed_path(Path(directory), seed) as (path, link),
    ):
        print(lines(path.kill(link, fetches, applies)), flush=True)


def lines(tally: Tally) -> str:
    over = tally.received - tally.path_bytes
    return (
        f"unrep fetch over {STEPS} steps: {tally.fetches} killed, {tally.kept_whole} of them with a step complete\n"
        f"  {tally.voyages} voyages received {tally.received:,} bytes for {tally.path_bytes:,}: {over:,} more, "
        f"{over / max(1, tally.fetches):,.0f} a kill, {tally.again:,} at the worst\n"
        f"unrep apply with {STEPS - 1} steps: {tally.applies} killed, {tally.pending} of them after the switch\n"
        f"  {tally.late} runs were done before; a whole update takes {median(tally.seconds):.2f} s\n"
        "the old release or the newest was current, whole, after each; all went on to the newest"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
