"""Records that are no longer kept: the chain stays provable, and the figures stay [A-155]; 200 releases on a site."""

import sqlite3
from pathlib import Path

import pytest

from apply.audit.history import read_history
from apply.audit.metrics import Tally, families
from apply.audit.pruning import prune_runs
from apply.record.database import Record, read_pruned_figures
from apply.record.release import Release
from apply.record.state import SiteState
from apply.site.layout import Site
from bundle.names.exposition import exposition
from tests.support.observers.prometheus_text import read_metrics
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship

KEEP = 20


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with 50 runs on record."""
    site = Site.at(tmp_path)
    site.make_directories()
    record = Record(site)
    recovery = [{"after": "failed-verdict", "seconds": 0.5}]
    for number in range(50):
        outcome = "applied" if number % 2 else "rolled-back"
        record.append(recorded(f"run {number}", outcome=outcome, outage_seconds=1.5, recoveries=recovery))
    record.close()
    return site


def prune(site: Site, keep: int = KEEP) -> None:
    record = Record(site)
    prune_runs(record, keep)
    record.close()


def change(site: Site, statement: str) -> None:
    database = sqlite3.connect(site.state_file)
    with database:
        database.execute(statement)
    database.close()


def figures(site: Site) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    tally = Tally.of(read_pruned_figures(site))
    history = read_history(site, 1, tally.add)
    text = exposition(families(SiteState(), tally, program="1", intact=not history.broken, receipts=0))
    return {(name, frozenset(dict(labels).items())): value for (name, labels), value in read_metrics(text).items()}


def test_figures_count_on(site: Site) -> None:
    """[A-87]: since the site was made."""
    before = figures(site)
    prune(site)
    assert len(read_history(site, 99).links) == KEEP and figures(site) == before
    record = Record(site)
    for number in range(30):
        record.append(recorded(f"later {number}", outage_seconds=0.25))
    record.close()
    before = figures(site)
    prune(site)
    assert len(read_history(site, 99).links) == KEEP and figures(site) == before


def test_the_chain_stays_provable(site: Site) -> None:
    """[A-80]"""
    heads = {link.number: link.head for link in read_history(site, 99).links}
    prune(site)
    history = read_history(site, 99)
    assert not history.broken and history.pruned == 30
    assert {link.number: link.head for link in history.links} == {n: heads[n] for n in range(31, 51)}
    change(site, "DELETE FROM runs WHERE number = 31")
    assert "record 31 was removed" in read_history(site, 9).broken


@pytest.mark.parametrize(
    "statement",
    ["UPDATE pruned SET head = replace(head, '0', '1')", "UPDATE pruned SET number = 29", "DELETE FROM pruned"],
)
def test_who_changes_what_was_pruned_is_found_out(site: Site, statement: str) -> None:
    prune(site)
    change(site, statement)
    assert read_history(site, 9).broken


def test_a_few_more_may_gather(site: Site) -> None:
    prune(site, 48)
    assert len(read_history(site, 99).links) == 50 and not read_history(site, 9).pruned


def test_receipts_of_runs_that_were_pruned_are_no_fault(tmp_path: Path) -> None:
    """[A-82]: those of runs that are kept prove them as before."""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    record = Record(ship.site)
    record.prune(1, lambda before, links: Tally.of(before).text())
    record.close()
    assert not read_history(ship.site, 9).broken
    change(ship.site, "UPDATE pruned SET head = '" + "0" * 64 + "'")
    assert read_history(ship.site, 9).broken


def test_200_releases_leave_a_site_bounded(tmp_path: Path) -> None:
    """[A-154] [A-155]: state document and runs on record; every other release fails."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    sizes = []
    record = Record(ship.site)
    for seq in range(2, 202):
        _pretend(record, seq)
        if seq in (21, 101, 201):
            database = sqlite3.connect(ship.site.state_file)
            (document,) = database.execute("SELECT document FROM states ORDER BY number DESC LIMIT 1").fetchone()
            (runs,) = database.execute("SELECT COUNT(*) FROM runs").fetchone()
            (total,) = database.execute(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            ).fetchone()
            database.close()
            sizes.append((seq - 1, len(document), runs, total))
    record.close()
    print("releases, bytes of the state document, runs on record, bytes of the database:", sizes)
    assert sizes[2][1] < sizes[0][1] * 1.2 and sizes[2][2] <= KEEP + KEEP // 10
    assert not read_history(ship.site, 9).broken


def _pretend(record: Record, seq: int) -> None:
    """A release comes and is committed, or goes back; state and record are real."""
    release = Release(version=f"2.{seq}", seq=seq, tree=f"{seq:064x}", platform="any", bundle="b" * 64)
    state = record.state.placed(release, seq).begun("vms", release, f"run {seq}", seq).attempted()
    state = state.committed() if seq % 2 else state.backing_out("not healthy within 60 s: it is sick").settled()
    record.save(state)
    record.append(recorded(f"run {seq}"))
    prune_runs(record, KEEP)
    for old in record.state.dispensable(1):
        record.save(record.state.without(old.version))
