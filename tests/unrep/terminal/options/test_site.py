"""The configuration that a command works by, and access to servers."""

from pathlib import Path

import pytest

from apply.errors import ConfigError
from unrep.terminal.options.site import configuration


def test_the_named_one_else_that_of_the_site_else_defaults(tmp_path: Path) -> None:
    assert configuration(tmp_path, None).product == ""
    (tmp_path / "unrep.toml").write_text('product = "vms"')
    (tmp_path / "other.toml").write_text('product = "ecdis"')
    assert configuration(tmp_path, None).product == "vms"
    assert configuration(tmp_path, tmp_path / "other.toml").product == "ecdis"


def test_one_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "unrep.toml").write_text("produkt = 1")
    with pytest.raises(ConfigError, match="produkt"):
        configuration(tmp_path, None)
