"""Reading a small file that a person named."""

from pathlib import Path

from bundle.errors import InputError
from bundle.host.files import read_given


def read_input(path: Path, most_bytes: int) -> bytes:
    """The file's bytes, at most one more than `most_bytes`, so that the caller sees one that is too long.

    Raises InputError if it cannot be read.
    """
    try:
        return read_given(path, most_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
