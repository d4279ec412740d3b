"""The site's durable memory: states with checksums [A-7], records of runs [A-8], and what a damaged file does."""

import errno
import io
import shutil
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from apply.audit.history import read_history
from apply.errors import DiskFull, RolledBack, SiteInvalid, StorageFailed
from apply.record import schema
from apply.record.database import (
    STATES_KEPT,
    Record,
    _checksum,
    _sqlite_errors,
    check_predecessor,
    open_runs,
    read_state,
)
from apply.record.release import Quarantine, Release
from apply.record.state import SiteState
from apply.site.layout import Site
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, shore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.at(tmp_path)
    site.make_directories()
    return site


def numbered(number: int) -> SiteState:
    release = Release(version=f"1.0.{number}", seq=number + 1, tree="ab", platform="any", bundle="cd")
    return SiteState(product="vms", releases=(release,), time_floor=number)


def saved(site: Site, count: int) -> None:
    record = Record(site)
    for number in range(count):
        record.save(numbered(number))
    record.close()


def change(site: Site, statement: str) -> None:
    database = sqlite3.connect(site.state_file)
    with database:
        database.execute(statement)
    database.close()


def test_nothing_was_ever_saved(site: Site) -> None:
    assert read_state(site) == SiteState() and read_history(site, 5).links == []
    assert not site.state_file.exists(), "reading made a file"


def test_what_was_saved_is_read_again(site: Site) -> None:
    """[A-7]"""
    saved(site, 3)
    assert read_state(site) == numbered(2)
    record = Record(site)
    assert record.state == numbered(2)
    record.close()


def test_a_save_is_durable_when_it_returns(site: Site) -> None:
    """[A-7]: in WAL mode only synchronous=FULL (2) syncs with every commit."""
    record = Record(site)
    assert record._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert record._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    record.close()


def test_the_last_twenty_states_stay(site: Site) -> None:
    """[A-7]"""
    saved(site, STATES_KEPT + 7)
    database = sqlite3.connect(site.state_file)
    assert database.execute("SELECT COUNT(*) FROM states").fetchone() == (20,)
    database.close()


@pytest.mark.parametrize(
    "damage",
    [
        "document = replace(document, 'vms', 'vmS')",
        "document = replace(document, 'vms', CAST(x'76edb3bf' AS TEXT))",
        "document = replace(document, 'vms', CAST(x'766dff' AS TEXT))",
        "sha256 = ''",
        "document = x'00ff'",
        "document = ''",
    ],
)
def test_a_damaged_newest_state_is_passed_over_for_the_one_before(site: Site, damage: str) -> None:
    """[A-7]"""
    saved(site, 3)
    change(site, f"UPDATE states SET {damage} WHERE number = 3")  # noqa: S608
    assert read_state(site) == numbered(1)
    record = Record(site)
    assert record.state == numbered(1)
    record.close()


def test_an_update_goes_on_from_the_state_before(tmp_path: Path) -> None:
    """[A-7]: the state before the last commit is a trial, which recovery ends."""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    newest = "(SELECT MAX(number) FROM states)"
    change(ship.site, f"UPDATE states SET sha256 = 'bad' WHERE number = {newest}")  # noqa: S608
    assert ship.state.condition == "pending"
    ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert ship.current == "1.0.2"
    ship.check_sound()


def test_no_state_is_whole(site: Site) -> None:
    saved(site, 3)
    change(site, "UPDATE states SET sha256 = 'bad'")
    with pytest.raises(SiteInvalid, match=r"state\.db: every state in it is damaged"):
        read_state(site)


def test_a_state_of_another_version_of_unrep_is_not_guessed_at(site: Site) -> None:
    saved(site, 1)
    record = Record(site)
    document = '{"product": 4}'
    with record._transaction() as database:
        database.execute("INSERT INTO states (document, sha256) VALUES (?, ?)", (document, _checksum(document)))
    record.close()
    with pytest.raises(SiteInvalid, match="another version of unrep"):
        read_state(site)


