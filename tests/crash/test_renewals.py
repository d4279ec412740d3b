"""A sample of `make renewals`: one good unrep and one bad one, with something killed in each [A-232] [A-233]."""

import sys
from pathlib import Path

import pytest

from tests.support.faults.renewed_ship import GOOD, RenewedShip

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the launchers of Linux")]


def test_the_right_version_is_current_whatever_is_killed(tmp_path: Path) -> None:
    ship = RenewedShip(tmp_path, seed=20261130)
    try:
        assert [ship.round(kind).kind for kind in (GOOD, "crashes at start")] == [GOOD, "crashes at start"]
        assert ship.round(GOOD, updaters=2).kind == GOOD, "the second is refused, or finds nothing to do"
    finally:
        ship.close()
