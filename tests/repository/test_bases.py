"""[P-10] Which changes to a release are those of running it."""

from pathlib import Path

import pytest

from bundle.errors import InputError
from repository.errors import ReleaseRefused
from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore, content


@pytest.fixture(scope="module")
def ashore(tmp_path_factory: pytest.TempPathFactory) -> Ashore:
    made = Ashore(tmp_path_factory.mktemp("shore"))
    made.release(0)
    return made


@pytest.mark.parametrize(
    "added",
    ["app/__pycache__/x.pyc", "x.pyc", "logs/vms.log", "vms.sqlite3", "db.sqlite3-wal", "vms.pid", ".venv/bin/python"],
)
def test_what_programs_write(ashore: Ashore, added: str) -> None:
    with pytest.raises(ReleaseRefused, match=r"is 1\.0\.0 changed by running it"):
        ashore.release(1, base_from=[write_tree(ashore.root / "run", content(0) | {added: b"x"})], dry_run=True)


def test_a_long_list_is_cut(ashore: Ashore) -> None:
    many = {f"logs/{number}.log": b"x" for number in range(9)}
    with pytest.raises(ReleaseRefused, match=r"\(logs/0.log, logs/1.log, logs/2.log and 6 more\)"):
        ashore.release(1, base_from=[write_tree(ashore.root / "run", content(0) | many)], dry_run=True)


@pytest.mark.parametrize("changed", [{"app/main.txt": b"patched by hand"}, {"app/added.txt": b"x"}])
def test_what_a_person_changed_may_be_aboard(ashore: Ashore, changed: dict[str, bytes]) -> None:
    directory = write_tree(ashore.root / "run", content(0) | changed)
    assert len(ashore.release(1, base_from=[directory], dry_run=True).costs) == 3


def test_the_release_itself_is_no_base(ashore: Ashore) -> None:
    with pytest.raises(ReleaseRefused, match="the same release as the new one"):
        ashore.release(1, base_from=[ashore.source(1)], dry_run=True)


def test_a_directory_that_is_not_there_is_named(ashore: Ashore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: cannot be read"):
        ashore.release(1, base_from=[tmp_path / "nowhere"], dry_run=True)
