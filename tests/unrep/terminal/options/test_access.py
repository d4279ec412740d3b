"""Access to servers, as it was named."""

from pathlib import Path

import pytest

from transfer.errors import AccessRefused
from unrep.terminal.options.access import AccessOptions


def test_an_auth_file_that_is_missing(tmp_path: Path) -> None:
    AccessOptions(None, None, None).read()
    with pytest.raises(AccessRefused, match="nothing here"):
        AccessOptions(tmp_path / "nothing here", None, None).read()
