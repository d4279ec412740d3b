"""The command in this process: its exit code and what it printed, without the second that a new process costs.

Every JSON answer is held against the type that the command declares.
"""

import contextlib
import io

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
