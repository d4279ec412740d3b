"""A version that is installed: which ones a site holds, and whether their files are still right."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from apply.errors import BaseDrifted, SiteInvalid, StorageFailed
from apply.rebuild.installed import held_trees, open_installed, verify_places, verify_tree
from bundle.errors import InputError
from bundle.format.manifest import TreeManifest
from bundle.read.tree import DirectoryBase, scan
from tests.support.sites.site import Ship, shore, spelled

posix = pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0", "1.0.1")


def opened(ship: Ship, version: str = "1.0.1") -> DirectoryBase:
    release = ship.state.find(version)
    assert release
    return open_installed(ship.site, release)


class TestWhatASiteHolds:
    def test_nothing_yet(self, tmp_path: Path) -> None:
        assert held_trees(tmp_path) == ([], True)
        assert list(tmp_path.iterdir()) == []

    def test_the_current_release_first(self, ship: Ship) -> None:
        trees = [bytes.fromhex(shore().tree(name)) for name in ("1.0.1", "1.0.0")]
        assert held_trees(ship.root) == (trees, False)
        ship.roll_back()
        assert held_trees(ship.root) == (trees[::-1], False)

    @pytest.mark.parametrize("lost", ["tree", "manifest"])
    def test_not_what_has_lost_its_tree_or_manifest(self, ship: Ship, lost: str) -> None:
        if lost == "tree":
            shutil.rmtree(ship.site.tree("1.0.1"))
        else:
            ship.site.manifest_file(shore().tree("1.0.1")).unlink()
        assert held_trees(ship.root) == ([bytes.fromhex(shore().tree("1.0.0"))], False)

    def test_no_site(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such directory"):
            held_trees(tmp_path / "nowhere")


class TestItsManifest:
    def test_it_is_the_verified_one(self, ship: Ship) -> None:
        assert opened(ship).manifest == scan(shore().release("1.0.1"))

    def test_a_damaged_one_is_named(self, ship: Ship) -> None:
        path = ship.site.manifest_file(shore().tree("1.0.1"))
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(SiteInvalid, match=rf"{path.name}: damaged, so version 1\.0\.1"):
            opened(ship)

    def test_a_missing_one_is_named(self, ship: Ship) -> None:
        path = ship.site.manifest_file(shore().tree("1.0.1"))
        path.unlink()
        with pytest.raises(StorageFailed, match=path.name):
            opened(ship)


class TestItsFiles:
    """[A-13] and, for files beside the release's own, [A-1]."""

    def test_all_are_right(self, ship: Ship) -> None:
        verify_tree(opened(ship))

    def test_what_the_application_adds_does_not_count(self, ship: Ship) -> None:
        (ship.site.tree("1.0.1") / "app" / "__pycache__").mkdir()
        (ship.site.tree("1.0.1") / "app" / "__pycache__" / "main.pyc").write_text("x")
        verify_tree(opened(ship))

    @pytest.mark.parametrize("path", ["app/library.bin", "docs/guide.txt", "VERSION"])
    def test_one_byte_has_changed(self, ship: Ship, path: str) -> None:
        ship.spoil("1.0.1", path)
        with pytest.raises(
            BaseDrifted, match=rf"{spelled(f'1.0.1/{path}')}: has changed since it was installed; put the original"
        ):
            verify_tree(opened(ship))

    @pytest.mark.parametrize(
        ("path", "content", "words"),
        [
            ("app/library.bin", b"short", "has 5 bytes instead of 40000"),
            ("docs/empty.txt", b"not any more", "has 12 bytes instead of 0"),
            ("docs/guide.txt", None, "cannot be read"),
            ("spool", None, "has gone"),
        ],
    )
    def test_it_has_another_size_or_is_missing(self, ship: Ship, path: str, content: bytes | None, words: str) -> None:
        place = ship.site.tree("1.0.1") / path
        if content is not None:
            place.write_bytes(content)
        elif place.is_dir():
            place.rmdir()
        else:
            place.unlink()
        with pytest.raises(BaseDrifted, match=f"{spelled(path)}: {words}"):
            verify_tree(opened(ship))

    @posix
    def test_a_link_with_the_same_content_is_not_the_file(self, ship: Ship) -> None:
        place = ship.site.tree("1.0.1") / "docs/guide.txt"
        place.rename(ship.root / "elsewhere")
        place.symlink_to(ship.root / "elsewhere")
        with pytest.raises(BaseDrifted, match=r"guide\.txt: has become something else"):
            verify_tree(opened(ship))

    @posix
    def test_a_symbolic_link_that_points_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("here")
        tree = DirectoryBase(tmp_path, scan(tmp_path, "posix"))
        verify_tree(tree)
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("away")
        with pytest.raises(BaseDrifted, match="link: has changed"):
            verify_tree(tree)

    @posix
    def test_a_symbolic_link_of_another_size_than_the_manifest_says(self, tmp_path: Path) -> None:
        """[F-63]: as of a file."""
        (tmp_path / "link").symlink_to("here")
        (entry,) = scan(tmp_path, "posix").entries
        tree = DirectoryBase(tmp_path, TreeManifest.of([replace(entry, size=5)], "posix"))
        with pytest.raises(BaseDrifted, match="link: has changed"):
            verify_tree(tree)

    def test_only_the_places_that_are_asked_for(self, ship: Ship) -> None:
        ship.spoil("1.0.1", "app/library.bin")
        tree = opened(ship)
        place = next(n for n, entry in enumerate(tree.manifest.entries, 1) if entry.path == "app/library.bin")
        verify_places(tree, set(range(1, len(tree.manifest.entries) + 1)) - {place})
        with pytest.raises(BaseDrifted):
            verify_places(tree, [place])
