"""A small file that a person named."""

from pathlib import Path

import pytest

from bundle.errors import InputError
from unrep.terminal.files import read_input


def test_one_byte_more_than_allowed_shows(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_input(tmp_path / "x", 5) == b"12345" and len(read_input(tmp_path / "x", 3)) == 4


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: cannot be read: "):
        read_input(tmp_path / "missing", 5)
