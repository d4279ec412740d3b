"""Outputs: a full disk is NoRoom, and named [A-207]."""

import errno
from pathlib import Path

import pytest

from bundle.errors import InputError, NoRoom
from bundle.host.output import OUTPUT, WORK

FULL = OSError(errno.ENOSPC, "No space left on device")


def test_errors_of_the_file_system_become_a_sentence(tmp_path: Path) -> None:
    """[A-207]"""
    for storage in (OUTPUT, WORK):
        with (
            pytest.raises(NoRoom, match=r"b\.unrep: no space left on its file system"),
            storage.errors(Path("b.unrep")),
        ):
            raise FULL
    with pytest.raises(InputError, match="b: cannot be written: Permission denied"), OUTPUT.errors(Path("b")):
        raise OSError(errno.EACCES, "Permission denied")
