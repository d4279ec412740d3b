"""The command in this process: its exit code and what it printed, without the second that a new process costs.

Every JSON answer is held against the type that the command declares.
"""

import contextlib
import io
import json
from typing import Any

import pytest

from tests.support.observers.answers import check_answer
from unrep.cli import main


def run(line: str, *more: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error; `line` is a command's words, `more` stand as they are."""
    arguments = [*line.split(), *map(str, more)]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(arguments)
    assert "Traceback" not in err.getvalue(), err.getvalue()
    check_answer(arguments, out.getvalue())
    return int(end.value.code or 0), out.getvalue(), err.getvalue()


def document(line: str, *more: object) -> dict[str, Any]:
    """What a command prints for --json; it must succeed."""
    code, out, err = run(f"{line} --json", *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def refused(line: str, code: int, *words: str) -> None:
    """The command ends with that code, and its last line is a sentence that has these words."""
    got, _, err = run(line)
    assert got == code, err
    last = err.splitlines()[-1]
    assert last.startswith("unrep: ") and all(word in last for word in words), last
