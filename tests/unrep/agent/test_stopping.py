"""An agent is told to stop."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S
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


WORKING = """
import subprocess, sys, time
from unrep.agent import stopping
stopping.LAST_PATIENCE_S = 1
with stopping.until_told_to_stop(input_tells=True):
    asked = "import sys; sys.exit(len(sys.stdin.read()))"
    assert subprocess.run([sys.executable, "-c", asked]).returncode == 0
    print("begun", flush=True)
    while True:
        try:
            time.sleep(0.1)
        except KeyboardInterrupt:
            if "hangs" not in sys.argv:
                raise
print("ended", flush=True)
"""


@pytest.mark.parametrize(("word", "code", "said"), [("works", 0, b"ended"), ("hangs", 1, b"")])
def test_the_end_of_the_input_ends_the_block_or_the_process(word: str, code: int, said: bytes) -> None:
    """[A-238]: and what is started meanwhile finds an input that is empty."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", WORKING, word]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=REPOSITORY) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"anything")
        process.stdin.flush()
        assert process.stdout.readline().strip() == b"begun"
        process.stdin.close()
        assert process.stdout.read().strip() == said
        assert process.wait(PATIENCE_S) == code
