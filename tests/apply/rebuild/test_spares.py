"""A damaged file that another version has whole costs nothing on the link [A-127]."""

from pathlib import Path

import pytest

from apply.errors import BaseDrifted
from apply.rebuild.shortfall import find_shortfall
from bundle.read.reader import open_bundle
from bundle.read.tree import scan
from tests.support.sites.site import Ship, shore

STAYS = "docs/guide.txt"  # of which the release has a copy under another name
READ = "app/library.bin"


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    for path in (STAYS, "docs/copy of guide.txt"):
        ship.spoil("1.0.1", path)
    return ship


def test_it_comes_from_the_other_version(ship: Ship) -> None:
    bundle = shore().bundle("1.0.2", 3, "1.0.1")
    assert "1 files from other versions aboard, because of this: " in ship.rehearse(bundle).reason
    report = ship.apply(bundle)
    assert report.outcome == "applied" and "1 files from other versions aboard" in report.reason
    assert scan(ship.site.tree("1.0.2")) == scan(shore().release("1.0.2"))


def test_a_fetch_pays_nothing_for_it(ship: Ship) -> None:
    with open_bundle(shore().bundle("1.0.2", 3, "1.0.1", full=True), shore().trust) as bundle:
        delta = bundle.root.sections[0]
        assert find_shortfall(bundle, delta, ship.root) is None
        ship.spoil("1.0.0", STAYS)
        ship.spoil("1.0.0", "docs/copy of guide.txt")
        assert find_shortfall(bundle, delta, ship.root) is not None


def test_where_the_other_is_damaged_as_well_it_is_refused(ship: Ship) -> None:
    for path in (STAYS, "docs/copy of guide.txt"):
        ship.spoil("1.0.0", path)
    with pytest.raises(BaseDrifted, match=r"1\.0\.1"):
        ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert ship.current == "1.0.1" and not ship.leftovers()


def test_a_file_that_a_recipe_reads_is_refused(ship: Ship) -> None:
    ship.spoil("1.0.1", READ)
    with pytest.raises(BaseDrifted, match="library"):
        ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
