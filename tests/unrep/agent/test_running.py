"""Whether a process lives [A-231]."""

import os
import subprocess
import sys

from unrep.agent.running import is_running


def test_a_process_lives_until_it_ends() -> None:
    assert is_running(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert is_running(process.pid)
        process.communicate()
        ended = process.pid
    del process
    assert not is_running(ended)
