"""An agent that is told to stop: SIGTERM, Ctrl-C, Ctrl-Break, and the end of a Windows service.

Each becomes one KeyboardInterrupt in the main thread, wherever that is. The agent may be interrupted anywhere and goes
on at its next start, so there is nothing to wait for. A second request changes nothing.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_REQUESTS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]


@contextmanager
def until_told_to_stop() -> Iterator[None]:
    """Ends its block, quietly, when the process is told to stop."""
    before = [signal.signal(request, _stop) for request in _REQUESTS]
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for request, handler in zip(_REQUESTS, before, strict=True):
            signal.signal(request, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for request in _REQUESTS:
        signal.signal(request, signal.SIG_IGN)
    raise KeyboardInterrupt
