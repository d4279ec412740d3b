"""What is found on a stick: bundles, volumes and channel files among anything else, by bounded reads."""

import errno
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bundle.errors import Malformed, Untrusted
from bundle.host.files import open_plain
from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle
from transfer.channels.channel import Channel, ChannelBundle
from transfer.channels.medium import look_through
from transfer.channels.signing import MAX_CHANNEL_BYTES, compose
from transfer.errors import SourceRefused
from transfer.volumes.export import export

FIRST = tiny_bundle(Shape("1.0.1", 2, full_bytes=90_000, delta_bytes={"1.0.0": 20_000}))
SECOND = tiny_bundle(Shape("1.0.2", 3, delta_bytes={"1.0.1": 30_000}), seed=2)


def channel_file(*bundles: TinyBundle, name: str = "stable") -> bytes:
    said = [ChannelBundle.of(bundle.verified, f"{bundle.root.version}.unrep") for bundle in bundles]
    return compose(Channel("vms", name, 7, said[-1].release, said), [KEY]).data


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A bundle under any name, volumes of another, a channel file, a directory and rubbish."""
    directory = tmp_path / "stick"
    (directory / "photos").mkdir(parents=True)
    (directory / "update.dat").write_bytes(FIRST.data)
    (directory / "update.dat.sha256").write_text("00  update.dat\n")
    (directory / "next.part").write_bytes(FIRST.data[:100])
    (directory / "empty").write_bytes(b"")
    (directory / "readme.txt").write_text("For the mate.")
    (directory / "stable.channel").write_bytes(channel_file(FIRST, SECOND))
    (tmp_path / "second").write_bytes(SECOND.data)
    export(tmp_path / "second", 20_000, [directory], Quiet())
    return directory


def test_everything_of_ours_is_found_and_nothing_else(stick: Path) -> None:
    """[T-146]"""
    found = look_through(stick, TRUST)
    by_version = {one.verified.root.version: one for one in found.bundles}
    assert set(by_version) == {"1.0.1", "1.0.2"} and not found.unusable and not found.unseen
    assert [path.name for path in by_version["1.0.1"].paths] == ["update.dat"]
    assert len(by_version["1.0.2"].paths) > 1
    for one in found.bundles:
        assert [one.missing_bytes(section) for section in one.verified.root.sections] == [0] * len(
            one.verified.root.sections
        )
    (channel,) = found.channels
    assert channel.verified.channel.release.version == "1.0.2"


def test_holes_and_missing_volumes_are_seen(stick: Path) -> None:
    """[T-146]: a bundle that was fetched for a site holds one section."""
    delta, full = FIRST.root.sections
    (stick / "update.dat").write_bytes(FIRST.holding(delta))
    next(iter(sorted(stick.glob("*.volume")))).unlink()
    found = {one.verified.root.version: one for one in look_through(stick, TRUST).bundles}
    assert found["1.0.1"].missing_bytes(delta) == 0
    assert found["1.0.1"].missing_bytes(full) == sum(piece.length for _, piece in FIRST.verified.pieces(full))
    assert 0 < found["1.0.2"].missing_bytes(SECOND.root.sections[0]) < len(SECOND.data)
    (stick / "again").write_bytes(FIRST.holding(full))
    found = {one.verified.root.version: one for one in look_through(stick, TRUST).bundles}
    assert found["1.0.1"].missing_bytes(full) == 0, "two files complete each other"


def test_what_is_of_no_use_is_told_once_and_the_others_count(stick: Path) -> None:
    """[T-146]: another's bundle, a channel file that is too long, renamed or by a stranger, a later format."""
    (stick / "later.unrep").write_bytes(b"UNREP\x07" + FIRST.data[6:])
    (stick / "torn.unrep").write_bytes(FIRST.data[:40])
    (stick / "forged.unrep").write_bytes(FIRST.data[:30] + bytes([FIRST.data[30] ^ 1]) + FIRST.data[31:])
    (stick / "long.channel").write_bytes(bytes(MAX_CHANNEL_BYTES + 1))
    (stick / "canary.channel").write_bytes(channel_file(FIRST))
    found = look_through(stick, TRUST)
    assert {path.name for path in found.unusable} == {
        "later.unrep", "torn.unrep", "forged.unrep", "long.channel", "canary.channel",
    }  # fmt: skip
    assert len(found.bundles) == 2 and len(found.channels) == 1
    strangers = look_through(stick, type(TRUST)())
    assert not strangers.bundles and isinstance(strangers.unusable[stick / "update.dat"], Untrusted)


def test_a_file_that_cannot_be_read_is_named_and_the_others_count(stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-146]: a stick that is pulled out, or a bad sector."""

    def failing(path: Path, **options: Any) -> BinaryIO:
        if path.suffix == ".channel":
            raise OSError(errno.EIO, "Input/output error")
        return open_plain(path, **options)

    monkeypatch.setattr("transfer.channels.medium.open_plain", failing)
    found = look_through(stick, TRUST)
    assert "Input/output error" in str(found.unusable[stick / "stable.channel"]) and len(found.bundles) == 2


def test_thousands_of_photos_hide_nothing(stick: Path) -> None:
    """[T-146]: names of ours come first, and what is not looked into is counted."""
    for number in range(10_000):
        (stick / f"a{number}.jpg").touch()
    (stick / "update.dat").rename(stick / "zz.unrep")
    found = look_through(stick, TRUST)
    assert len(found.bundles) == 2 and len(found.channels) == 1 and found.unseen > 5000


def test_a_file_that_is_named_is_looked_into_whatever_it_is(stick: Path, tmp_path: Path) -> None:
    """[T-142]"""
    assert look_through(stick / "update.dat", TRUST).bundles[0].verified.root == FIRST.root
    assert isinstance(look_through(stick / "readme.txt", TRUST).unusable[stick / "readme.txt"], Malformed)
    assert "cannot be read" in str(look_through(stick / "none", TRUST).unusable[stick / "none"])
    if os.name == "posix":  # to Windows a name that is too long is one that is not there
        with pytest.raises(SourceRefused, match="cannot be read"):
            look_through(tmp_path / ("x" * 300), TRUST)
