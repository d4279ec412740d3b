"""How a release would be rebuilt at a site, before a byte is written. spec/apply.md, section 3."""

from pathlib import Path

import pytest

from apply.audit.run import Run
from apply.errors import BaseDrifted
from apply.rebuild.installed import installed_bases
from apply.rebuild.plan import RebuildPlan, plan_rebuild
from bundle.errors import NoSection
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import open_bundle
from tests.support.sites.site import QUIET, Ship, shore

DELTA, FULL = ("1.0.1", 2, "1.0.0"), ("1.0.1", 2)


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def planned(ship: Ship, path: Path, drift: BaseDrifted | None = None, run: Run | None = None) -> RebuildPlan:
    with open_bundle(path, shore().trust) as bundle:
        bases = installed_bases(ship.site, ship.state.releases)
        return plan_rebuild(run or Run("apply", ship.site, QUIET), bundle, bases, None, drift)


def test_from_the_release_that_is_held(ship: Ship) -> None:
    """[A-12], [A-16]: nothing is written."""
    before, run = ship.seen(), Run("apply", ship.site, QUIET)
    path = shore().bundle(*DELTA)
    plan = planned(ship, path, run=run)
    assert plan.origin == "from 1.0.0" and plan.base and plan.base.directory == ship.site.tree("1.0.0")
    assert list(run.steps) == ["plan", "verify", "preflight"] and 0 < run.bundle_bytes <= path.stat().st_size
    assert ship.seen() == before


def test_from_the_full_release_where_none_is(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    ship.site.make_directories()
    plan = planned(ship, shore().bundle(*FULL))
    assert plan.base is None and plan.origin == "from the full release"


def test_around_damage_with_the_full_release(ship: Ship) -> None:
    """[A-41]: what is damaged comes from there, and no more; the base is what is left."""
    ship.spoil("1.0.0", "docs/page.txt")
    both = shore().bundle(*DELTA, full=True)
    drift = BaseDrifted("docs/page.txt: has changed")
    run = Run("apply", ship.site, QUIET)
    plan = planned(ship, both, drift, run)
    assert isinstance(plan.evaluation, MixedEvaluation)
    assert {plan.evaluation.draft.entry(place).path for place in plan.evaluation.taken} == {"docs/moved/page.txt"}
    assert plan.origin == f"from 1.0.0, but 1 files from the full release, because of this: {drift}"
    assert plan.base and "docs/page.txt" not in {entry.path for entry in plan.base.manifest.entries}
    planned(ship, shore().bundle(*DELTA), run=(alone := Run("apply", ship.site, QUIET)))
    assert alone.bundle_bytes < run.bundle_bytes < both.stat().st_size


def test_damage_without_the_full_release_is_raised_as_it_was(ship: Ship) -> None:
    drift = BaseDrifted("a: has changed")
    ship.spoil("1.0.0", "bin/start")
    with pytest.raises(BaseDrifted) as raised:
        planned(ship, shore().bundle(*DELTA), drift)
    assert raised.value is drift


def test_damage_that_the_delta_does_without_is_no_obstacle(ship: Ship) -> None:
    """[A-127]: the release has the same content under another name."""
    ship.spoil("1.0.0", "docs/guide.txt")
    plan = planned(ship, shore().bundle(*DELTA), BaseDrifted("guide: has changed"))
    assert plan.origin == "from 1.0.0, around damaged files, because of this: guide: has changed"


def test_a_file_that_recipes_read_is_hashed_beforehand(ship: Ship) -> None:
    """[A-13]"""
    ship.spoil("1.0.0", "app/library.bin")
    with pytest.raises(BaseDrifted, match=r"library\.bin: has changed"):
        planned(ship, shore().bundle(*DELTA))


def test_no_section_serves(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.2")
    with pytest.raises(NoSection):
        planned(ship, shore().bundle(*DELTA))
