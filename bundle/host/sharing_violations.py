"""Windows refuses to rename or remove a file that another program holds open. Antivirus and indexers do so briefly.

The only cure is to try again: the other program asks nobody and gives no notice.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

# Access denied, sharing violation, lock violation, directory not empty (a deletion inside it is still pending).
_PASSING_WINDOWS_ERRORS: Final = frozenset({5, 32, 33, 145})
_RETRY_FOR_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.5


def retry_on_sharing_violation(action: Callable[[Path], object], path: Path) -> None:
    """Calls `action` with the path. On Windows it is called again for about 10 s while another program holds the file.

    Raises the OSError of the last attempt.
    """
    deadline = time.monotonic() + _RETRY_FOR_S
    pause_s = _FIRST_PAUSE_S
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
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
