"""Whom to trust, and what a site holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from bundle.errors import Refused
from bundle.read.reader import open_for_display
from tests.support.sites.site import QUIET, Ship, shore
from unrep.errors import UsageRefused
from unrep.receiving.holdings import retained, site_holdings, whom_to_trust


def test_somebody_must_be_named() -> None:
    with pytest.raises(UsageRefused, match="name whom to trust"):
        whom_to_trust(None, None)
    assert whom_to_trust(shore().trust_file, None) == shore().trust


def test_what_a_site_holds(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0")
    holdings = site_holdings(ship.root, shore().trust, QUIET, "")
    assert [tree.hex() for tree in holdings.trees] == [shore().tree("1.0.0")] and not holdings.is_empty
    assert site_holdings(Ship(tmp_path / "new").root, shore().trust, QUIET, "").is_empty


def test_another_product_is_refused(tmp_path: Path) -> None:
    """[A-91]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    holdings = site_holdings(ship.root, shore().trust, QUIET, "")
    with open_for_display(shore().bundle("1.0.1", 2, "1.0.0")) as own:
        holdings.admit(own.root.product)
    with open_for_display(shore().bundle("1.0.1", 2, "1.0.0", product="ecdis")) as other, pytest.raises(Refused):
        holdings.admit(other.root.product)


def test_bundles_that_a_site_keeps(tmp_path: Path) -> None:
    assert retained(None) == [] and retained(tmp_path) == [tmp_path / ".unrep" / "inbox"]


def test_no_first_request_waits_for_what_rebuilds() -> None:
    """numpy alone takes a tenth of a second, and more on a ship's machine."""
    code = "import sys, unrep.commands.link.fetch\nprint(*({'numpy', 'bundle.read.evaluate'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
