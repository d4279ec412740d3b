"""Whether a record that was changed or removed shows [A-80], how an older site's record joins [A-81], and receipts in
the outbox as witnesses [A-82]."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from apply.audit.history import read_history
from apply.audit.outbox import OUTBOX, post, waiting
from apply.audit.receipts import receipt_of
from apply.audit.site_key import site_key
from apply.errors import RecordBroken, SiteInvalid
from apply.record.chain import START, head_after
from apply.record.database import Record, read_state
from apply.record.state import SiteState
from apply.site.layout import Site
from bundle.receipts.receipt import sign_receipt
from bundle.trust.signing import verifying_key
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, shore

RUNS = 6


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with six runs on record and no receipts."""
    site = Site.at(tmp_path)
    site.make_directories()
    record = Record(site)
    for number in range(1, RUNS + 1):
        record.append(recorded(f"run {number}"))
    record.close()
    return site


def change(site: Site, *statements: str) -> None:
    database = sqlite3.connect(site.state_file)
    with database:
        for statement in statements:
            database.execute(statement)
    database.close()


def rows(site: Site) -> list[tuple[int, str, str]]:
    database = sqlite3.connect(site.state_file)
    found = database.execute("SELECT number, document, head FROM runs ORDER BY number").fetchall()
    database.close()
    return found


def chain_anew(site: Site) -> None:
    """What a forger does who knows the format."""
    head = START
    for number, document, _ in rows(site):
        head = head_after(head, document)
        change(site, f"UPDATE runs SET head = '{head}' WHERE number = {number}")  # noqa: S608


def test_the_chain_is_what_the_page_says(site: Site) -> None:
    """[A-80]: anybody can follow it with a hash function and a text of 64 zeros."""
    head = "0" * 64
    for number, document, stored in rows(site):
        head = hashlib.sha256((head + document).encode()).hexdigest()
        assert stored == head, number
    history = read_history(site, 2)
    assert [link.number for link in history.links] == [5, 6] and history.broken == ""
    history.check()


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE runs SET document = replace(document, 'mate', 'cook') WHERE number = 3", "record 3 was changed"),
        ("UPDATE runs SET document = 'x' WHERE number = 1", "record 1 was changed: .*the beginning"),
        ("UPDATE runs SET document = x'00ff' WHERE number = 6", "record 6 was changed"),
        ("UPDATE runs SET head = 'none' WHERE number = 4", "record 4 was changed"),
        ("DELETE FROM runs WHERE number = 1", "record 1 was removed"),
        ("DELETE FROM runs WHERE number IN (3, 4)", "records 3 to 4 were removed"),
        ("DELETE FROM runs WHERE number = 6", "record 6 was removed"),
        ("DELETE FROM runs WHERE number > 2", "records 3 to 6 were removed"),
        ("DELETE FROM runs", "records 1 to 6 were removed"),
        ("UPDATE runs SET document = (SELECT document FROM runs WHERE number = 2) WHERE number = 5", "record 5 was"),
    ],
)
def test_tampering_shows_and_is_named(site: Site, tampering: str, words: str) -> None:
    """[A-80]"""
    change(site, tampering)
    history = read_history(site, 50)
    with pytest.raises(RecordBroken, match=rf"state\.db: {words}"):
        history.check()
    record = Record(site)  # it locks nobody out, and the break stays
    record.append(recorded("the next"))
    record.close()
    after = read_history(site, 1)
    assert after.broken == history.broken and after.links[0].content()["run"] == "the next"


def test_a_gap_that_was_closed_again_shows(site: Site) -> None:
    """[A-80]: the numbers are right again, and the hashes are not."""
    change(site, "DELETE FROM runs WHERE number = 3", "UPDATE runs SET number = number - 1 WHERE number > 3")
    assert "record 3 was changed: it does not follow from record 2" in read_history(site, 50).broken


def test_a_record_that_is_not_one_is_shown_as_damaged(site: Site) -> None:
    change(site, "UPDATE runs SET document = json_remove(document, '$.seconds') WHERE number = 3")
    links = read_history(site, 50).links
    assert [link.run() is None for link in links] == [False, False, True, False, False, False]
    assert [link.content() == {} for link in links] == [False, False, True, False, False, False]


def _forge(site: Site) -> None:
    change(site, "UPDATE runs SET document = replace(document, 'applied', 'refused') WHERE number = 2")
    chain_anew(site)


def _cut_off(site: Site) -> None:
    change(site, "DELETE FROM runs WHERE number > 1", "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'runs'")


