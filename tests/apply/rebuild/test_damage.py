"""Damaged files of the running release: found, reported to shore, repaired. apply.rebuild.damage and apply.update."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apply.errors import BaseDrifted, PreflightRefused
from apply.rebuild.damage import examine
from apply.rebuild.installed import left_trees
from bundle.errors import NoSection
from bundle.format.repair_request import left_by, read_repair_request
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.signing import load_private_key
from bundle.write.builder import BuildRequest, build
from tests.support.sites.site import QUIET, Ship, shore

SOURCE, KEPT = "app/library.bin", "bin/start"  # a recipe reads the one; the other stays as it is


def repair(ship: Ship, out: Path) -> Path:
    """What shore answers the ship's repair request with."""
    base = DirectoryBase(shore().release("1.0.0"), scan(shore().release("1.0.0")))
    left = left_by(read_repair_request(examine(ship.root).repair_request(), "need"), base.manifest, "need")
    key = load_private_key(shore().directory / "sender.key")
    new, bases = shore().release("1.0.1"), [DirectoryBase(base.directory, left)]
    request = BuildRequest(new=new, product="vms", version="1.0.1", seq=2, out=out, bases=bases)
    with ThreadPoolExecutor(1) as pool:
        build(request, key, pool, QUIET)
    return out


@pytest.mark.parametrize("paths", [[SOURCE], [KEPT], [SOURCE, KEPT, "VERSION", "docs/page.txt"]])
def test_a_repair_serves_the_ship_that_asked(tmp_path: Path, paths: list[str]) -> None:
    """[A-40], [F-61]: one list there, one bundle back, which holds what was lost and nothing else."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    for path in paths:
        ship.spoil("1.0.0", path)
    assert examine(ship.root).paths == sorted(paths)
    with pytest.raises(BaseDrifted, match="'unrep repair-request' tell shore"):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    answer = repair(ship, tmp_path / "repair.unrep")
    assert ship.rehearse(answer).outcome == "would-apply"
    assert ship.apply(answer).outcome == "applied"
    assert ship.current == "1.0.1" and not examine(ship.root).places


def test_a_repair_serves_no_other_damage(tmp_path: Path) -> None:
    """[A-40]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    spoilt = ship.spoil("1.0.0", SOURCE)
    answer = repair(ship, tmp_path / "repair.unrep")
    ship.spoil("1.0.0", KEPT)
    with pytest.raises(NoSection):
        ship.apply(answer)
    spoilt.write_bytes((shore().release("1.0.0") / SOURCE).read_bytes())
    with pytest.raises(NoSection):
        ship.apply(answer)


def test_lost_files_and_directories_are_damage_too(tmp_path: Path) -> None:
    """[A-40]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    tree = ship.site.tree("1.0.0")
    (tree / KEPT).unlink()
    (tree / "spool").rmdir()
    (tree / "extra.txt").write_text("nobody's")
    damage = examine(ship.root)
    assert damage.paths == [KEPT, "spool"]
    left = left_by(read_repair_request(damage.repair_request(), "n"), damage.manifest, "n")
    assert left_trees(ship.root) == [left.tree_hash]


@pytest.mark.parametrize("path", [SOURCE, KEPT])
def test_the_full_release_in_the_same_file_serves_without_asking(tmp_path: Path, path: str) -> None:
    """[A-41]: those bytes are aboard already."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.spoil("1.0.0", path)
    both = shore().bundle("1.0.1", 2, "1.0.0", full=True)
    rehearsed = ship.rehearse(both)
    assert "from the full release, because of this" in rehearsed.reason and str(Path(path)) in rehearsed.reason
    report = ship.apply(both)
    assert report.outcome == "applied" and f"{Path(path)}: has changed" in report.reason
    assert ship.current == "1.0.1" and not examine(ship.root).places and not ship.leftovers()


def test_there_must_be_something_installed(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    with pytest.raises(PreflightRefused, match="nothing is installed here"):
        examine(ship.root)
