"""An application in Python writes `__pycache__` into every version that it runs in; to no command does that matter."""

import json
import sys
from pathlib import Path

import pytest

from apply.errors import RolledBack
from apply.rebuild.installed import damaged_places, open_installed
from apply.retention import collect_garbage
from tests.support.sites.site import Ship, shore

IMPORT = (
    "import sys; from importlib.machinery import SourceFileLoader\nSourceFileLoader('start', sys.argv[1]).load_module()"
)


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """One where health is asked of a Python that imports a file of the release."""
    ship = Ship(tmp_path)
    argv = json.dumps([sys.executable, "-c", IMPORT, "{tree}/bin/start"])
    check = f'[[health]]\ntype = "command"\nargv = {argv}\ntimeout_s = 20\n'
    ship.configure(extra=f"{check}[retention]\nkeep = 0\n")
    return ship


def cached(ship: Ship) -> list[str]:
    """The versions that hold compiled files."""
    return sorted(path.parents[2].name for path in ship.site.versions.glob("*/bin/__pycache__/start*.pyc"))


def test_updates_rollbacks_and_removal_go_on(ship: Ship) -> None:
    """[A-1], [A-13], [A-22], [A-26], [A-33]"""
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert cached(ship) == ["1.0.0", "1.0.1"]
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    assert ship.roll_back().to_version == "1.0.0"
    assert ship.roll_back("1.0.1").to_version == "1.0.1"
    assert ship.state.current and not damaged_places(open_installed(ship.site, ship.state.current))
    assert ship.rehearse(shore().bundle("1.0.2", 4, "1.0.1")).outcome == "would-apply"
    assert ship.apply(shore().bundle("1.0.2", 4, "1.0.1")).outcome == "applied"
    collect_garbage(ship.root, ship.config)
    assert cached(ship) == ["1.0.1", "1.0.2"] and not ship.leftovers()
    assert sorted(path.name for path in ship.site.versions.iterdir()) == ["1.0.1", "1.0.2"]


def test_none_comes_into_the_next_version(ship: Ship) -> None:
    """[A-19] What is compiled there is that version's own."""
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.configure()
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert cached(ship) == ["1.0.0"]
