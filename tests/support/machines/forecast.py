"""What `make test` says before it begins: how many tests, about how many minutes, and what this machine leaves out.

python -m tests.support.machines.forecast [arguments of pytest]
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec

from tests.support.faults import traced_command
from tests.support.repository import REPOSITORY
from tests.support.sites import loop_disk, ntfs_image

# What a test takes in seconds, in the mean of its room, on one core of a small and busy machine; 0.1 elsewhere.
SECONDS = {
    "apply": 0.2,
    "architecture": 0.01,
    "bundle": 0.02,
    "crash": 6.0,
    "end_to_end": 2.4,
    "hostile": 0.6,
    "fleet": 0.8,
    "repository": 0.5,
    "spec": 0.9,
    "support": 1.5,
    "transfer": 0.6,
    "unrep": 0.2,
}
MODULES = {
    "raptorq": "broadcasts",
    "distributed": "builds on a Dask cluster",
    "s3fs": "object stores",
    "moto": "object stores",
    "sqlalchemy": "the fleet office",
    "psycopg": "the fleet office on PostgreSQL",
    "playwright": "pages in a browser",
}


def collected(arguments: list[str]) -> Counter[str]:
    """How many tests each room of `tests/` has, of those that pytest would run; empty if it refuses its arguments."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *arguments]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stdout
    return Counter(line.split("/")[1] for line in told.splitlines() if line.startswith("tests/") and "::" in line)


def minutes(counts: Counter[str], cores: int) -> int:
    """About how long they take side by side, at least one."""
    return max(1, round(sum(count * SECONDS.get(room, 0.1) for room, count in counts.items()) / cores / 60))


def left_out() -> Iterator[str]:
    """What is skipped on this machine, and why; programs that are missing are the matter of debian_packages.sh."""
    if sys.platform == "win32":
        yield "tests of POSIX: this is Windows"
    else:
        yield "tests of Windows' own calls: 'make test-windows' runs most of them in Wine"
        if os.geteuid() != 0:
            yield "file systems that are mounted, and other accounts: this user is not root"
    if why := traced_command.missing():
        yield f"kills and power cuts at every call: {why}"
    if why := loop_disk.missing():
        yield f"power cuts on a real ext4: {why}"
    if why := ntfs_image.missing():
        yield f"junctions on a real NTFS: {why}"
    for module, what in MODULES.items():
        if not find_spec(module):
            yield f"{what}: the package {module} is not installed"


def main(arguments: list[str]) -> None:
    """Prints it. What pytest cannot collect is its own matter, a moment later."""
    counts, cores = collected(arguments), os.cpu_count() or 1
    print(f"{counts.total():,} tests, about {minutes(counts, cores)} min on {cores} cores, after lint", flush=True)
    for line in left_out():
        print(f"LEFT OUT: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
