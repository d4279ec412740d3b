"""The name of a bundle that is not proven yet: bundle.write.unproven."""

from pathlib import Path

import pytest

from bundle.errors import Malformed
from bundle.write.unproven import unproven_file


def test_what_was_not_renamed_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "b.unrep"
    with unproven_file(out) as path:
        path.write_bytes(b"half")
        assert path.parent == tmp_path and path != out
    with unproven_file(out) as path:
        path.write_bytes(b"whole")
        path.replace(out)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("b.unrep", b"whole")]


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    for error in (Malformed("unsound"), KeyboardInterrupt()):
        with pytest.raises(type(error)), unproven_file(tmp_path / "b.unrep") as path:
            path.write_bytes(b"half")
            raise error
    assert not list(tmp_path.iterdir())
