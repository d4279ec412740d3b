"""Where a stick is: named directories, or what Linux has mounted; and what is no stick."""

import sys
from pathlib import Path

import pytest

from apply.site.config import PageConfig, SiteConfig
from apply.site.layout import Site
from unrep.page import media
from unrep.page.media import sticks


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site").mkdir()
    return Site.at(tmp_path / "site")


def medium(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "photo.jpg").touch()
    return directory


def test_those_that_are_named(site: Site, tmp_path: Path) -> None:
    """[A-195]: an empty mount point is none, nor is the site itself."""
    usb = medium(tmp_path / "usb")
    (tmp_path / "empty").mkdir()
    named = ("../usb", "../empty", "../absent", "..", ".", "../usb/photo.jpg")
    assert [place.resolve() for place in sticks(site, SiteConfig(page=PageConfig(sticks=named)))] == [usb.resolve()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc of Linux")
def test_those_that_are_mounted(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = medium(tmp_path / "media" / "mate" / "A stick\tof mine"), medium(tmp_path / "media" / "b")
    medium(tmp_path / "elsewhere")
    lines = [
        f"/dev/sdb1 {str(one).replace(' ', chr(92) + '040').replace(chr(9), chr(92) + '011')} vfat rw 0 0",
        f"/dev/sdc1 {two} vfat rw 0 0",
        f"/dev/sda1 {tmp_path}/elsewhere ext4 rw 0 0",
        f"/dev/sdd1 {tmp_path}/media/gone vfat rw 0 0",
        "broken",
        "",
    ]
    mounts = tmp_path / "mounts"
    mounts.write_text("\n".join(lines))
    monkeypatch.setattr(media, "_MOUNTS", mounts)
    monkeypatch.setattr(media, "_MOUNTED_BELOW", (f"{tmp_path}/media/",))
    assert sticks(site, SiteConfig()) == [one, two]
    mounts.unlink()
    assert sticks(site, SiteConfig()) == []
