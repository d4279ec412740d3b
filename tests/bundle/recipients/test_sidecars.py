"""A bundle takes the name of a file alone."""

import os
from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.recipients.sidecars import check_output_path


@pytest.mark.skipif(os.name == "nt", reason="no pipe has a name in a directory of Windows")
def test_what_is_no_file_keeps_its_name(tmp_path: Path) -> None:
    """[A-110]: as root, `unrep build --out /dev/null` put a bundle in the place of the device."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    check_output_path(tmp_path / "file")
    check_output_path(tmp_path / "new")
    for name in ("pipe", "link"):
        with pytest.raises(InputError, match=f"{name}: is no regular file"):
            check_output_path(tmp_path / name)
