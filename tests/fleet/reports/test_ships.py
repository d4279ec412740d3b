"""[L-22], [L-26] One ship: what it said, and its next way."""

from pathlib import Path

from fleet.reports.ships import find_ship, keys_of, moment, next_way, sayings
from tests.support.fleet.office import Office


def test_what_it_said_with_signs_of_life_or_without(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where, versions=2)
    office.ship("Mercy")
    office.says("Mercy", "applied", "1.0.0", days_ago=4, deploy_ms=1500, outage_ms=250, paid=77, free_mib=3)
    office.says("Mercy", "alive", days_ago=3)
    office.says("Mercy", "rolled-back", "1.0.1", days_ago=2, code=2, reason="<b>HTTP</b>\n500")
    with office.database.reading() as connection:
        brief = sayings(connection, office.shore, "Mercy", 10)
        everything = sayings(connection, office.shore, "Mercy", 2, is_brief=False)
        (key,) = keys_of(connection, "Mercy")
        assert find_ship(connection, office.shore, "Nobody") is None
    assert [one.outcome for one in brief] == ["rolled-back", "applied"]
    assert [one.outcome for one in everything] == ["rolled-back", "alive"]
    assert (brief[0].code, brief[0].reason, brief[0].serving) == ("unhealthy", "<b>HTTP</b>\\n500", "1.0.0")
    assert (brief[1].deploy_s, brief[1].outage_s, brief[1].paid, brief[1].free_bytes) == (1.5, 0.25, 77, 3 << 20)
    assert (key.lowest, key.highest, key.count) == (1, 3, 3)


def test_the_next_way(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where)
    for name, runs in {"behind": "1.0.0", "current": "1.0.2"}.items():
        office.ship(name)
        office.says(name, "applied", runs)
    office.ship("lost")
    office.says("lost", "alive", serving=b"12345678", held=b"1234")
    ships = {one.name: one for one in office.standings()}
    way = next_way(ships["behind"], office.shore)
    assert way and way.versions == ("1.0.2",) and way.bytes > 0 and not way.is_full
    assert next_way(ships["current"], office.shore) is None
    full = next_way(ships["lost"], office.shore)
    assert full and full.is_full and full.bytes > way.bytes


def test_moments_of_any_clock() -> None:
    assert moment(None) == "never" and moment(0.0) == "1970-01-01 00:00" and "after 1970" in moment(1e300)