@pytest.mark.parametrize("open_it", [read_state, lambda site: read_history(site, 5), Record])
def test_a_file_that_is_no_record(site: Site, open_it: type[Record]) -> None:
    site.state_file.write_bytes(b"what is this? " * 400)
    with pytest.raises(SiteInvalid, match=r"state\.db: not a record of unrep"):
        open_it(site)


def test_a_record_that_is_cut_short(site: Site) -> None:
    saved(site, STATES_KEPT)
    site.state_file.write_bytes(site.state_file.read_bytes()[:5000])
    with pytest.raises(StorageFailed, match=r"state\.db: "):
        Record(site)


@pytest.mark.parametrize("moment", ["an empty file", "a journal beside half a file", "a log without tables"])
def test_a_first_run_that_died_while_it_made_the_record(site: Site, moment: str) -> None:
    """Nothing was ever installed, and that is what `unrep status` says before the recovery."""
    if moment == "a log without tables":
        sqlite3.connect(site.state_file).execute("PRAGMA journal_mode=WAL")
    else:
        site.state_file.write_bytes(b"" if moment == "an empty file" else bytes(4096))
    if moment == "a journal beside half a file":
        site.state_file.with_name("state.db-journal").write_bytes(bytes(512))
    assert read_state(site) == SiteState() and read_history(site, 5).links == []


def test_the_record_of_a_run(tmp_path: Path) -> None:
    """[A-8]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    before = time.time()
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    run = ship.runs[-1]
    assert (run["command"], run["outcome"], run["from"], run["to"]) == ("apply", "applied", "1.0.0", "1.0.1")
    assert run["release"]["tree"] == shore().tree("1.0.1") and len(run["release"]["bundle"]) == 64
    assert (run["release"]["version"], run["release"]["seq"]) == ("1.0.1", 2)
    assert run["user"] and run["host"] and run["run"] != ship.runs[0]["run"]
    started = datetime.fromisoformat(run["started"])
    assert started.tzinfo == UTC and before - 2 < started.timestamp() < before + 60
    assert {"verify", "reconstruct", "switch", "restart", "health"} <= run["steps"].keys()
    assert 0 < sum(run["steps"].values()) <= run["seconds"]


def test_the_record_of_runs_that_failed_or_were_refused(tmp_path: Path) -> None:
    """[A-8]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    bundle = shore().bundle("1.0.1", 2, "1.0.0")
    spoilt = ship.spoil("1.0.0", "app/main.py")
    with pytest.raises(Exception, match=r"app.main\.py"):
        ship.apply(bundle)
    spoilt.write_bytes((shore().release("1.0.0") / "app/main.py").read_bytes())
    ship.order("fail-restart-1.0.1")
    with pytest.raises(RolledBack):
        ship.apply(bundle)
    refused, back = ship.runs[-2:]
    assert (refused["outcome"], refused["from"], refused["to"]) == ("refused", "1.0.0", "1.0.0")
    assert str(Path("app/main.py")) in refused["reason"] and refused["release"]["version"] == "1.0.1"
    assert (back["outcome"], back["from"], back["to"]) == ("rolled-back", "1.0.0", "1.0.0")
    assert "restart is broken" in back["reason"] and "switch_back" in back["steps"]


def test_what_is_on_record_is_plain_text(site: Site) -> None:
    """[A-95] [A-97]: reasons name files, whose names are any bytes."""
    evil, shown = "/srv/\udcff\x1b[31m\n\u202e", r"/srv/\udcff\x1b[31m\n\u202e"
    record = Record(site)
    record.save(SiteState(quarantined=(Quarantine("1", "ab", 0, 1, evil),)))
    record.append(recorded(reason=evil, user=evil, host=evil))
    record.close()
    assert read_state(site).quarantined[0].reason == shown
    run = read_history(site, 1).links[0].run()
    assert run and run.reason == run.user == run.host == shown