@pytest.mark.parametrize("tampering", [_forge, _cut_off])
def test_a_forged_chain_does_not_agree_with_the_receipts(tmp_path: Path, tampering: Callable[[Site], None]) -> None:
    """[A-82]"""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    assert len(waiting(ship.site)) == 2 and not read_history(ship.site, 1).broken
    tampering(ship.site)
    assert "record 2 is not the one that its receipt was signed for" in read_history(ship.site, 1).broken


def test_a_receipt_that_is_none(tmp_path: Path) -> None:
    """[A-82]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    receipt = waiting(ship.site)[0]
    receipt.write_bytes(receipt.read_bytes()[:-1])
    assert f"a receipt of it is none: {receipt.name}: " in read_history(ship.site, 1).broken
    ship.site.public_key_file.unlink()
    assert "its receipts cannot be checked: " in read_history(ship.site, 1).broken


def test_receipts_that_were_carried_away_are_not_missed(tmp_path: Path) -> None:
    """[A-85]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    waiting(ship.site)[0].unlink()
    assert not read_history(ship.site, 1).broken
    ship.recover()
    assert not waiting(ship.site), "a receipt came back"


OLD_TABLES = """
CREATE TABLE states (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
"""


def older(site: Site) -> None:
    """Makes the site's record what the tables without a version were: states and runs, nothing more."""
    database = sqlite3.connect(site.state_file)
    states = database.execute("SELECT document, sha256 FROM states ORDER BY number").fetchall()
    runs = [json.loads(document) for (document,) in database.execute("SELECT document FROM runs ORDER BY number")]
    database.close()
    for path in site.private.glob("state.db*"):
        path.unlink()
    for run in runs:
        for key in ("product", "recoveries", "bundle_bytes", "release_bytes"):
            del run[key]
    database = sqlite3.connect(site.state_file)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(OLD_TABLES)
    with database:
        database.executemany("INSERT INTO states (document, sha256) VALUES (?, ?)", states)
        database.executemany("INSERT INTO runs (document) VALUES (?)", [(json.dumps(run),) for run in runs])
    database.close()
    for path in (*waiting(site), site.key_file, site.public_key_file):
        path.unlink()
    site.outbox.rmdir()


def test_an_older_record_is_read_as_it_stands_and_joins_with_the_next_run(tmp_path: Path) -> None:
    """[A-81]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    older(ship.site)
    before = ship.seen()
    assert ship.state.current_version == "1.0.0"
    history = read_history(ship.site, 5)
    assert [link.number for link in history.links] == [1] and not history.broken
    assert history.links[0].run() is not None, "a record of an older unrep is not understood"
    assert ship.seen() == before, "reading wrote something"
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.check_sound()
    history = read_history(ship.site, 5)
    assert [link.number for link in history.links] == [1, 2] and not history.broken
    change(ship.site, "DELETE FROM runs WHERE number = 1")
    assert "record 1 was removed" in read_history(ship.site, 5).broken


def test_an_older_record_that_was_only_half_made(tmp_path: Path) -> None:
    """[A-81]"""
    site = Site.at(tmp_path)
    site.make_directories()
    sqlite3.connect(site.state_file).execute(OLD_TABLES.split(";")[0])
    assert read_state(site) == SiteState()
    record = Record(site)
    record.append(recorded())
    record.close()
    assert len(read_history(site, 5).links) == 1


@pytest.mark.parametrize("open_it", [read_state, lambda site: read_history(site, 5), Record])
def test_the_record_of_a_newer_unrep_is_refused(site: Site, open_it: type[Record]) -> None:
    """[A-81]"""
    change(site, "PRAGMA user_version = 3")
    change(site, "PRAGMA application_id = 3")
    with pytest.raises(
        SiteInvalid, match=r"state\.db: written by a newer version of unrep .* 3, .* knows 2\); use that"
    ):
        open_it(site)


def test_record_and_receipt_come_in_one_step(site: Site) -> None:
    """[A-85]: a signature that fails leaves no record without its receipt."""
    record = Record(site)

    def fail(link: object) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record.append(recorded(), fail)
    record.close()
    assert len(rows(site)) == RUNS


def test_what_a_dead_run_could_not_post_the_next_one_posts(site: Site) -> None:
    """[A-85]"""
    record, key = Record(site), site_key(site)
    record.append(recorded(), lambda place: sign_receipt(receipt_of(recorded(), place, SiteState(), site), key))
    record.close()
    assert not waiting(site)
    record = Record(site)
    post(site, record)
    assert [path.name for path in waiting(site)] == [f"{verifying_key(key).key_id.hex()}-00000001.receipt"]
    assert record.undelivered(OUTBOX) == []
    record.close()
