"""Starts a service of Windows anew: in Wine, whose `net` knows no /y and does not wait for a service's end.

Called as: python.exe wine_restart.py NAME
"""

import subprocess
import sys
import time
from typing import Final

PATIENCE_S: Final = 120.0  # the launcher kills an agent that hangs after 45
_NAP_S: Final = 0.5


def restart(name: str) -> None:
    """Stops it if it runs, waits for its end, and starts it. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    _sc("stop", name)
    while "STOPPED" not in _sc("query", name):
        _nap(deadline, f"{name} does not stop")
    _sc("start", name)
    while "RUNNING" not in _sc("query", name):
        _nap(deadline, f"{name} does not start")
        _sc("start", name)


def _sc(*words: str) -> str:
    done = subprocess.run(["sc", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode(errors="replace")


def _nap(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(otherwise)
    time.sleep(_NAP_S)


if __name__ == "__main__":
    restart(sys.argv[1])
