"""What a person types, and what the command says now: for tests that hold a list of defects from the field.

python -m tests.support.observers.edge     runs these tests and prints the list: command, before, sentence and exit code

Each test of the list names its row, what happened before, and then types its commands.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.observers.command import run

LISTS = ("tests/end_to_end/test_operators.py", "tests/end_to_end/test_field.py")
_PROPERTY = "edge"
_SHORT = 180


@dataclass
class Edge:
    """One row. `place`: a directory whose name is left out of what is printed."""

    place: Path
    row: str = ""
    before: str = ""
    lines: list[str] = field(default_factory=list)

    def was(self, row: str, before: str) -> None:
        """Which row of the list it is, and what happened then."""
        self.row, self.before = row, before

    def says(self, line: str, code: int, words: str, *more: object) -> str:
        """The command ends with that code and says these words, in one line; returns all that it said."""
        got, out, err = run(line, *more)
        return self.said(" ".join([line, *map(str, more)]), got, out + err, code, words)

    def said(self, line: str, got: int, text: str, code: int, words: str) -> str:
        """The same of a command that was run in another way."""
        sentence = next((told for told in text.splitlines() if words in told), None)
        assert got == code and sentence is not None, f"{line}: {got}, not {code}: {text}"
        self.lines.append(f"`{self._short(f'unrep {line}')}`: {self._short(sentence.strip())} **{code}**")
        return text

    def _short(self, text: str) -> str:
        text = re.sub(rf"{re.escape(str(self.place))}{re.escape(os.sep)}?", "", text)
        text = re.sub(r"\S*[\\/]unrep-shore-[^\\/\s]*[\\/]", "", text)
        return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


@pytest.fixture
def edge(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Edge]:
    """The row of this test."""
    made = Edge(tmp_path)
    yield made
    record_property(_PROPERTY, [made.row, made.before, made.lines])


class _Printer:
    """Collects the rows of a run of pytest."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self.rows += [value for name, value in report.user_properties if name == _PROPERTY]


def main() -> int:
    """Runs the tests and prints the rows as a table of Markdown."""
    printer = _Printer()
    with contextlib.redirect_stdout(sys.stderr):
        code = pytest.main(["-q", "-p", "no:cacheprovider", *LISTS], plugins=[printer])
    print("| row | before | command, sentence and **exit code** now |\n|---|---|---|")
    for row, before, lines in printer.rows:
        shown = "<br>".join(line.replace("|", "\\|") for line in lines)
        print(f"| {row} | {before} | {shown} |")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
