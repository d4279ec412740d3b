"""Whether something stands at a path, on every Python: an error that is no answer leaves as OSError.

Since Python 3.14 `Path.exists` and its like say no also where the account may not look. Then a site closed to the
account would count as empty, and its trust as never begun. Links are followed.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

# As of `pathlib` before 3.14: no such name, a file on the way, a link to itself.
_NOTHING_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})
_NOTHING_THERE_ON_WINDOWS: Final = frozenset({21, 123, 1921})  # winerror.h: not ready, invalid name, no such link


def exists(path: Path) -> bool:
    """Whether anything is there. Raises OSError."""
    return _status(path) is not None


def is_file(path: Path) -> bool:
    """Whether a regular file is there. Raises OSError."""
    status = _status(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def is_directory(path: Path) -> bool:
    """Whether a directory is there. Raises OSError."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _NOTHING_THERE or getattr(error, "winerror", 0) in _NOTHING_THERE_ON_WINDOWS:
            return None
        raise
    except ValueError:  # a name with NUL in it stands nowhere
        return None
