"""[P-13] A repository that was restored from an older copy: no channel goes back, and no number is used twice."""

import shutil
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from repository.errors import ChannelRefused
from repository.importing import import_bundle
from tests.support.contents.releases import TRUST
from tests.support.contents.repositories import Ashore, sound
from transfer.errors import OutputRefused


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    """Its copy knows 1.0.1 among the canaries; the destination has 1.0.2 there, and 1.0.1 for all."""
    made = Ashore(tmp_path)
    made.release(0)
    made.release(1, channel="canary")
    shutil.copytree(tmp_path / "repo", tmp_path / "copy")
    made.promote("1.0.1", "stable")
    made.release(2, channel="canary")
    restore(made)
    return made


def restore(ashore: Ashore) -> None:
    shutil.rmtree(ashore.root / "repo")
    shutil.copytree(ashore.root / "copy", ashore.root / "repo")


def bring_in(ashore: Ashore, number: int) -> None:
    (path,) = (ashore.root / "www").glob(f"vms-1.0.{number}-*.unrep")
    with ashore.record() as record:
        import_bundle(path, TRUST, record, ashore.repository, ashore.settings, Quiet())


def test_what_ships_may_have_is_named_first(ashore: Ashore) -> None:
    before = ashore.files()
    for act in (lambda: ashore.release(3), ashore.prune, lambda: ashore.promote("1.0.1", "stable")):
        with pytest.raises(
            OutputRefused, match=r"canary.channel' names vms 1\.0\.2 .*'unrep repo import' vms-1\.0\.2-"
        ):
            act()
    assert {name: data for name, data in ashore.files().items() if "objects" not in name} == {
        name: data for name, data in before.items() if "objects" not in name
    }


def test_channels_follow_what_ships_were_told(ashore: Ashore) -> None:
    told = ashore.channel()
    bring_in(ashore, 2)
    assert ashore.release(3, channel="canary").release.seq == 4
    assert ashore.channel() == told and sound(ashore)
    canary = ashore.channel("canary")
    assert canary and [bundle.release.version for bundle in canary.bundles] == ["1.0.3", "1.0.2", "1.0.1", "1.0.0"]


def test_a_channel_goes_back_only_if_that_is_meant(ashore: Ashore) -> None:
    bring_in(ashore, 2)
    told = ashore.channel()
    with pytest.raises(ChannelRefused, match=r"names 1\.0\.1 "):
        ashore.promote("1.0.0", "stable")
    assert ashore.channel() == told
    assert ashore.promote("1.0.2", "stable"), "what came in from a destination is published"
    assert sound(ashore)


def test_what_came_in_is_pruned_as_any_other(ashore: Ashore) -> None:
    bring_in(ashore, 2)
    ashore.settle("releases = 1")
    ashore.prune()
    assert sound(ashore) and {name[:9] for name in ashore.published()} == {"vms-1.0.1", "vms-1.0.2"}


def test_a_release_that_was_called_back_keeps_its_number(tmp_path: Path) -> None:
    """Ships have it, though no channel names it any more."""
    ashore = Ashore(tmp_path)
    ashore.release(0)
    shutil.copytree(tmp_path / "repo", tmp_path / "copy")
    ashore.release(1)
    ashore.promote("1.0.0", "stable", go_back=True)
    restore(ashore)
    with pytest.raises(OutputRefused, match=r"has vms-1\.0\.1-.*'unrep repo import' them"):
        ashore.release(2)
    bring_in(ashore, 1)
    assert ashore.release(2).release.seq == 3 and sound(ashore)


def test_a_trial_changes_nothing(ashore: Ashore) -> None:
    bring_in(ashore, 2)
    before = ashore.files()
    ashore.release(3, channel="canary", dry_run=True)
    ashore.prune(dry_run=True)
    assert ashore.files() == before


def test_a_channel_file_of_others_moves_nothing(ashore: Ashore) -> None:
    """Whoever can write there cannot tell this repository what its channels name."""
    bring_in(ashore, 2)
    path = ashore.root / "www" / "stable.channel"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ashore.promote("1.0.0", "stable")
    with ashore.record() as record:
        named = record.channel("stable")
    assert named and named.release == "1.0.0"
