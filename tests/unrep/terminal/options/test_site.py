"""The configuration that a command works by, and access to servers."""

from pathlib import Path

import pytest

from apply.errors import ConfigError
from transfer.errors import AccessRefused
from unrep.terminal.options.site import AccessOptions, configuration


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


def test_an_auth_file_that_is_missing(tmp_path: Path) -> None:
    AccessOptions(None, None, None).read()
    with pytest.raises(AccessRefused, match="nothing here"):
        AccessOptions(tmp_path / "nothing here", None, None).read()
