"""`retention.share` [A-126]: unchanged files are there once, read-only, and no damage spreads in silence."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import pytest

from apply.errors import BaseDrifted, DiskFull
from apply.rebuild.installed import damaged_places, open_installed
from apply.rebuild.room import look_for_savings
from apply.site.config import RetentionConfig, SiteConfig
from apply.update import update
from bundle.host.directories import Directory
from bundle.read.tree import DirectoryBase, scan
from tests.support.contents.releases import TRUST, build_from
from tests.support.sites.mounted import mounted
from tests.support.sites.site import Ship, shore

STAYS, CHANGES, RUNS = "docs/guide.txt", "app/library.bin", "bin/start"


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    ship = Ship(tmp_path)
    ship.configure(extra="[retention]\nshare = true\n")
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    return ship


def same(ship: Ship, path: str, *versions: str) -> bool:
    first, *others = (ship.site.tree(version) / path for version in versions)
    return all(first.samefile(other) for other in others)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_stays_is_there_once_and_the_rest_is_its_own(ship: Ship) -> None:
    assert same(ship, STAYS, "1.0.0", "1.0.1") and same(ship, RUNS, "1.0.0", "1.0.1")
    assert not same(ship, CHANGES, "1.0.0", "1.0.1")
    tree = ship.site.tree("1.0.1")
    if os.name == "posix":
        assert rights(tree / STAYS) == 0o444 and rights(tree / CHANGES) == 0o644
        assert not rights(tree / RUNS) & 0o222
    assert scan(tree) == scan(shore().release("1.0.1"))
    assert scan(ship.site.tree("1.0.0")) == scan(shore().release("1.0.0"))


def test_off_by_default(tmp_path: Path) -> None:
    ship = Ship(tmp_path)
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert not same(ship, STAYS, "1.0.0", "1.0.1")


def test_one_that_somebody_edited_is_found_before_a_rollback_and_before_an_update(ship: Ship) -> None:
    """Drift in one is drift in both: neither serves as what it was, until its bytes came anew."""
    (ship.site.tree("1.0.1") / STAYS).chmod(0o644)
    (ship.site.tree("1.0.1") / STAYS).write_text("edited in place")
    with pytest.raises(BaseDrifted, match=r"1\.0\.0.*guide\.txt: has"):
        ship.roll_back()
    assert ship.current == "1.0.1"
    report = ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))  # it stands under another name as well
    assert report.outcome == "applied" and "guide.txt: has" in report.reason
    assert scan(ship.site.tree("1.0.2")) == scan(shore().release("1.0.2"))
    assert not same(ship, STAYS, "1.0.1", "1.0.2")
    with pytest.raises(BaseDrifted, match=r"guide\.txt: has"):
        ship.roll_back()


def test_removal_of_a_version_leaves_the_files_of_the_others(ship: Ship) -> None:
    ship.configure(extra="[retention]\nshare = true\nkeep = 0\n")
    ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert not ship.site.tree("1.0.0").exists() and same(ship, STAYS, "1.0.1", "1.0.2")
    assert ship.state.current and not damaged_places(open_installed(ship.site, ship.state.current))


def test_a_file_system_without_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    ship = Ship(tmp_path)
    ship.configure(extra="[retention]\nshare = true\n")
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert not same(ship, STAYS, "1.0.0", "1.0.1") and ship.current == "1.0.1"


@pytest.mark.skipif(os.name == "nt", reason="owners of POSIX")
def test_a_file_of_another_account_is_copied(tmp_path: Path) -> None:
    """Its owner could write to it at any time."""
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    ship = Ship(tmp_path)
    ship.configure(extra="[retention]\nshare = true\n")
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    os.chown(ship.site.tree("1.0.0") / STAYS, 1234, 1234)
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert not same(ship, STAYS, "1.0.0", "1.0.1") and same(ship, RUNS, "1.0.0", "1.0.1")


def test_a_source_of_compiled_python_has_its_own_time_in_each_version(tmp_path: Path) -> None:
    """[A-122]: the time of a file with two names would be one."""
    for number in (1, 2):
        release = tmp_path / f"{number}"
        release.mkdir()
        (release / "module.py").write_text("value = 1\n")
        (release / "data").write_text("stays")
        os.utime(release / "module.py", (1_600_000_000 + number, 1_600_000_000 + number))
        compile(str(release / "module.py"), invalidation_mode=PycInvalidationMode.TIMESTAMP)
    build_from(tmp_path / "1", [], tmp_path / "1.unrep", version="1", seq=1)
    build_from(tmp_path / "2", [tmp_path / "1"], tmp_path / "2.unrep", version="2", seq=2)
    site, config = tmp_path / "site", SiteConfig(retention=RetentionConfig(share=True))
    site.mkdir()
    for number in (1, 2):
        update(tmp_path / f"{number}.unrep", site, TRUST, config)
    trees = [site / "versions" / "1", site / "versions" / "2"]
    assert [int((tree / "module.py").stat().st_mtime) for tree in trees] == [1_600_000_001, 1_600_000_002]
    assert (trees[0] / "data").samefile(trees[1] / "data")


def test_a_disk_that_holds_no_second_copy(tmp_path: Path) -> None:
    """An ext4 of 320 MiB, releases of 160 MB: without links it is refused before anything is written."""
    old, new = tmp_path / "old", tmp_path / "new"
    for release in (old, new):
        release.mkdir()
        (release / "large").write_bytes(b"".join(bytes([n % 251]) * 4096 for n in range(40_000)))
        (release / "small").write_text(release.name)
    build_from(old, [], tmp_path / "1.unrep", version="1", seq=1)
    build_from(new, [old], tmp_path / "2.unrep", version="2", seq=2)
    with mounted(tmp_path, "mkfs.ext4", "-q", "-F") as place:
        site = place / "site"
        site.mkdir()
        update(tmp_path / "1.unrep", site, TRUST, SiteConfig())
        before = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        with pytest.raises(DiskFull, match="the new version needs"):
            update(tmp_path / "2.unrep", site, TRUST, SiteConfig())
        update(tmp_path / "2.unrep", site, TRUST, SiteConfig(retention=RetentionConfig(share=True)))
        assert (site / "versions" / "1" / "large").samefile(site / "versions" / "2" / "large")
        assert before - os.statvfs(place).f_bavail * os.statvfs(place).f_frsize < 1 << 20


def test_the_trial_of_a_link_leaves_nothing(tmp_path: Path) -> None:
    base, scratch = tmp_path / "base", tmp_path / "scratch"
    base.mkdir()
    scratch.mkdir()
    (base / "a").write_text("a")
    assert look_for_savings(DirectoryBase(base, scan(base)), tmp_path, scratch).shares
    assert not list(scratch.iterdir()) and (base / "a").stat().st_nlink == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody swap a file that is open")
def test_a_file_swapped_while_it_is_linked(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linked by name, hashed by descriptor: what was linked must be what is hashed."""
    real: Callable[..., bool] = Directory.link_again

    def swapped(within: Directory, name: str, into: Directory, new_name: str) -> bool:
        path = within.path / name
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        return real(within, name, into, new_name)

    monkeypatch.setattr(Directory, "link_again", swapped)
    ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert scan(ship.site.tree("1.0.2")) == scan(shore().release("1.0.2"))
    assert not same(ship, STAYS, "1.0.1", "1.0.2")
