"""What a fetch came to, and what is left of that where it ended early."""

from pathlib import Path

import click
import pytest

from transfer.errors import Incomplete
from transfer.fetch.figures import Figures
from unrep.terminal.fetch_report import describe_fetch, fetch_answer, figures_in_errors

FIGURES = Figures(Path("out"), True, None, (), 1000, 400, 100, 310, 320, 2, 1.5, ())


def test_in_one_sentence() -> None:
    assert describe_fetch(FIGURES) == (
        "out: complete: 310 bytes received for 400 needed of 1,000, 100 were there already, in 1.5 s"
    )


def test_as_json() -> None:
    """[T-30]"""
    found = fetch_answer(FIGURES)
    assert (found["bytes_needed"], found["bytes_received"], found["bytes_paid"]) == (400, 310, 320)
    assert found["sections"] == [] and found["path"] == "out"


def test_an_error_has_the_figures_so_far() -> None:
    with pytest.raises(Incomplete) as caught, figures_in_errors(lambda: {"bytes_total": 7}):
        raise Incomplete("the link is gone")
    assert caught.value.document == {"bytes_total": 7}


def test_so_has_an_interrupt() -> None:
    with pytest.raises(click.Abort) as caught, figures_in_errors(lambda: {"bytes_total": 7}):
        raise KeyboardInterrupt
    assert vars(caught.value)["document"] == {"bytes_total": 7}


def test_no_other_error_is_touched() -> None:
    with pytest.raises(ValueError) as caught, figures_in_errors(lambda: {"bytes_total": 7}):
        raise ValueError
    assert not vars(caught.value)
