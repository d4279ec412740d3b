"""Patience with files that another program holds open for a moment, as antivirus and indexers on Windows do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

# Access denied, sharing and lock violation, directory not empty (a deletion inside it is still pending).
_PASSING_WINDOWS_ERRORS: Final = frozenset({5, 32, 33, 145})
_PATIENCE_S: Final = 10.0


def patiently(action: Callable[[Path], object], path: Path) -> None:
    """Renames or removes a path by `action`; on Windows again for about 10 s while it is held. Raises its OSError."""
    deadline = time.monotonic() + _PATIENCE_S
    pause_s = 0.01
    while True:
        try:
            action(path)
        except OSError as error:
            passing = getattr(error, "winerror", 0) in _PASSING_WINDOWS_ERRORS
            if not passing or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.5)
