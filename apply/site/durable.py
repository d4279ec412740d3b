"""Durable files of a site, with the errors of this package: StorageFailed, or DiskFull where space or quota ran out.

What makes them durable is `bundle.host.durable` [A-6].
"""

import errno
from pathlib import Path
from typing import Final

from apply.errors import DiskFull, StorageFailed
from bundle.host.storage import Storage
from bundle.names.paths import RESERVED_TOP

KEPT_MODE: Final = 0o640  # its directory is the account's alone, or also its group's


def _advice(error: OSError, path: str) -> str:
    """What to do about a site's own directory, which is closed to other accounts [A-111]."""
    is_closed = error.errno == errno.EACCES and RESERVED_TOP in Path(path).parts
    return "; run unrep as the account whose site it is" if is_closed else ""


_STORAGE: Final = Storage(full=DiskFull, failed=StorageFailed, advice=_advice)

storage_errors = _STORAGE.errors
replace = _STORAGE.replace
sync_directory = _STORAGE.sync_directory
sync_tree = _STORAGE.sync_tree
remove_tree = _STORAGE.remove_tree


def write_file(path: Path, data: bytes, mode: int = KEPT_MODE) -> None:
    """A whole file of the site, durable. Raises StorageFailed or DiskFull; then the old bytes stay."""
    _STORAGE.write_file(path, data, mode)
