"""[P-13] A channel is moved without a build: forward, to what is published, and by one file."""

import json
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from repository import promotion
from repository.errors import ChannelRefused
from repository.importing import import_directory
from tests.support.contents.repositories import Ashore, sound
from transfer.publishing.directory import DirectoryBackend


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    made = Ashore(tmp_path)
    made.release(0)
    made.release(1, channel="canary")
    return made


def test_it_names_the_release_then(ashore: Ashore) -> None:
    before, bundles = ashore.channel(), ashore.published()
    assert ashore.promote("1.0.1", "stable")
    after = ashore.channel()
    assert before and after and after.release.version == "1.0.1" and after.counter > before.counter
    assert ashore.published() == bundles and sound(ashore)


def test_nothing_happens_a_second_time(ashore: Ashore) -> None:
    ashore.promote("1.0.1", "stable")
    before = ashore.files()
    assert not ashore.promote("1.0.1", "stable") and ashore.files() == before


def test_a_lost_file_is_made_good(ashore: Ashore) -> None:
    before = ashore.channel()
    (ashore.root / "www/stable.channel").unlink()
    assert not ashore.promote("1.0.0", "stable") and ashore.channel() == before


def test_what_a_destination_lacks_is_there_before_it_is_named(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-13]: as one that was named after the release, or where files were lost."""
    bundles = ashore.published()
    for path in (ashore.root / "www").glob("*.unrep"):
        path.unlink()
    put: list[str] = []
    replace = DirectoryBackend.replace

    def watched(backend: DirectoryBackend, name: str, data: bytes) -> None:
        put.extend(sorted(backend.names()))
        replace(backend, name, data)

    monkeypatch.setattr(DirectoryBackend, "replace", watched)
    ashore.promote("1.0.1", "stable")
    assert ashore.published() == bundles and {one for one in put if one.endswith(".unrep")} == set(bundles)


def test_going_back_waits_for_no_upload_to_another_destination(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-13]: one that lacks nothing hears of it, though the upload to a new one is cut."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    ashore.promote("1.0.1", "stable")
    (ashore.root / "mirror").mkdir()
    ashore.settle(f"destinations = {json.dumps([str(ashore.root / name) for name in ('mirror', 'www')])}")
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(promotion, "send", killed)
        ashore.promote("1.0.0", "stable", go_back=True)
    channel = ashore.channel()
    assert channel and channel.release.version == "1.0.0" and not ashore.channel("stable", "mirror")
    ashore.promote("1.0.0", "stable", go_back=True)
    assert ashore.channel("stable", "mirror") == channel and ashore.published("mirror") == ashore.published()


def test_a_killed_run_is_made_good(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(DirectoryBackend, "replace", killed)
        ashore.promote("1.0.1", "stable")
    ashore.promote("1.0.1", "stable")
    channel = ashore.channel()
    assert channel and channel.release.version == "1.0.1"


def test_it_goes_back_only_if_that_is_meant(ashore: Ashore) -> None:
    ashore.promote("1.0.1", "stable")
    with pytest.raises(ChannelRefused, match=r"names 1\.0\.1 \(seq 2\) already, and 1\.0\.0 is older.*--go-back"):
        ashore.promote("1.0.0", "stable")
    counter = ashore.channel()
    assert ashore.promote("1.0.0", "stable", go_back=True)
    channel = ashore.channel()
    assert channel and counter and channel.release.version == "1.0.0" and channel.counter > counter.counter
    assert len(channel.bundles) == 1


@pytest.mark.parametrize(
    ("version", "channel", "message"),
    [
        ("9.9.9", "stable", r"9\.9\.9: is no release of"),
        ("1.0.1", "beta", "channel 'beta': is not in repo.toml, which has stable, canary"),
    ],
)
def test_what_is_not_there_is_named(ashore: Ashore, version: str, channel: str, message: str) -> None:
    with pytest.raises(ChannelRefused, match=message):
        ashore.promote(version, channel)


def test_what_no_ship_could_fetch_is_refused(ashore: Ashore) -> None:
    with ashore.record() as record:
        import_directory(ashore.source(2), "1.0.2", None, record, ashore.store, ashore.settings, Quiet())
    with pytest.raises(ChannelRefused, match=r"1\.0\.2: has no published bundle"):
        ashore.promote("1.0.2", "stable")
