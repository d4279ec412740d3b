"""What was written to in the running release, found by a look at all files and a hash of few [A-125]."""

import os
import shutil
from pathlib import Path

import pytest

from apply.rebuild import drift
from apply.rebuild.drift import Drift, find_drift
from apply.record.state import SiteState
from tests.support.sites.site import Ship, shore


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0", "1.0.1")


def found(ship: Ship) -> Drift:
    return find_drift(ship.site, ship.state)


def test_nothing(ship: Ship) -> None:
    assert found(ship) == Drift() and str(found(ship)) == ""
    assert find_drift(ship.site, SiteState()) == Drift()


def test_what_was_changed_replaced_and_removed(ship: Ship) -> None:
    tree = ship.site.tree("1.0.1")
    with (tree / "app/main.py").open("r+b") as file:
        file.write(b"P")  # of the same size
    (tree / "docs/guide.txt").unlink()
    shutil.rmtree(tree / "spool")
    assert found(ship).paths == ("app/main.py", "docs/guide.txt", "spool")
    assert str(found(ship)) == "3 files are not what was installed: app/main.py, docs/guide.txt, spool"


@pytest.mark.skipif(os.name == "nt", reason="Windows tells when a file was made, and not when it was put there")
def test_one_put_there_with_its_old_time(ship: Ship, tmp_path: Path) -> None:
    (tmp_path / "older").write_text("x")
    os.utime(tmp_path / "older", (1, 1))
    (tmp_path / "older").rename(ship.site.tree("1.0.1") / "VERSION")
    assert found(ship).paths == ("VERSION",)


def test_what_was_touched_and_is_the_same(ship: Ship) -> None:
    for path in ship.site.tree("1.0.1").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes())
    assert found(ship) == Drift()


def test_another_version_does_not_count_nor_what_is_beside(ship: Ship) -> None:
    ship.spoil("1.0.0", "docs/guide.txt")
    (ship.site.tree("1.0.1") / "cache").write_text("new")
    assert found(ship) == Drift()


def test_what_was_written_to_is_hashed_up_to_a_bound_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a tree that unrep made, and nobody has copied since."""
    monkeypatch.setattr(drift, "MAX_HASHED_BYTES", 3_001)
    ship = Ship(tmp_path)
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    assert str(found(ship)) == ""
    for path in ("app/library.bin", "docs/guide.txt"):
        with (ship.site.tree("1.0.0") / path).open("r+b") as file:
            file.write(b"!")
    assert found(ship) == Drift(("docs/guide.txt",), unchecked=1)


def test_many_are_counted_and_the_first_named() -> None:
    many = Drift(tuple(f"{n}.log" for n in range(1, 2001)), unchecked=3)
    assert str(many) == (
        "2,000 files are not what was installed: 1.log, 2.log, 3.log, 4.log, 5.log and 1,995 more; "
        "files written to and not hashed: 3"
    )
    assert str(Drift(("a",))) == "1 file is not what was installed: a"


@pytest.mark.parametrize("what", ["tree", "manifest", "contents of the manifest"])
def test_a_release_that_cannot_be_looked_at(ship: Ship, what: str) -> None:
    assert ship.state.current
    manifest = ship.site.manifest_file(ship.state.current.tree)
    if what == "tree":
        shutil.rmtree(ship.site.tree("1.0.1"))
    elif what == "manifest":
        manifest.unlink()
    else:
        manifest.write_bytes(b"no manifest")
    assert "damaged" in found(ship).why if "contents" in what else found(ship).why.endswith("are gone")
