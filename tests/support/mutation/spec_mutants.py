"""`make spec-mutants`: do the vectors prove a reader? Each mutant of the second reader must disagree with one.

    python -m tests.support.mutation.spec_mutants [--module NAME]... [--part I/N] [--survivors FILE]

A mutant has one check of spec/reader disabled, or one rule changed. It is asked all cases of the conformance runner
that reach the statement. Those that no input can tell from the reader stand in `spec/vectors/excused.json`, each with
the reason. Exit code 1 if another survives, or if the list names one that is gone or is killed.
"""

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.mutation.mutants import Mutant, mutants
from tests.support.mutation.reader_trial import READER, Trial
from tests.support.repository import REPOSITORY

EXCUSED = REPOSITORY / "spec" / "vectors" / "excused.json"
# Modules and functions that are no reading of a bundle: the command, files on disk, the adapter of the runner.
LEFT_OUT = {"main", "_told", "read_key", "read_trust", "read_ship_key", "of_directory", "_on_disk", "_zstandard"}
LEFT_OUT |= {"_zstandard_error", "Trust.of_file"}
NO_READER = {"conformance"}
CITED = re.compile(r"\[([A-Z]-\d+)\]")
SHARE = 40


@dataclass(frozen=True)
class Tried:
    """What became of a mutant: the case that told it, or None."""

    mutant: Mutant
    killer: str | None


_KNOWN: list[Trial] = []  # what a process inherits


def all_mutants(modules: Sequence[str] = ()) -> list[Mutant]:
    """Those of all modules of the reader, or of some."""
    paths = [path for path in sorted(READER.glob("*.py")) if path.stem not in NO_READER]
    chosen = [path for path in paths if not modules or path.stem in modules]
    return [mutant for path in chosen for mutant in mutants(path.stem, path.read_text("utf-8"), LEFT_OUT)]


def tried(found: Sequence[Mutant], trial: Trial, workers: int) -> Iterator[Tried]:
    """All of them, by processes that know what was measured."""
    shares = [found[at : at + SHARE] for at in range(0, len(found), SHARE)]
    _KNOWN.append(trial)
    with multiprocessing.get_context("fork").Pool(workers, maxtasksperchild=4) as pool:
        for results in pool.imap_unordered(_share, shares):
            yield from results
    _KNOWN.clear()


def _share(found: Sequence[Mutant]) -> list[Tried]:
    (trial,) = _KNOWN
    return [Tried(mutant, trial.killer(mutant)) for mutant in found]


def excused() -> dict[str, str]:
    """Mutant -> why no input can tell it. A reason may stand for several: the names are its list."""
    listed: list[dict[str, object]] = json.loads(EXCUSED.read_text("utf-8")) if EXCUSED.exists() else []
    return {str(name): str(item["reason"]) for item in listed for name in list(item["mutants"])}  # type: ignore[call-overload]


def requirement_of(mutant: Mutant) -> str:
    """The first requirement that its function cites, or else its module."""
    lines = (READER / f"{mutant.module}.py").read_text("utf-8").splitlines()
    name = mutant.function.rsplit(".", 1)[-1]
    start = next((at for at, line in enumerate(lines) if re.match(rf"\s*(def|class) {name}\b", line)), None)
    near = lines[max(0, mutant.line - 1) : mutant.line + 1] + (lines[start : start + 8] if start is not None else [])
    return next((found for line in near for found in CITED.findall(line)), f"({mutant.module})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures and the survivors, by requirement."""
    parser = argparse.ArgumentParser(description="mutants of spec/reader before all vectors")
    parser.add_argument("--module", action="append", default=[], help="a module of spec/reader; default: all")
    parser.add_argument("--part", default="1/1", help="I/N: every N-th mutant, from the I-th on")
    parser.add_argument("--survivors", type=Path, help="write their names to this file, as JSON")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    first, step = map(int, options.part.split("/"))
    begun, trial = time.monotonic(), Trial()
    if disagreed := trial.measure():
        print(f"the reader itself disagrees with {', '.join(disagreed)}: make conformance")
        return 1
    found = all_mutants(options.module)[first - 1 :: step]
    results = list(tried(found, trial, options.workers))
    known = excused()
    survived = {one.mutant for one in results if one.killer is None}
    surviving = sorted((m for m in survived if m.name not in known), key=lambda m: (requirement_of(m), m.name))
    names = {mutant.name for mutant in found}
    whole = not options.module and step == 1
    gone = [name for name in known if whole and name not in names]
    killed = sorted({one.mutant.name for one in results if one.killer is not None} & known.keys())
    _tell(results, surviving, len(survived) - len(surviving), time.monotonic() - begun)
    for title, list_ in (("excused, but gone", gone), ("excused, but killed", killed)):
        for name in list_:
            print(f"{title}: {name}")
    if options.survivors:
        options.survivors.write_text(json.dumps([mutant.name for mutant in surviving], indent=1), "utf-8")
    return int(bool(surviving or gone or killed))


def _tell(results: Sequence[Tried], surviving: Sequence[Mutant], excused_: int, seconds: float) -> None:
    for mutant in surviving:
        kind = "check" if mutant.is_check else "rule"
        print(f"{requirement_of(mutant):10} {kind:5} line {mutant.line:4}  {mutant.name}")
    print(f"{'module':14}{'tried':>8}{'killed':>8}{'excused':>9}{'surviving':>11}{'checks':>9}{'of which survive':>18}")
    rows = [*sorted({one.mutant.module for one in results}), "all"]
    left = Counter(mutant.module for mutant in surviving) + Counter(all=len(surviving))
    for row in rows:
        own = [one for one in results if row in (one.mutant.module, "all")]
        killed = sum(one.killer is not None for one in own)
        checks = sum(one.mutant.is_check for one in own)
        unproven = sum(mutant.is_check for mutant in surviving if row in (mutant.module, "all"))
        passed = len(own) - killed - left[row]
        print(f"{row:14}{len(own):8,}{killed:8,}{passed:9,}{left[row]:11,}{checks:9,}{unproven:18,}")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
