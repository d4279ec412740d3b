"""How a run is reported."""

import json

import pytest

from apply.audit.run import Report
from apply.errors import RolledBack
from unrep.terminal.run_report import describe_run, report_run, run_answer

MOVED = Report("applied", "1.0.0", "1.0.1", "all is well", {"switch": 0.5}, 1.25)
STAYED = Report("nothing-to-do", "1.0.0", "1.0.0", "nothing was pending", {}, 0.0)


def test_in_one_sentence() -> None:
    assert describe_run(MOVED) == "1.0.0 -> 1.0.1, all is well (1.25 s)"
    assert describe_run(STAYED) == "nothing was pending (0.00 s)"
    first = Report("applied", "", "1.0.0", "all is well", {}, 0.0)
    assert describe_run(first).startswith("nothing -> 1.0.0, ")


def test_for_a_person_and_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    report_run(lambda: MOVED, as_json=False)
    assert capsys.readouterr() == ("applied: 1.0.0 -> 1.0.1, all is well (1.25 s)\n", "")
    report_run(lambda: MOVED, as_json=True)
    assert json.loads(capsys.readouterr().out).keys() == run_answer(MOVED).keys() > {"from", "to", "peak_rss_bytes"}


def test_an_error_goes_on_with_its_figures() -> None:
    error = RolledBack("it failed")
    error.document = MOVED.document()

    def fail() -> Report:
        raise error

    with pytest.raises(RolledBack):
        report_run(fail, as_json=True)
    assert "peak_rss_bytes" in error.document
