"""The site's own commands for the application's data: which version they are about, and when there are none. [A-18]"""

from collections.abc import Callable
from pathlib import Path

import pytest

from apply.application import hooks
from apply.errors import StepFailed
from apply.site.config import SiteConfig
from apply.site.layout import Site
from tests.support.sites.site import Ship

Hook = Callable[[Site, SiteConfig, str], None]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0", "1.0.1")


def test_each_is_about_the_version_that_is_named(ship: Ship) -> None:
    """The snapshot of a version's data is what a restore for that version brings back, whatever runs meanwhile."""
    data = ship.app / "data"
    data.write_text("of the morning")
    hooks.snapshot(ship.site, ship.config, "1.0.0")
    data.write_text("of the evening")
    hooks.snapshot(ship.site, ship.config, "1.0.1")
    hooks.restore(ship.site, ship.config, "1.0.0")
    assert data.read_text() == "of the morning"
    assert ship.calls == [
        "snapshot 1.0.0 current=1.0.1",
        "snapshot 1.0.1 current=1.0.1",
        "restore 1.0.0 current=1.0.1",
    ]


@pytest.mark.parametrize("hook", [hooks.snapshot, hooks.restore])
def test_a_site_without_them(ship: Ship, hook: Hook) -> None:
    hook(ship.site, SiteConfig(), "1.0.0")
    assert ship.calls == []


@pytest.mark.parametrize("hook", [hooks.snapshot, hooks.restore])
def test_one_that_fails_says_so(ship: Ship, hook: Hook) -> None:
    name = hook.__name__
    (ship.app / "saved-1.0.1").touch()
    ship.order(f"fail-{name}")
    with pytest.raises(StepFailed, match=rf"^{name}: .* exited with 1, its last line: {name} is broken"):
        hook(ship.site, ship.config, "1.0.1")
