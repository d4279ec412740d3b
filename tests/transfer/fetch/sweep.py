"""Ten thousand voyages: `make voyages`, or `python -m tests.transfer.fetch.sweep [COUNT [FIRST]]`.

Prints how many there were, the worst ratio of bytes paid to bytes needed, and each voyage that went wrong, by its seed.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from tests.support.links.voyage import Voyage, sail

STRETCH = 100
MEMORY = Path("/dev/shm")  # a disk would have the syncs of all voyages to make


def sail_some(seeds: range) -> list[Voyage | str]:
    """Voyages, and what went wrong in those that did not end well."""
    found: list[Voyage | str] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
            try:
                voyage = sail(seed, Path(directory))
                voyage.check()
                found.append(voyage)
            except AssertionError as error:
                found.append(str(error))
    return found


def sail_all(count: int, first: int) -> Iterator[Voyage | str]:
    """All of them, on all cores."""
    stretches = [range(at, min(at + STRETCH, first + count)) for at in range(first, first + count, STRETCH)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from chain.from_iterable(pool.map(sail_some, stretches))


def main() -> int:
    """Exit code 1 if one went wrong."""
    count, first = [*map(int, sys.argv[1:3]), *[10_000, 0][len(sys.argv[1:3]) :]]
    voyages: list[Voyage] = []
    failures: list[str] = []
    for one in sail_all(count, first):
        if isinstance(one, str):
            failures.append(one)
            print(one, flush=True)
        else:
            voyages.append(one)
    worst = max(voyages, key=lambda voyage: voyage.ratio)
    days = sum(voyage.seconds for voyage in voyages) / 86_400
    print(
        f"{len(voyages)} of {count} voyages from seed {first} on ended well, in {sum(v.runs for v in voyages)} runs "
        f"and {days:,.0f} days at sea; worst: {worst.ratio:.4f} times what was needed, seed {worst.seed}"
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
