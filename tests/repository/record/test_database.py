"""[P-5] The record: what was added is there, one transaction a change, and no other file passes for it."""

import sqlite3
from pathlib import Path

import pytest

from repository.errors import NewerRepository, NotARepository, StorageFailed
from repository.record.database import Bundle, Record, Release

RELEASES = [Release(f"1.0.{n}", 0, n + 1, bytes([n]) * 32, 100, 3, "released") for n in range(3)]


def bundle(number: int, **bases: int) -> Bundle:
    trees = {RELEASES[int(name[1:])].tree: count for name, count in bases.items()}
    return Bundle(f"vms-{number}.unrep", f"1.0.{number}", f"{number}.unrep", 900, bytes(32), 300, 900, trees, "built")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Record.make(tmp_path / "repo.db")
    return tmp_path / "repo.db"


def test_what_was_added_is_there(path: Path) -> None:
    with Record(path) as record:
        for number in (2, 0, 1):
            record.add_release(RELEASES[number])
        record.add_bundle(bundle(1, r0=420))
        record.add_bundle(bundle(0))
    with Record(path) as record:
        assert [release.version for release in record.releases()] == ["1.0.0", "1.0.1", "1.0.2"]
        found = record.release("1.0.1")
        assert found and found.added > 1e9 and (found.tree, found.order) == (RELEASES[1].tree, (0, 2))
        assert [one.file for one in record.bundles()] == ["vms-0.unrep", "vms-1.unrep"]
        assert record.bundles()[1].bases == {RELEASES[0].tree: 420} and not record.bundles("published")


def test_states_and_channels_change_together(path: Path) -> None:
    with Record(path) as record:
        record.add_release(RELEASES[0])
        record.add_bundle(bundle(0))
        (first,) = record.change({"vms-0.unrep": "published"}, {"stable": "1.0.0"})
        assert record.channel("stable") == first and record.bundles()[0].state == "published"
        (second,) = record.change({}, {"stable": "1.0.0"}, seen=first.counter + 500)
        assert second.counter == first.counter + 501, "higher than what a destination has"
        with pytest.raises(StorageFailed):
            record.change({"vms-0.unrep": "retired"}, {"stable": "9.9.9"})
        assert record.bundles()[0].state == "published", "all of it or nothing"


def test_what_is_forgotten_is_gone_with_its_bases(path: Path) -> None:
    with Record(path) as record:
        for release in RELEASES[:2]:
            record.add_release(release)
        record.add_bundle(bundle(1, r0=420))
        with pytest.raises(StorageFailed):
            record.forget([], ["1.0.1"])
        record.forget(["vms-1.unrep"], ["1.0.1"])
        assert record.releases()[-1].version == "1.0.0" and not record.bundles()
        record.add_release(RELEASES[1])
        record.add_bundle(bundle(1))
        assert record.bundles()[0].bases == {}


def test_a_version_and_a_number_stand_once(path: Path) -> None:
    with Record(path) as record:
        record.add_release(RELEASES[0])
        for twice in (RELEASES[0], Release("1.0.9", 0, 1, bytes(32), 1, 1, "released")):
            with pytest.raises(StorageFailed):
                record.add_release(twice)


@pytest.mark.parametrize("data", [b"", b"no database at all", bytes(5000)])
def test_another_file_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "repo.db").write_bytes(data)
    with pytest.raises(NotARepository, match=r"repo.db: "):
        Record(tmp_path / "repo.db")


def test_another_database_is_none(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "repo.db") as database:
        database.execute("CREATE TABLE part (name TEXT, version INTEGER)")
    with pytest.raises(NotARepository, match="is no database of a repository"):
        Record(tmp_path / "repo.db")


def test_one_of_a_newer_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE part SET version = 2")
    with pytest.raises(NewerRepository, match="tables have version 2, and this one knows 1"):
        Record(path)


def test_tables_of_other_parts_stay(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ship (name TEXT)")
        database.execute("INSERT INTO part VALUES ('fleet', 7)")
    with Record(path) as record:
        record.add_release(RELEASES[0])
        assert record.check_integrity() == []


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        Record(tmp_path / "repo.db")
    assert not (tmp_path / "repo.db").exists()
