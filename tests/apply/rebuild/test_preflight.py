"""What is checked before anything changes: the place, the room, the files of the base. spec/apply.md, section 3."""

import os
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from apply.errors import BaseDrifted, DiskFull, SiteInvalid
from apply.rebuild.preflight import check_base, check_place, check_platform, check_room
from apply.rebuild.room import MARGIN_BYTES
from apply.record.release import Release
from apply.record.state import SiteState
from apply.site.layout import Site
from bundle.archives.engines import present_features
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from tests.support.sites.site import QUIET, Ship, shore

RELEASE = Release(version="1.0.1", seq=2, tree="ab", platform="any", bundle="cd")


def manifest(*sizes: int) -> TreeManifest:
    entries = [
        Entry(f"file{n}", Kind.FILE, size, sha256(bytes([n]) if size else b"").digest()) for n, size in enumerate(sizes)
    ]
    return TreeManifest.of(entries, "any")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB and few inodes."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,nr_inodes=40", "tmpfs", str(place)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    yield place
    subprocess.run(["umount", place], check=True)


class TestRoom:
    """[A-15]"""

    def test_what_does_not_fit_is_refused_with_both_figures(self, small: Path) -> None:
        check_room(Site.at(small), manifest(3 << 20))
        with pytest.raises(DiskFull, match=r"small: the new version needs 26,214,400 bytes, and 25,165,824 are free"):
            check_room(Site.at(small), manifest(9 << 20))
        assert MARGIN_BYTES == 16 << 20

    def test_too_many_files(self, small: Path) -> None:
        check_room(Site.at(small), manifest(*[1] * 30))
        with pytest.raises(DiskFull, match="room for 39 more files only"):
            check_room(Site.at(small), manifest(*[1] * 50))


class TestPlace:
    """[A-14]"""

    def test_nothing_is_in_the_way(self, tmp_path: Path) -> None:
        check_place(Site.at(tmp_path), SiteState(), RELEASE)
        Site.at(tmp_path).make_directories()
        check_place(Site.at(tmp_path), SiteState(), RELEASE)

    def test_what_is_unreps_own_is_not_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "versions" / "1.0.1").mkdir(parents=True)
        check_place(Site.at(tmp_path), SiteState(releases=(RELEASE,)), RELEASE)

    @pytest.mark.parametrize("name", ["1.0.1-RC", "1.0.1-rc"])
    @pytest.mark.parametrize("kind", ["directory", "file"])
    def test_what_is_not_is_named(self, tmp_path: Path, name: str, kind: str) -> None:
        site = Site.at(tmp_path)
        site.make_directories()
        stranger = site.versions / name
        if kind == "file":
            stranger.touch()
        else:
            stranger.mkdir()
        wanted = Release(version="1.0.1-rc", seq=2, tree="ab", platform="any", bundle="cd")
        with pytest.raises(SiteInvalid, match=f"{name}: is in the way of version 1.0.1-rc"):
            check_place(site, SiteState(releases=(RELEASE,)), wanted)

    def test_versions_and_the_record_lie_on_one_file_system(self, small: Path, tmp_path: Path) -> None:
        site = Site.at(tmp_path)
        site.make_directories()
        site.versions.rmdir()
        site.versions.symlink_to(small)
        with pytest.raises(SiteInvalid, match="versions: lies on another file system"):
            check_place(site, SiteState(), RELEASE)


class TestPlatform:
    def test_a_release_for_any_platform_or_this_one(self) -> None:
        check_platform(RELEASE)
        if os.name != "nt":
            check_platform(Release(version="1", seq=1, tree="ab", platform="posix", bundle="cd"))


class TestBase:
    """[A-13]: before the first recipe, every file that recipes read; the others are hashed while they are copied."""

    @pytest.fixture
    def ship(self, tmp_path: Path) -> Ship:
        return Ship.sailing(tmp_path, "1.0.0")

    @staticmethod
    def check(ship: Ship) -> None:
        base = DirectoryBase(ship.site.tree("1.0.0"), scan(shore().release("1.0.0")))
        with open_bundle(shore().bundle("1.0.1", 2, "1.0.0"), shore().trust) as bundle:
            section = bundle.open_section(bundle.root.sections[0])
            check_base(base, open_evaluation(section, base, present_features()), QUIET)

    def test_all_is_well(self, ship: Ship) -> None:
        self.check(ship)

    def test_a_file_that_a_recipe_reads(self, ship: Ship) -> None:
        ship.spoil("1.0.0", "app/library.bin")
        with pytest.raises(BaseDrifted, match=r"library\.bin: has changed"):
            self.check(ship)

    def test_a_file_that_no_recipe_reads_is_left_to_the_copy(self, ship: Ship) -> None:
        ship.spoil("1.0.0", "docs/guide.txt")
        self.check(ship)
