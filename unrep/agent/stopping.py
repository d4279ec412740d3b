"""An agent that is told to stop: SIGTERM, Ctrl-C, Ctrl-Break, the end of a Windows service, or of its input.

Each becomes one KeyboardInterrupt in the main thread, wherever that is. The agent may be interrupted anywhere and goes
on at its next start, so there is nothing to wait for. A second request changes nothing.

The launcher of Windows starts the agent as a child, to which it can send no signal. It holds a pipe instead, which is
the child's input, and which ends with the launcher itself, too [A-238].
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_REQUESTS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]


LAST_PATIENCE_S: Final = 60.0  # after the end of the input, for one that hangs


@contextmanager
def until_told_to_stop(*, input_tells: bool = False) -> Iterator[None]:
    """Ends its block, quietly, when the process is told to stop; `input_tells`: also by the end of standard input."""
    before = [signal.signal(request, _stop) for request in _REQUESTS]
    ended = threading.Event()
    if input_tells:
        threading.Thread(target=_await_end, args=(_taken_input(), ended), daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()
        for request, handler in zip(_REQUESTS, before, strict=True):
            signal.signal(request, handler)


def _taken_input() -> int:
    """A descriptor of standard input, which is empty for all others from now on: on Windows whoever but looks at a pipe
    waits until a read of it ends."""
    taken, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return taken


def _await_end(descriptor: int, ended: threading.Event) -> None:
    """A process that goes on all the same ends here: nobody is left who could end it."""
    while os.read(descriptor, 4096):
        pass
    if not ended.is_set():
        signal.raise_signal(signal.SIGINT)  # noticed by the main thread, as the service manager's request is
        if not ended.wait(LAST_PATIENCE_S):
            os._exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    for request in _REQUESTS:
        signal.signal(request, signal.SIG_IGN)
    raise KeyboardInterrupt
