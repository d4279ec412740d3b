"""An agent is told to stop."""

import os
import signal

import pytest

from unrep.agent.stopping import until_told_to_stop


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_block_quietly(number: signal.Signals) -> None:
    before, reached = signal.getsignal(number), []
    with until_told_to_stop():
        reached.append("begun")
        signal.raise_signal(number)
        reached.append("went on")
    assert reached == ["begun"] and signal.getsignal(number) is before


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_second_request_changes_nothing() -> None:
    cleaned = []
    with until_told_to_stop():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append("up")
    assert cleaned == ["up"]


def test_an_error_goes_through() -> None:
    with pytest.raises(ValueError), until_told_to_stop():
        raise ValueError
