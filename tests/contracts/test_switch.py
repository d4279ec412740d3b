"""The contract of apply.current.contract.Switch, kept by each of its implementations.

posix: symlinks. pointer: a file that names the version. fake kernel: junctions on a Windows kernel in memory. ntfs:
junctions in a real NTFS, by ntfs-3g.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from apply.current.contract import Switch
from apply.current.junction import JunctionSwitch, reparse_buffer
from apply.current.kernel32 import Kernel32
from apply.current.pointer_file import PointerSwitch
from apply.current.symlink import PosixSwitch
from apply.errors import SiteInvalid, SwitchFailed
from apply.site.layout import TEMPORARY
from tests.support.machines.wine_junctions import UNDER_WINE
from tests.support.sites import ntfs_image
from tests.support.sites.fake_kernel import FakeKernel
from tests.support.sites.ntfs_image import NtfsKernel


class World(Protocol):
    """A site whose switch is under test, and the hands to put things into it."""

    site: Path
    elsewhere: Path

    def switch(self) -> Switch: ...
    def make_version(self, name: str) -> Path: ...
    def remove(self, version: Path) -> None: ...
    def plant_directory(self, name: str) -> None: ...
    def plant_file(self, name: str) -> None: ...
    def plant_link(self, name: str, target: Path) -> None: ...
    def names(self) -> set[str]: ...


class PosixWorld:
    def __init__(self, root: Path) -> None:
        self.site = root / "site"
        self.elsewhere = root / "elsewhere"
        self.elsewhere.mkdir()
        (self.site / "versions").mkdir(parents=True)

    def switch(self) -> Switch:
        return PosixSwitch(self.site)

    def make_version(self, name: str) -> Path:
        version = self.site / "versions" / name
        version.mkdir()
        return version

    def remove(self, version: Path) -> None:
        version.rmdir()

    def plant_directory(self, name: str) -> None:
        (self.site / name).mkdir()

    def plant_file(self, name: str) -> None:
        (self.site / name).write_text("precious")

    def plant_link(self, name: str, target: Path) -> None:
        (self.site / name).symlink_to(target)

    def names(self) -> set[str]:
        return {entry.name for entry in self.site.iterdir()}


class PointerWorld(PosixWorld):
    def switch(self) -> Switch:
        return PointerSwitch(self.site)

    def plant_link(self, name: str, target: Path) -> None:
        if "versions" in name and os.name == "nt":
            (self.site / name).mkdir()
            Kernel32().set_reparse_point(str(self.site / name), reparse_buffer(str(target)))
        elif "versions" in name:
            super().plant_link(name, target)
        else:
            (self.site / name).write_text(f"{os.path.relpath(target, self.site)}\n")


class JunctionWorld:
    def __init__(self, kernel: FakeKernel | NtfsKernel) -> None:
        self.site = Path("C:\\site")
        self.elsewhere = Path("C:\\elsewhere")
        self.kernel = kernel
        kernel.make_directories("C:\\site\\versions")
        kernel.make_directories("C:\\elsewhere")

    def switch(self) -> Switch:
        return JunctionSwitch(self.site, self.kernel, sleep=lambda _: None)

    def make_version(self, name: str) -> Path:
        self.kernel.make_directories(f"C:\\site\\versions\\{name}")
        return Path(f"C:\\site\\versions\\{name}")

    def remove(self, version: Path) -> None:
        self.kernel.remove_directory(str(version))

    def plant_directory(self, name: str) -> None:
        self.kernel.make_directories(f"C:\\site\\{name}")

    def plant_file(self, name: str) -> None:
        self.kernel.make_file(f"C:\\site\\{name}")

    def plant_link(self, name: str, target: Path) -> None:
        self.plant_directory(name)
        self.kernel.set_reparse_point(f"C:\\site\\{name}", reparse_buffer(str(target)))

    def names(self) -> set[str]:
        return self.kernel.names("C:\\site")


@pytest.fixture(params=["posix", "pointer", "fake kernel", "ntfs"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "posix":
        if os.name == "nt":
            pytest.skip("PosixSwitch is not for Windows")
        yield PosixWorld(tmp_path)
    elif request.param == "pointer":
        yield PointerWorld(tmp_path)
    elif request.param == "fake kernel":
        yield JunctionWorld(FakeKernel())
    elif reason := ntfs_image.missing():
        pytest.skip(reason)
    else:
        ntfs_image.format_image(tmp_path / "ntfs.img")
        with ntfs_image.mounted(tmp_path / "ntfs.img", tmp_path / "mounted") as root:
            yield JunctionWorld(NtfsKernel(root))


def test_a_site_without_current_reads_as_none_and_stays_untouched(world: World) -> None:
    assert world.switch().read() is None
    assert world.names() == {"versions"}


def test_current_reads_as_the_directory_that_it_was_pointed_to(world: World) -> None:
    old, new = world.make_version("1.0.0"), world.make_version("1.0.1")
    for version in (old, new, old):
        world.switch().point_to(version)
        assert world.switch().read() == version
        assert world.names() == {"versions", "current"}


def test_pointing_to_what_is_current_already_changes_nothing(world: World) -> None:
    version = world.make_version("1.0.0")
    switch = world.switch()
    switch.point_to(version)
    switch.point_to(version)
    assert switch.read() == version
    assert world.names() == {"versions", "current"}


def test_a_version_that_is_gone_is_still_what_current_names(world: World) -> None:
    gone, good = world.make_version("1.0.0"), world.make_version("1.0.1")
    world.switch().point_to(gone)
    world.remove(gone)
    assert world.switch().read() == gone
    world.switch().point_to(good)
    assert world.switch().read() == good


@pytest.mark.parametrize("plant", ["plant_directory", "plant_file"])
def test_what_is_not_a_link_is_never_taken_for_current_nor_replaced(world: World, plant: str) -> None:
    version = world.make_version("1.0.0")
    getattr(world, plant)("current")
    with pytest.raises(SiteInvalid, match="current"):
        world.switch().read()
    with pytest.raises(SiteInvalid, match="current"):
        world.switch().point_to(version)
    with pytest.raises(SiteInvalid, match="current"):  # and it is still there
        world.switch().read()


@pytest.mark.parametrize("target", ["elsewhere", "site", "site/versions", "site/versions/1.0.0/deeper"])
def test_a_link_to_anything_but_a_version_is_refused_and_stays(world: World, target: str) -> None:
    version = world.make_version("1.0.0")
    first, *rest = target.split("/")
    place = world.elsewhere if first == "elsewhere" else world.site
    separator = "\\" if "\\" in str(world.site) else "/"
    world.plant_link("current", Path(separator.join([str(place), *rest])))
    with pytest.raises(SiteInvalid, match="not a version"):
        world.switch().read()
    with pytest.raises(SiteInvalid, match="not a version"):
        world.switch().point_to(version)
    with pytest.raises(SiteInvalid, match="not a version"):
        world.switch().read()


def test_a_directory_that_is_no_version_of_the_site_is_refused(world: World) -> None:
    good = world.make_version("1.0.0")
    switch = world.switch()
    switch.point_to(good)
    separator = "\\" if "\\" in str(world.site) else "/"
    missing = Path(str(good).replace("1.0.0", "9.9.9"))
    for wrong in (world.elsewhere, world.site, missing, Path(f"{world.site}{separator}versions{separator}..")):
        with pytest.raises(SwitchFailed, match="not the directory of a version"):
            switch.point_to(wrong)
        assert switch.read() == good


def test_a_link_posing_as_a_version_is_refused(world: World) -> None:
    if UNDER_WINE and isinstance(world, PointerWorld):
        pytest.skip("Wine shows its links to nobody")
    good = world.make_version("1.0.0")
    world.switch().point_to(good)
    separator = "\\" if "\\" in str(world.site) else "/"
    world.plant_link(f"versions{separator}evil", world.elsewhere)
    with pytest.raises(SwitchFailed, match="not the directory of a version"):
        world.switch().point_to(Path(str(good).replace("1.0.0", "evil")))
    assert world.switch().read() == good


def test_what_a_killed_first_install_left_behind_is_replaced(world: World) -> None:
    old, new = world.make_version("1.0.0"), world.make_version("1.0.1")
    world.plant_link(TEMPORARY, old)
    world.switch().point_to(new)
    assert world.switch().read() == new
    assert world.names() == {"versions", "current"}
