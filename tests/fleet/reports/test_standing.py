"""[L-20] to [L-23] How ships stand, the worst first."""

from pathlib import Path

import pytest

from fleet.reports.standing import STATES
from tests.support.fleet.office import Office
from tests.support.fleet.ships import added


@pytest.fixture
def office(tmp_path: Path, where: str | Path) -> Office:
    return Office.begun(tmp_path, where)


def states(office: Office) -> dict[str, str]:
    return {one.name: one.state for one in office.standings()}


def test_each_state_and_the_worst_first(office: Office) -> None:
    told = {
        "degraded": ("degraded", "1.0.2", "1.0.1"),
        "unhealthy": ("unhealthy", "1.0.2", "1.0.2"),
        "stranded": ("stranded", "1.0.2", "1.0.0"),
        "drifted": ("drifted", "", "1.0.2"),
        "config-broken": ("config-broken", "", "1.0.1"),
        "went-back": ("rolled-back", "1.0.2", "1.0.1"),
        "refused": ("refused", "1.0.2", "1.0.1"),
        "behind": ("applied", "1.0.1", "1.0.1"),
        "current": ("applied", "1.0.2", "1.0.2"),
    }
    for name, (outcome, to, runs) in told.items():
        office.ship(name)
        office.says(name, outcome, to, runs=runs, days_ago=2)
        office.says(name, "alive", days_ago=1)
    office.ship("held")
    office.says("held", "applied", "1.0.1", hold=1)
    office.ship("silent")
    office.says("silent", "applied", "1.0.2", days_ago=30)
    office.ship("unheard")
    office.ship("unassigned", ring="canary")
    office.says("unassigned", "applied", "1.0.2")
    office.ship("forked")
    office.says("forked", "applied", "1.0.2")
    office.ships["forked"].number, office.ships["forked"].mark = 0, b""
    office.says("forked", "applied", "1.0.1")
    found = office.standings()
    assert {one.name: one.state for one in found} == {one.name: one.name for one in found}
    assert [one.state for one in found] == list(STATES)


def test_what_a_ship_shows(office: Office) -> None:
    office.ship("Mercy")
    office.says("Mercy", "applied", "1.0.1", days_ago=3)
    office.says("Mercy", "rolled-back", "1.0.2", days_ago=2, code=2, reason="HTTP 500")
    office.says("Mercy", "alive", days_ago=1, held=office.tree("1.0.1")[:4] + b"zzzz", free_mib=7)
    (one,) = office.standings()
    assert (one.serving, one.target, one.told, one.reason) == ("1.0.1", "1.0.2", "rolled-back", "unhealthy: HTTP 500")
    assert (one.held, one.free_bytes, one.missing) == (("1.0.1", b"zzzz".hex()), 7 << 20, 0)
    assert one.silent_days == pytest.approx(1, abs=0.01)


def test_a_late_receipt_changes_nothing_that_a_newer_one_said(office: Office) -> None:
    office.ship("Mercy")
    ship = office.ships["Mercy"]
    late = ship.says("rolled-back", office.now - 9e5, to="1.0.2", tree=office.tree("1.0.2")[:8])
    office.says("Mercy", "applied", "1.0.2")
    assert states(office) == {"Mercy": "current"}
    office.take([late])
    assert states(office) == {"Mercy": "current"}


def test_a_new_key_speaks_for_the_ship(office: Office) -> None:
    office.ship("Mercy")
    office.says("Mercy", "stranded", "1.0.2", runs="1.0.0", days_ago=9)
    new = office.ship("new")
    office.ships["Mercy again"] = new
    new.name = "Mercy"
    with office.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM ship WHERE name = 'new'")
    added(office.database, [new])
    office.says("Mercy again", "applied", "1.0.2")
    assert states(office) == {"Mercy": "current"}


def test_missing_receipts_are_counted(office: Office) -> None:
    ship = office.ship("Mercy")
    said = [ship.says("alive", office.now) for _ in range(9)]
    office.take([*said[:2], *said[5:]])
    assert office.standings()[0].missing == 3
