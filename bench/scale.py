"""How work grows: twice the files, names, archives or bases, and how many times the seconds. Then large releases.

    python -m bench.scale [--growth] [--times 4] [--sizes 2000 100000 300000] [--file-bytes 5000] [--json F]

First each kind of work at a size and at twice that size: CPU seconds of `unrep build` and `unrep apply`, workers
included, and their ratio. A ratio of 2 is work in proportion, 4 a quadratic place. --times makes all sizes larger, for
places that are quadratic but fast.

    files       so many small files, of which one changes
    names       so many files that all changed and moved, with names that differ in digits alone
    archives    so many zips of two members, one of which changes
    bases       so many bases for one target

Then for releases of each of --sizes files, one of which changes: wall seconds, CPU seconds and peak memory of the
full build, the first install, the delta's build, its rehearsal (which verifies every file of the base), apply and
rollback. --growth leaves them out.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

RELEASE = ("--product", "bench", "--key", "k.key")
FILES_A_DIRECTORY = 100
BASE_FILES = 200  # of the releases whose count grows


@dataclass(frozen=True)
class Cost:
    """One command: seconds on the clock, CPU seconds with its workers, and the peak of one process in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Growth:
    """A command at a size and at twice that."""

    work: str
    size: int
    command: str
    once: Cost
    twice: Cost

    @property
    def factor(self) -> float:
        """How many times the CPU seconds twice the work takes."""
        return self.twice.cpu_s / self.once.cpu_s


def unrep(scratch: Path, *arguments: object) -> Cost:
    """One command, which must succeed."""
    begun = time.perf_counter()
    argv = [sys.executable, "-m", "unrep", *map(str, arguments)]
    process = subprocess.Popen(argv, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"unrep {arguments[0]} failed: {errors.decode(errors='replace')[-500:]}")
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def noise(*seed: object, count: int = 60) -> bytes:
    """Bytes that depend on the seed alone and are like no others."""
    return random.Random(repr(seed)).randbytes(count)


def write_files(directory: Path, count: int, file_bytes: int, changed: int = 0) -> None:
    """So many files of half noise and half text, of which the first `changed` have another line."""
    for at in range(count):
        place = directory / f"part{at // FILES_A_DIRECTORY}"
        if at % FILES_A_DIRECTORY == 0:
            place.mkdir(parents=True)
        half = file_bytes // 2
        text = (f"{'new' if at < changed else 'old'} {at} " * half)[: file_bytes - half].encode()
        (place / f"file{at}.txt").write_bytes(noise(at, count=half) + text)


def make_files(scratch: Path, size: int) -> None:
    """`files`"""
    write_files(scratch / "old", size, 200)
    write_files(scratch / "new", size, 200, changed=1)


def make_names(scratch: Path, size: int) -> None:
    """`names`: nearest in size is all that tells one base file from another."""
    for name in ("old", "new"):
        place = scratch / name / "tiles"
        place.mkdir(parents=True)
        for at in range(size):
            (place / f"{at if name == 'old' else at + size}.png").write_bytes(noise(name, at, count=40 + at % 1000))


def make_archives(scratch: Path, size: int) -> None:
    """`archives`"""
    for name in ("old", "new"):
        (scratch / name).mkdir()
        for at in range(size):
            with zipfile.ZipFile(scratch / name / f"a{at}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for member, text in (("same", "same"), ("changed", name)):
                    content = noise(at, member, count=100).hex() + text
                    archive.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)


def make_bases(scratch: Path, size: int) -> None:
    """`bases`: old is one of them."""
    write_files(scratch / "new", BASE_FILES, 2000, changed=BASE_FILES)
    for at in range(size):
        base = scratch / (f"base{at}" if at else "old")
        write_files(base, BASE_FILES, 2000, changed=at)


WORKS: dict[str, tuple[int, Callable[[Path, int], None]]] = {
    "files": (8000, make_files),
    "names": (2000, make_names),
    "archives": (1000, make_archives),
    "bases": (4, make_bases),
}


