"""`make spec-mutants`: do the vectors prove a reader? Each mutant of the second reader must disagree with one.

    python -m tests.support.mutation.spec_mutants [--module NAME]... [--part I/N] [--results FILE]

A mutant has one check of spec/reader disabled, or one rule changed. It is asked all cases of the conformance runner
that reach the statement. Those that no input can tell from the reader stand in `spec/vectors/excused.json`, each with
the reason. Exit code 1 if another survives, or if the list names one that is gone or is killed.

Modules are tried one after the other, the smallest first, and each is told as it ends. With `--results` every mutant is
noted in that file at once. A later run with the same file passes over those that a vector has told before.
"""

import argparse
import hashlib
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
from typing import Any

from tests.support.mutation.mutants import Mutant, mutants
from tests.support.mutation.reader_trial import READER, Trial
from tests.support.repository import REPOSITORY

EXCUSED = REPOSITORY / "spec" / "vectors" / "excused.json"
# Modules and functions that are no reading of a bundle: the command, files on disk, the adapter of the runner.
LEFT_OUT = {"main", "_told", "read_key", "read_trust", "read_ship_key", "of_directory", "_on_disk", "_zstandard"}
LEFT_OUT |= {"_zstandard_error", "Trust.of_file"}
NO_READER = {"conformance"}
CITED = re.compile(r"\[([A-Z]-\d+)\]")
SHARE = 10


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
    with multiprocessing.get_context("fork").Pool(workers, maxtasksperchild=16) as pool:
        for results in pool.imap_unordered(_share, shares):
            yield from results
    _KNOWN.clear()


def _share(found: Sequence[Mutant]) -> list[Tried]:
    (trial,) = _KNOWN
    return [Tried(mutant, trial.killer(mutant)) for mutant in found]


class Results:
    """What became of mutants in earlier runs: a line of JSON for each, added as it is known. No path: nothing is kept.

    A mutant that a case has told counts while its module and the case stand as they were. Others are tried again.
    """

    def __init__(self, path: Path | None, cases: Sequence[Any]) -> None:
        self._path = path
        self._modules = {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in READER.glob("*.py")}
        self._cases = {case.name: hashlib.sha256(repr(case).encode()).hexdigest() for case in cases}
        lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
        self._known = {row["mutant"]: row for row in map(json.loads, lines)}

    def killer(self, mutant: Mutant) -> str | None:
        """The case that told it in an earlier run, if that still holds."""
        row = self._known.get(mutant.name)
        if row is None or row["killer"] is None or row["module"] != self._modules[mutant.module]:
            return None
        return str(row["killer"]) if row["case"] == self._cases.get(row["killer"]) else None

    def note(self, one: Tried) -> None:
        """One more is known."""
        if self._path is None:
            return
        case = self._cases.get(one.killer) if one.killer else None
        row = {
            "mutant": one.mutant.name,
            "killer": one.killer,
            "module": self._modules[one.mutant.module],
            "case": case,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


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
    """Prints the survivors by requirement, module by module, and the figures."""
    parser = argparse.ArgumentParser(description="mutants of spec/reader before all vectors")
    parser.add_argument("--module", action="append", default=[], help="a module of spec/reader; default: all")
    parser.add_argument("--part", default="1/1", help="I/N: every N-th mutant, from the I-th on")
    parser.add_argument("--results", type=Path, help="note each mutant in this file, and try no killed one of it again")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    first, step = map(int, options.part.split("/"))
    begun, trial = time.monotonic(), Trial()
    if disagreed := trial.measure():
        print(f"the reader itself disagrees with {', '.join(disagreed)}: make conformance")
        return 1
    results, known = Results(options.results, trial.cases.cases), excused()
    found = all_mutants(options.module)[first - 1 :: step]
    sizes = Counter(mutant.module for mutant in found)
    told: list[Tried] = []
    print(f"{'module':14}{'tried':>8}{'killed':>8}{'excused':>9}{'surviving':>11}{'checks':>9}{'of which survive':>18}")
    for module in sorted(sizes, key=sizes.__getitem__):
        own = _tried_before([mutant for mutant in found if mutant.module == module], results)
        for one in tried([one.mutant for one in own if one.killer is None], trial, options.workers):
            results.note(one)
            told.append(one)
        told += [one for one in own if one.killer is not None]
        _tell(module, [one for one in told if one.mutant.module == module], known)
    _tell("all", told, known, survivors=False)
    print(f"{time.monotonic() - begun:.0f} s")
    whole = not options.module and step == 1
    return int(_excuses_fail(told, known, whole=whole) or any(_survives(one, known) for one in told))


def _tried_before(found: Sequence[Mutant], results: Results) -> list[Tried]:
    return [Tried(mutant, results.killer(mutant)) for mutant in found]


def _survives(one: Tried, known: dict[str, str]) -> bool:
    return one.killer is None and one.mutant.name not in known


def _excuses_fail(told: Sequence[Tried], known: dict[str, str], *, whole: bool) -> bool:
    """Whether the list names a mutant that is gone, or one that a case tells by now."""
    names = {one.mutant.name for one in told}
    gone = [name for name in known if whole and name not in names]
    killed = sorted({one.mutant.name for one in told if one.killer is not None} & known.keys())
    for title, list_ in (("excused, but gone", gone), ("excused, but killed", killed)):
        for name in list_:
            print(f"{title}: {name}")
    return bool(gone or killed)


def _tell(row: str, own: Sequence[Tried], known: dict[str, str], *, survivors: bool = True) -> None:
    """A row of figures, and behind it those that survive."""
    left = [one.mutant for one in own if _survives(one, known)]
    killed = sum(one.killer is not None for one in own)
    checks = sum(one.mutant.is_check for one in own)
    unproven = sum(mutant.is_check for mutant in left)
    passed = len(own) - killed - len(left)
    print(f"{row:14}{len(own):8,}{killed:8,}{passed:9,}{len(left):11,}{checks:9,}{unproven:18,}", flush=True)
    for mutant in sorted(left, key=lambda m: (requirement_of(m), m.name)) if survivors else ():
        kind = "check" if mutant.is_check else "rule"
        print(f"  {requirement_of(mutant):10} {kind:5} line {mutant.line:4}  {mutant.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
