"""The master's hold [A-64]."""

import threading
from pathlib import Path

import pytest

from apply.errors import Held
from apply.hold import lift_hold, read_hold, set_hold
from apply.update import rehearse, update
from tests.support.sites.site import Ship, shore, until

SECOND = ("1.0.1", 2, "1.0.0")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def test_a_hold_keeps_the_running_version_until_it_is_lifted(ship: Ship) -> None:
    set_hold(ship.site, "pilot aboard")
    for refused in (ship.apply, ship.rehearse):
        with pytest.raises(Held, match=r"held since .*: pilot aboard; version 1\.0\.1 stays out until 'unrep resume'"):
            refused(shore().bundle(*SECOND))
    assert ship.current == "1.0.0" and not ship.calls
    assert ship.runs[-1]["outcome"] == "refused" and "pilot aboard" in ship.runs[-1]["reason"]
    lifted = lift_hold(ship.site)
    assert lifted and lifted.reason == "pilot aboard" and lift_hold(ship.site) is None
    assert ship.apply(shore().bundle(*SECOND)).outcome == "applied"


def test_what_runs_already_is_no_change(ship: Ship) -> None:
    set_hold(ship.site, "")
    assert ship.apply(shore().bundle("1.0.0", 1)).outcome == "already-current"


def test_a_person_may_override_it_and_it_stays(ship: Ship) -> None:
    set_hold(ship.site, "")
    bundle, keys = shore().bundle(*SECOND), shore().trust
    assert rehearse(bundle, ship.root, keys, ship.config, override_hold=True).outcome == "would-apply"
    assert update(bundle, ship.root, keys, ship.config, override_hold=True).outcome == "applied"
    assert read_hold(ship.site)


def test_rollback_and_recovery_are_not_held(ship: Ship) -> None:
    ship.apply(shore().bundle(*SECOND))
    set_hold(ship.site, "")
    assert ship.recover().outcome == "nothing-to-do"
    assert ship.roll_back().outcome == "rolled-back" and ship.current == "1.0.0"


def test_a_hold_that_comes_while_the_new_version_is_being_built(ship: Ship) -> None:
    """The last moment is just before the intent; the space is given back."""
    ship.order("wait-prepare")

    def master() -> None:
        until((ship.app / "waiting").exists)
        set_hold(ship.site, "weather")
        ship.relieve("wait-prepare")

    hand = threading.Thread(target=master)
    hand.start()
    with pytest.raises(Held, match="weather"):
        ship.apply(shore().bundle(*SECOND))
    hand.join()
    assert ship.current == "1.0.0" and [path.name for path in ship.site.versions.iterdir()] == ["1.0.0"]
    assert not ship.leftovers()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", ""), (b"do not\n touch\x1b\n", r"do not touch\x1b"), (b"[1]", "[1]"), (b'{"since": 1}', '{"since": 1}')],
)
def test_any_file_holds(ship: Ship, content: bytes, reason: str) -> None:
    ship.site.hold_file.write_bytes(content)
    found = read_hold(ship.site)
    assert found and found.reason == reason and found.since.startswith("20")
    with pytest.raises(Held):
        ship.apply(shore().bundle(*SECOND))


def test_a_site_where_nothing_was_ever_installed_can_be_held(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    set_hold(ship.site, "dry dock")
    with pytest.raises(Held, match="dry dock"):
        ship.apply(shore().bundle("1.0.0", 1))


def test_a_refused_rehearsal_names_the_version_that_goes_on_running(ship: Ship) -> None:
    """As the update does."""
    bundle, keys = shore().bundle("1.0.1", 2, "1.0.0"), shore().trust
    set_hold(ship.site, "pilot aboard")
    for attempt in (rehearse, update):
        with pytest.raises(Held) as refused:
            attempt(bundle, ship.root, keys, ship.config)
        document = refused.value.document
        assert document and (document["from"], document["to"]) == ("1.0.0", "1.0.0")