def test_a_record_whose_text_a_medium_has_spoiled(site: Site) -> None:
    """[A-80] [A-97]: its number is named, and the others are read."""
    record = Record(site)
    for _ in range(3):
        record.append(recorded())
    record.close()
    change(site, "UPDATE runs SET document = CAST(x'7b22ff227d' AS TEXT) WHERE number = 2")
    history = read_history(site, 5)
    assert "record 2 was changed" in history.broken
    assert [link.run() is not None for link in history.links] == [True, False, True]


def test_the_latest_runs_are_read_the_oldest_of_them_first(site: Site) -> None:
    record = Record(site)
    for number in range(5):
        record.append(recorded(f"run {number}"))
    record.close()
    assert [link.content()["run"] for link in read_history(site, 3).links] == ["run 2", "run 3", "run 4"]


@pytest.mark.parametrize(
    ("code", "refused", "expected"),
    [
        (sqlite3.SQLITE_FULL, 0, DiskFull),
        (sqlite3.SQLITE_IOERR_WRITE, errno.ENOSPC, DiskFull),
        (sqlite3.SQLITE_IOERR_SHMSIZE, errno.EDQUOT, DiskFull),
        (sqlite3.SQLITE_CANTOPEN, errno.ENOSPC, DiskFull),
        (sqlite3.SQLITE_IOERR_READ, errno.EIO, StorageFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, 0, StorageFailed),
        (sqlite3.SQLITE_CORRUPT, errno.ENOSPC, StorageFailed),
    ],
)
def test_a_full_disk_is_told_as_one(
    code: int, refused: int, expected: type[Exception], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says the same of every error of a disk. A quota does not show in what the file system has free."""

    def temporary(**given: object) -> io.BytesIO:
        if refused:
            raise OSError(refused, "refused")
        return io.BytesIO()

    monkeypatch.setattr(tempfile, "TemporaryFile", temporary)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(StorageFailed) as found, _sqlite_errors(str(site.state_file)):
        raise error
    assert type(found.value) is expected


def test_few_bytes_left_are_a_full_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 20, 1 << 20, 4096))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    with pytest.raises(DiskFull), _sqlite_errors(str(site.state_file)):
        raise error


def test_a_record_of_the_next_release_is_gone_on_with(site: Site) -> None:
    """[A-234]: N, then N+1 with a table, a column and a field more, then N again."""
    saved(site, 1)
    record = Record(site)
    with record._transaction() as database:
        for statement in (
            "CREATE TABLE cargo (number INTEGER PRIMARY KEY)",
            "ALTER TABLE runs ADD COLUMN weather TEXT NOT NULL DEFAULT ''",
            f"PRAGMA user_version = {schema.VERSION + 1}",
            f"PRAGMA application_id = {schema.VERSION}",
        ):
            database.execute(statement)
        document = '{"product": "vms", "wheels": 4}'
        database.execute("INSERT INTO states (document, sha256) VALUES (?, ?)", (document, _checksum(document)))
    record.append({"run": 1})
    record.close()
    assert read_state(site).product == "vms"
    check_predecessor(site)
    back = Record(site)
    back.append({"run": 2})
    back.save(msgspec.structs.replace(back.state, heard_at=7))
    back.close()
    assert read_state(site).heard_at == 7
    with open_runs(site) as runs:
        assert [link.document for link in runs.links] == ['{"run": 1}', '{"run": 2}']


def test_tables_that_the_one_before_cannot_use_are_refused_beforehand(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-234]"""
    check_predecessor(site)  # nothing was ever installed
    saved(site, 1)
    check_predecessor(site)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setattr(schema, "OLDEST", schema.VERSION)
    with pytest.raises(SiteInvalid, match="the one before cannot use"):
        check_predecessor(site)
