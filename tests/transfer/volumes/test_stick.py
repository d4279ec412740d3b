"""A channel on a stick: what fits, the newest first, and a second run that copies nothing again."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from bundle.errors import Corrupt, InputError
from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle
from transfer.channels.medium import look_through
from transfer.errors import OutputRefused
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.publish import ChannelMove, publish
from transfer.volumes.stick import MARGIN_BYTES, Filled, fill_stick

RELEASES = [
    tiny_bundle(Shape(f"1.0.{seq}", seq, full_bytes=50_000 * seq, delta_bytes={f"1.0.{seq - 1}": 9_000}), seed=seq)
    for seq in (1, 2, 3)
]


@pytest.fixture
def www(tmp_path: Path) -> Path:
    """A published directory with three releases, and an empty stick beside it."""
    for name in ("www", "stick"):
        (tmp_path / name).mkdir()
    for bundle in RELEASES:
        (tmp_path / "b").write_bytes(bundle.data)
        publish(tmp_path / "b", DirectoryBackend(tmp_path / "www"), ChannelMove([KEY]), Quiet())
    return tmp_path / "www"


def fill(www: Path) -> Filled:
    return fill_stick(www, "stable", www.parent / "stick", Quiet())


def seqs(found: tuple[object, ...]) -> list[int]:
    return [one.release.seq for one in found]  # type: ignore[attr-defined]


def test_all_that_the_channel_names_is_copied_once(www: Path) -> None:
    """[T-148]"""
    first = fill(www)
    assert seqs(first.copied) == [3, 2, 1] and not first.no_room and not first.absent
    stick = www.parent / "stick"
    found = look_through(stick, TRUST)
    assert len(found.bundles) == 3 and found.channels[0].verified.channel == first.channel
    dates = {path: path.stat().st_mtime_ns for path in stick.glob("*.unrep")}
    assert seqs(fill(www).there) == [3, 2, 1]
    assert {path: path.stat().st_mtime_ns for path in stick.glob("*.unrep")} == dates


class Usage(NamedTuple):
    free: int


def test_what_does_not_fit_is_left_out_and_told(www: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[T-148]"""
    stick = www.parent / "stick"
    capacity = MARGIN_BYTES + len(RELEASES[2].data) + len(RELEASES[0].data) + 1000

    def usage(path: Path) -> Usage:
        return Usage(capacity - sum(file.stat().st_size for file in stick.iterdir()))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    filled = fill(www)
    assert seqs(filled.copied) == [3, 1] and seqs(filled.no_room) == [2]
    capacity = 1000
    shutil.rmtree(stick)
    stick.mkdir()
    with pytest.raises(InputError, match="free some on the medium"):
        fill(www)
    assert not list(stick.iterdir())


def file_of(www: Path, bundle: TinyBundle) -> Path:
    return next(www.glob(f"vms-{bundle.root.version}-*.unrep"))


def test_what_is_wrong_ashore_is_one_sentence(www: Path, tmp_path: Path) -> None:
    """[T-148]"""
    with pytest.raises(InputError, match=r"canary\.channel: cannot be read"):
        fill_stick(www, "canary", tmp_path / "stick", Quiet())
    with pytest.raises(OutputRefused, match="no such directory"):
        fill_stick(www, "stable", tmp_path / "nowhere", Quiet())
    file_of(www, RELEASES[1]).unlink()
    assert seqs(fill(www).absent) == [2]
    damaged = file_of(www, RELEASES[0])
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    (tmp_path / "other").mkdir()
    with pytest.raises(Corrupt):
        fill_stick(www, "stable", tmp_path / "other", Quiet())
    assert not list((tmp_path / "other").glob("*.channel"))
