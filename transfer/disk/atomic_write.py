"""A file that appears whole or not at all: written beside its place, made durable, then given its name.

What a kill leaves is a file of the same name with the suffix of partial files, which no reader of a directory takes for
a bundle, and which the next attempt writes over.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from bundle.host.files import check_replaceable, create_anew, write_all
from bundle.host.sharing_violations import retry_on_sharing_violation
from transfer.disk.partial import partial_path, storage_errors, sync_directory


def place(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes a file, durable under its name once this returns; one that stood there is replaced in one step.

    Raises DiskFull, OutputRefused, or what `chunks` raises; then what stood there stands there still.
    """
    draft = partial_path(path)
    try:
        with storage_errors(path, comfort=""):
            check_replaceable(path)
        with storage_errors(path, comfort=""), create_anew(draft) as file:
            for chunk in chunks:
                write_all(file, chunk)
            os.fsync(file.fileno())
        with storage_errors(path, comfort=""):
            retry_on_sharing_violation(lambda drafted: drafted.replace(path), draft)
            sync_directory(path.parent)
    except BaseException:
        with storage_errors(path, comfort=""):
            draft.unlink(missing_ok=True)
        raise
