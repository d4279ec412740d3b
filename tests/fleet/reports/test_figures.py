"""[L-27], [L-28] What updates cost, by week and by file."""

from pathlib import Path

import pytest

from fleet.pages.office import Office as PagesOffice
from fleet.reports.costs import HEADER
from fleet.reports.figures import WEEKS, figures
from tests.support.fleet.office import Office


def test_what_an_update_takes_and_costs(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where)
    office.ship("a")
    office.says("a", "applied", "1.0.0", days_ago=20, deploy_ms=4_000, outage_ms=500, paid=1_000)
    office.says("a", "rolled-back", "1.0.1", runs="1.0.0", days_ago=10, outage_ms=9_500, paid=70)
    office.says("a", "unhealthy", "1.0.0", days_ago=9)
    office.says("a", "applied", "1.0.2", days_ago=8, deploy_ms=6_000, outage_ms=700, paid=5)
    office.says("a", "applied", "1.0.2", days_ago=400, deploy_ms=1)
    office.ship("never")
    with office.database.reading() as connection:
        found = figures(connection, office.standings(), office.now)
    assert (found.applied, found.went_back, found.paid, len(found.weeks)) == (2, 1, 1_075, WEEKS)
    assert (found.deploy_s, found.outage_s) == (5.0, 0.7) and found.recovery_s == pytest.approx(2 * 86_400)
    assert [week.applied for week in found.weeks[-4:]] == [0, 1, 1, 0]
    assert dict(found.silence)["never heard"] == 1 and sum(count for _, count in found.silence) == 2


def test_the_bytes_by_file_add_up(tmp_path: Path) -> None:
    office = Office.begun(tmp_path, None)
    pages = PagesOffice(office.ashore.repository, office.database, "vms")
    shore = office.shore
    for bundle in (one for one in shore.bundles if one.release == "1.0.2"):
        sections = pages.costs(shore, bundle)
        fetched = {section.base: section.bytes for section in sections}
        assert fetched == {**bundle.bases, **({b"": bundle.full} if bundle.full else {})}
        for section in sections:
            assert sum(tile.size for tile in section.tiles) == pytest.approx(section.bytes)
            assert {"app/main.txt", HEADER} <= {tile.label for tile in section.tiles}
        assert pages.costs(shore, bundle) is sections
