"""`unrep-conformance`: tries a reader of bundle format 1, in any language (spec/conformance.md).

    unrep-conformance [--level LEVEL]... [--vectors DIRECTORY] [--only PATTERN] [--timeout S] [--json] READER-COMMAND...
    unrep-conformance --list [--level LEVEL]...

Exit codes: 0 the reader conforms at all levels that were tried, 1 it does not, 2 usage, or it cannot be started.
"""

import argparse
import fnmatch
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unrep_conformance.cases import Case, NoVectors, Suite, read_suite, vectors_directory
from unrep_conformance.judging import FAILED, Outcome, judge
from unrep_conformance.process import Failed, NotThere, Reader
from unrep_conformance.report import CONFORMANCE, Report

FAILURES_MAX = 5  # in a row


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _options(arguments)
    try:
        suite = read_suite(options.vectors or vectors_directory())
        _check_levels(suite, options.level)
        if options.list:
            return _list(suite, options.level)
        report = _tried(suite, options)
    except (NoVectors, NotThere) as fault:
        print(f"unrep-conformance: {fault}", file=sys.stderr)
        return 2
    print(json.dumps(report.document(), indent=1) if options.json else "\n".join(report.lines()))
    return 0 if report.conforms else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("unrep-conformance", description="Tries a reader of unrep's bundle format 1.")
    parser.add_argument("--level", action="append", default=[], help="a level to try; default: those the reader names")
    parser.add_argument("--vectors", type=Path, help="a directory of vectors; default: those of this package")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="the cases with such a name alone, as 'chain-*'")
    parser.add_argument("--timeout", metavar="S", type=float, default=60.0, help="seconds for one answer; default 60")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument("--list", action="store_true", help="print levels, requirements and vectors, and end")
    parser.add_argument("command", metavar="READER-COMMAND", nargs=argparse.REMAINDER, help="the reader, and arguments")
    options = parser.parse_args(arguments)
    options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not options.command and not options.list:
        parser.error("name the command that starts the reader")
    if not 0 < options.timeout < 86_400:
        parser.error("--timeout is a number of seconds over 0 and below a day")
    return options


def _check_levels(suite: Suite, levels: Sequence[str]) -> None:
    if unknown := [level for level in levels if level not in suite.levels]:
        raise NotThere(f"there is no level {unknown[0]!r}; the levels are {', '.join(suite.levels)}")


def _list(suite: Suite, wanted: Sequence[str]) -> int:
    for level in wanted or suite.levels:
        cases = [case for case in suite.cases if case.level == level]
        needs = ", ".join(suite.levels[level])
        print(f"{level}: {len(cases)} cases" + (f"; needs {needs}" if needs else ""))
        print(f"  requirements: {' '.join(suite.requirements[level])}")
        print(f"  cases: {' '.join(case.name.replace(' ', '/') for case in cases)}")
    return 0


def _tried(suite: Suite, options: argparse.Namespace) -> Report:
    """Raises NotThere where the reader cannot be started, or does not say who it is."""
    began = time.monotonic()
    reader = Reader(options.command, options.timeout)
    try:
        name, levels = _greeted(reader, suite)
        levels = suite.closed(options.level or levels)
        cases = [case for case in suite.asked(levels) if fnmatch.fnmatchcase(case.name, options.only)]
        if not cases:
            raise NotThere(f"no case of these levels has a name like {options.only!r}")
        outcomes = _asked(reader, cases, levels)
    finally:
        reader.close()
    tried = [level for level in levels if options.only == "*" or any(case.level == level for case in cases)]
    missing = len(cases) - len(outcomes)
    return Report(suite, name, tried, outcomes, missing, time.monotonic() - began, reader.starts)


def _greeted(reader: Reader, suite: Suite) -> tuple[str, list[str]]:
    """The reader's name and levels [N-3]."""
    try:
        answer: dict[str, Any] = reader.ask({"task": "hello", "conformance": CONFORMANCE, "format": 1})
    except Failed as fault:
        raise NotThere(f"the reader does not say who it is: {fault}") from fault
    name, levels = answer.get("reader"), answer.get("levels")
    if not isinstance(name, str) or not isinstance(levels, list) or not levels:
        raise NotThere("the reader's answer to hello has no `reader`, or no `levels`")
    if unknown := [level for level in levels if not isinstance(level, str) or level not in suite.levels]:
        raise NotThere(f"the reader says to have the level {unknown[0]!r:.40}; there are {', '.join(suite.levels)}")
    return name[:100], levels


def _asked(reader: Reader, cases: Sequence[Case], levels: Sequence[str]) -> list[Outcome]:
    """What became of the cases. After some failures in a row the others are not asked."""
    outcomes: list[Outcome] = []
    in_a_row = 0
    for case in cases:
        try:
            outcomes.append(judge(case, reader.ask(case.request), levels))
        except Failed as fault:
            outcomes.append(Outcome(case, FAILED, str(fault)))
        in_a_row = in_a_row + 1 if outcomes[-1].kind == FAILED else 0
        if in_a_row == FAILURES_MAX:
            break
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
