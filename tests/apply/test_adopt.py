"""A release that stands somewhere already: verified, copied, switched to like any other. spec/apply.md, section 10."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from apply.adopt import NotTheRelease, adopt
from apply.audit.run import Report
from apply.errors import Degraded, DiskFull, Held, NotReady, SiteInvalid, Unguarded
from apply.hold import set_hold
from apply.record.state import Replay, WrongProduct
from bundle.errors import InputError, Untrusted
from bundle.read.reader import open_bundle
from bundle.trust.signing import write_key_pair
from bundle.trust.trust import load_trust
from tests.support.faults.killed_run import Action, kill, moments
from tests.support.sites.site import Ship, on_a_small_disk, shore

SEED = 16
KILLS = 10
posix = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and /proc, or modes")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship(tmp_path)


@pytest.fixture
def standing(tmp_path: Path) -> Path:
    """Release 1.0.0 as somebody installed it by hand."""
    return Path(shutil.copytree(shore().release("1.0.0"), tmp_path / "by hand"))


def full() -> Path:
    return shore().bundle("1.0.0", 1)


def delta() -> Path:
    """To 1.0.0, from a release that no site has here."""
    return shore().bundle("1.0.0", 1, "1.0.1")


def header_of(bundle: Path, directory: Path) -> Path:
    """The first bytes of a bundle, as a range of them that was fetched."""
    with open_bundle(bundle, shore().trust) as opened:
        size = opened.verified.header_bytes
    cut = directory / "header.unrep"
    cut.write_bytes(bundle.read_bytes()[: size + 10])
    return cut


def adopted(ship: Ship, directory: Path, bundle: Path) -> Report:
    return adopt(directory, bundle, ship.root, shore().trust, ship.config)


def seen(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["full", "delta", "header"])
def test_it_serves_from_the_site_and_is_left_where_it_was(
    what: str, ship: Ship, standing: Path, tmp_path: Path
) -> None:
    """[A-180], [A-181]"""
    before = seen(standing)
    bundle = {"full": full(), "delta": delta(), "header": header_of(full(), tmp_path)}[what]
    report = adopted(ship, standing, bundle)
    assert (report.outcome, report.to_version) == ("applied", "1.0.0") and str(standing) in report.reason
    ship.check_sound()
    assert seen(standing) == before and ship.state.product == "vms"
    assert ship.calls == ["prepare 1.0.0 current=nothing", "restart 1.0.0 current=1.0.0", "health 1.0.0 current=1.0.0"]
    assert [run["command"] for run in ship.runs] == ["adopt"] and len(list(ship.site.outbox.iterdir())) == 1


def test_the_second_time_nothing_happens(ship: Ship, standing: Path) -> None:
    """[A-180]"""
    adopted(ship, standing, full())
    assert ship.calls
    assert adopted(ship, standing, full()).outcome == "already-current" and ship.calls == []
    ship.check_sound()


def test_updates_lead_on_from_there(ship: Ship, standing: Path) -> None:
    adopted(ship, standing, full())
    assert ship.apply(shore().bundle("1.0.1", 2, "1.0.0")).outcome == "applied"
    assert ship.roll_back().to_version == "1.0.0"
    ship.check_sound()


def test_files_that_differ_are_named_and_nothing_is_changed(ship: Ship, standing: Path) -> None:
    """[A-182]"""
    (standing / "VERSION").write_text("1.0.O")
    (standing / "docs/guide.txt").unlink()
    with pytest.raises(NotTheRelease, match=r"2 of \d+ files differ or are missing: VERSION, docs/guide\.txt; put"):
        adopted(ship, standing, full())
    assert ship.current == "" and not list(ship.site.versions.iterdir()) and ship.leftovers() == []
    assert ship.calls == [] and ship.runs[-1]["outcome"] == "refused"


def test_many_are_counted(ship: Ship, standing: Path) -> None:
    for path in (*standing.rglob("*.txt"), standing / "VERSION"):
        path.write_text("other")
    with pytest.raises(NotTheRelease, match="and 1 more; put"):
        adopted(ship, standing, full())


def test_what_lies_beside_the_release_is_left_behind(ship: Ship, standing: Path) -> None:
    """[A-1], [A-182]: with a list of the files; else nothing but caches of Python may lie there [A-181]."""
    (standing / "app/__pycache__").mkdir()
    (standing / "app/__pycache__/main.pyc").write_bytes(b"compiled")
    other = Ship(ship.root.parent / "other")
    assert adopted(other, standing, delta()).outcome == "applied", "the header is enough"
    (standing / "app.log").write_text("lines")
    with pytest.raises(NotTheRelease, match=r"is not vms 1\.0\.0, or holds more; which files differ the header"):
        adopted(ship, standing, delta())
    assert adopted(ship, standing, full()).outcome == "applied"
    assert not (ship.site.tree("1.0.0") / "app.log").exists()
    ship.check_sound()


@posix
def test_modes_count_as_in_an_update(ship: Ship, standing: Path) -> None:
    """[A-182]: they are set anew."""
    (standing / "bin/start").chmod(0o600)
    (standing / "VERSION").chmod(0o777)
    assert adopted(ship, standing, full()).outcome == "applied"
    tree = ship.site.tree("1.0.0")
    assert (tree / "bin/start").stat().st_mode & 0o777 == 0o755 and (tree / "VERSION").stat().st_mode & 0o777 == 0o644


@posix
def test_a_link_in_place_of_a_file_is_no_file(ship: Ship, standing: Path) -> None:
    (standing / "VERSION").rename(standing.parent / "elsewhere")
    (standing / "VERSION").symlink_to(standing.parent / "elsewhere")
    with pytest.raises(NotTheRelease, match="VERSION"):
        adopted(ship, standing, full())


def test_it_must_become_healthy(ship: Ship, standing: Path) -> None:
    ship.order("fail-health")
    with pytest.raises(Degraded, match="there is no earlier version"):
        adopted(ship, standing, full())
    ship.relieve("fail-health")
    assert ship.recover().outcome == "applied"
    ship.check_sound()


class TestInItsVeryPlace:
    """[A-183]"""

    def test_where_the_record_was_lost(self, tmp_path: Path) -> None:
        ship = Ship.sailing(tmp_path, "1.0.0")
        shutil.rmtree(ship.site.private)
        with pytest.raises(SiteInvalid, match="unrep did not install"):
            ship.apply(full())
        report = adopted(ship, ship.site.tree("1.0.0"), full())
        assert report.outcome == "already-current" and "was taken as it stands" in report.reason
        assert ship.calls == [] and ship.state.product == "vms"
        ship.check_sound()
        assert ship.apply(shore().bundle("1.0.1", 2, "1.0.0")).outcome == "applied"

    def test_where_nothing_points_to_it(self, ship: Ship) -> None:
        place = ship.root / "versions" / "1.0.0"
        shutil.copytree(shore().release("1.0.0"), place)
        inode = (place / "VERSION").stat().st_ino
        assert adopted(ship, place, full()).outcome == "applied"
        assert (place / "VERSION").stat().st_ino == inode and "restart 1.0.0 current=1.0.0" in ship.calls
        ship.check_sound()

    def test_a_damaged_one_is_left_alone(self, ship: Ship) -> None:
        place = ship.root / "versions" / "1.0.0"
        shutil.copytree(shore().release("1.0.0"), place)
        (place / "VERSION").write_text("1.0.O")
        with pytest.raises(NotTheRelease, match="VERSION"):
            adopted(ship, place, full())
        assert place.is_dir() and ship.state.releases == ()

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs another account")
    def test_root_takes_nothing_that_others_may_change(self, ship: Ship) -> None:
        """[A-103]"""
        place = ship.root / "versions" / "1.0.0"
        shutil.copytree(shore().release("1.0.0"), place)
        os.chown(place / "VERSION", 65534, 65534)
        with pytest.raises(Unguarded, match="VERSION"):
            adopted(ship, place, full())


def test_what_may_not_come_in_is_refused_as_ever(ship: Ship, standing: Path, tmp_path: Path) -> None:
    """[A-11], [A-64], [A-91], [A-140]"""
    write_key_pair(tmp_path / "stranger")
    with pytest.raises(Untrusted):
        adopt(standing, full(), ship.root, load_trust(tmp_path / "stranger.pub"), ship.config)
    with pytest.raises(WrongProduct):
        adopt(standing, full(), ship.root, shore().trust, ship.config, product="other")
    later = Ship.sailing(tmp_path / "later", "1.0.1", "1.0.2")
    with pytest.raises(Replay):
        adopted(later, standing, full())
    set_hold(ship.site, "")
    with pytest.raises(Held):
        adopted(ship, standing, full())
    ship.site.hold_file.unlink()
    ship.write_config('[switch]\nrestart = ["nosuchcommand"]\n')
    with pytest.raises(NotReady):
        adopted(ship, standing, full())
    assert ship.state.releases == () and ship.current == ""


def test_directories_that_cannot_be_meant(ship: Ship, standing: Path) -> None:
    ship.site.make_directories()
    for directory, said in (
        (standing / "nothing", "no such directory"),
        (standing / "VERSION", "no such directory"),
        (ship.root, "holds the site"),
        (ship.root.parent, "holds the site"),
        (ship.site.staging, "is unrep's own"),
    ):
        with pytest.raises(InputError, match=said):
            adopted(ship, directory, full())
    with pytest.raises(NotTheRelease):
        adopted(ship, shore().release("1.0.1"), full())


def test_a_disk_without_room(tmp_path: Path, standing: Path) -> None:
    """[A-15], [A-17]"""
    with on_a_small_disk(tmp_path, "1.0.1") as ship:
        bundle = shore().bundle("1.0.0", 2)
        filler = ship.root / "filler"
        filler.write_bytes(bytes(20 * 1024 * 1024))
        with pytest.raises(DiskFull, match="are free; free some"):
            adopted(ship, standing, bundle)
        assert [path.name for path in ship.site.versions.iterdir()] == ["1.0.1"]
        filler.unlink()
        assert adopted(ship, standing, bundle).outcome == "applied"


@posix
def test_killed_anywhere_and_repeated(tmp_path: Path, standing: Path) -> None:
    """[A-180], [A-20]: a real SIGKILL at lines drawn with a seed."""
    action = Action.adopting(standing, full())
    found = moments(Ship(tmp_path / "whole"), action)
    print(f"seed {SEED}")
    for number, moment in enumerate(Random(SEED).sample(sorted(found), KILLS)):
        ship = Ship(tmp_path / str(number))
        kill(ship, action, moment)
        assert ship.current in ("", "1.0.0"), found[moment]
        assert adopted(ship, standing, full()).outcome in ("applied", "already-current"), found[moment]
        ship.check_sound()
        assert ship.leftovers() == [], found[moment]