def prepared(scratch: Path) -> dict[str, Cost]:
    """A key, and a site that has the release `old`: what its full bundle and its installation took."""
    (scratch / "site").mkdir()
    unrep(scratch, "keygen", "--out", "k")
    full = unrep(scratch, "build", "old", *RELEASE, "--version", 1, "--seq", 1, "--out", "full.unrep")
    install = unrep(scratch, "apply", "full.unrep", "--site", "site", "--trust", "k.pub")
    return {"full": full, "install": install}


def build_delta(scratch: Path) -> Cost:
    """From every base to `new`."""
    bases = [word for path in sorted(scratch.glob("base*")) for word in ("--base", path.name)]
    return unrep(
        scratch, "build", "new", "--base", "old", *bases, *RELEASE, "--version", 2, "--seq", 2, "--out", "delta.unrep"
    )


def apply_delta(scratch: Path, *options: str) -> Cost:
    """At the site that has `old`."""
    return unrep(scratch, "apply", "delta.unrep", "--site", "site", "--trust", "k.pub", *options)


def growth(work: str, size: int) -> list[Growth]:
    """Build and apply at that size and at twice that."""
    costs: list[tuple[Cost, Cost]] = []
    for count in (size, 2 * size):
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
            WORKS[work][1](Path(directory), count)
            prepared(Path(directory))
            costs.append((build_delta(Path(directory)), apply_delta(Path(directory))))
    once, twice = costs
    return [Growth(work, size, command, once[at], twice[at]) for at, command in enumerate(("build", "apply"))]


def release_costs(count: int, file_bytes: int) -> dict[str, Cost]:
    """What each command takes for a release of so many files."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as directory:
        scratch = Path(directory)
        write_files(scratch / "old", count, file_bytes)
        shutil.copytree(scratch / "old", scratch / "new", copy_function=os.link)
        changed = scratch / "new" / "part0" / "file0.txt"
        changed.unlink()
        changed.write_bytes(noise("new", count=file_bytes))
        found = prepared(scratch)
        found["build"] = build_delta(scratch)
        shutil.rmtree(scratch / "new")
        found["rehearse"] = apply_delta(scratch, "--dry-run")
        found["apply"] = apply_delta(scratch)
        found["rollback"] = unrep(scratch, "rollback", "--site", "site")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true", help="leave the large releases out")
    parser.add_argument("--work", action="append", choices=list(WORKS), help="only this kind of work; repeat for more")
    parser.add_argument("--times", type=int, default=1, help="so many times as large")
    parser.add_argument("--sizes", type=int, nargs="*", default=[2000], help="files of a release")
    parser.add_argument("--file-bytes", type=int, default=5000, help="bytes of each of its files")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures as JSON")
    options = parser.parse_args()
    grown: list[Growth] = []
    print(f"{'twice the work':<16} {'size':>7} {'command':>8} {'once':>9} {'twice':>9} {'factor':>7}")
    for work in options.work or WORKS:
        for found in growth(work, WORKS[work][0] * options.times):
            grown.append(found)
            once, twice = found.once.cpu_s, found.twice.cpu_s
            row = f"{work:<16} {found.size:>7,} {found.command:>8} {once:>7.2f} s {twice:>7.2f} s"
            print(f"{row} {found.factor:>7.2f}", flush=True)
    releases: dict[int, dict[str, Cost]] = {}
    if not options.growth:
        print(f"\n{'files':>9} {'command':>9} {'wall':>9} {'CPU':>9} {'memory':>10}")
        for count in options.sizes:
            releases[count] = release_costs(count, options.file_bytes)
            for command, cost in releases[count].items():
                memory = f"{cost.peak_bytes / 2**20:>6.0f} MiB"
                print(f"{count:>9,} {command:>9} {cost.wall_s:>7.2f} s {cost.cpu_s:>7.2f} s {memory}", flush=True)
    if options.json:
        document = {
            "growth": [{**asdict(found), "factor": found.factor} for found in grown],
            "releases": {count: {k: asdict(cost) for k, cost in costs.items()} for count, costs in releases.items()},
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
