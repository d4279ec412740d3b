"""The trust that a bundle carries."""

from pathlib import Path

import pytest

from bundle.errors import InputError
from unrep.terminal.options.building import TrustOptions


def test_none_and_one_that_is_missing(tmp_path: Path) -> None:
    assert TrustOptions(None, 0).load() is None
    with pytest.raises(InputError, match="missing"):
        TrustOptions(tmp_path / "missing", 0).load()
