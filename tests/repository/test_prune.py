"""[P-16] `prune`: what nobody needs goes, in an order that never leaves less than is needed."""

from pathlib import Path
from typing import Any

import pytest

from bundle.host import removal
from repository.errors import Damaged
from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore, sound
from transfer.errors import Incomplete
from transfer.publishing.directory import DirectoryBackend


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    made = Ashore(tmp_path, more="")
    made.settle("releases = 2\nlast = 1")
    for number in range(5):
        made.release(number)
    return made


def releases(ashore: Ashore) -> list[str]:
    with ashore.record() as record:
        return [release.version for release in record.releases()]


def test_the_newest_stay_and_all_else_goes(ashore: Ashore) -> None:
    (ashore.root / "www" / "index.html").write_text("ours")
    before = ashore.channel()
    found = ashore.prune()
    assert found.releases == ["1.0.0", "1.0.1", "1.0.2"] and len(found.bundles) == 3 and found.freed
    assert releases(ashore) == ["1.0.3", "1.0.4"] and len(ashore.published()) == 2
    after = ashore.channel()
    assert before and after and after.counter > before.counter
    assert {bundle.file for bundle in after.bundles} == ashore.published()
    verified = ashore.verify()
    assert (verified.unneeded, verified.objects, verified.manifests, verified.bundles) == (0, 5, 2, 2)
    assert sound(ashore) and (ashore.root / "www" / "index.html").exists()
    assert len(list((ashore.root / "repo/bundles").iterdir())) == 6


def test_nothing_goes_a_second_time(ashore: Ashore) -> None:
    ashore.prune()
    before = ashore.files()
    found = ashore.prune()
    assert (found.releases, found.bundles, found.objects, found.freed) == ([], [], 0, 0)
    assert ashore.files() == before


def test_a_dry_run_says_the_same_and_changes_nothing(ashore: Ashore) -> None:
    before = ashore.files()
    said = ashore.prune(dry_run=True)
    assert ashore.files() == before and said == ashore.prune()


def test_what_a_channel_names_stays(ashore: Ashore) -> None:
    ashore.promote("1.0.1", "canary")
    assert ashore.prune().releases == ["1.0.0", "1.0.2"]
    canary = ashore.channel("canary")
    assert canary and canary.release.version == "1.0.1" and sound(ashore)


def test_what_ships_hold_stays_and_their_way_to_the_channel(tmp_path: Path) -> None:
    """Each bundle starts from the one before alone: the way from 1.0.1 leads over 1.0.2."""
    ashore = Ashore(tmp_path)
    ashore.settle("releases = 2\nlast = 1\nfull = false")
    for number in range(5):
        ashore.release(number)
    with ashore.record() as record:
        held = {release.version: release.tree for release in record.releases()}
    ashore.held = {held["1.0.1"]: 4}
    found = ashore.prune()
    assert found.releases == ["1.0.0"] and releases(ashore) == ["1.0.1", "1.0.2", "1.0.3", "1.0.4"]
    assert ashore.store.has_tree(held["1.0.1"]) and sound(ashore)


def test_the_base_of_a_stranded_ship_stays_with_its_bundle(ashore: Ashore) -> None:
    strange = write_tree(ashore.root / "strange", {"a.txt": b"of another yard"})
    ashore.release(4, base_from=[strange])
    ashore.prune()
    assert len(list((ashore.root / "repo" / "manifests").iterdir())) == 3 and sound(ashore)
    for number in (5, 6):
        ashore.release(number)
    ashore.prune()
    assert len(list((ashore.root / "repo" / "manifests").iterdir())) == 2, "its bundle is gone, and so is it"


def test_objects_of_no_release_go_and_foreign_files_stay(ashore: Ashore) -> None:
    orphan = ashore.root / "repo/objects/ab" / ("ab" + "0" * 62)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x")
    (ashore.root / "repo/objects/ab/note.txt").write_bytes(b"ours")
    (ashore.root / "repo/bundles/9.9.9-1.unrep.unproven").write_bytes(b"a build was killed")
    ashore.prune()
    assert not orphan.exists() and (ashore.root / "repo/objects/ab/note.txt").exists()
    assert not (ashore.root / "repo/bundles/9.9.9-1.unrep.unproven").exists()


def test_a_damaged_manifest_stops_it_before_anything_goes(ashore: Ashore) -> None:
    with ashore.record() as record:
        tree = record.releases()[-1].tree
    path = ashore.repository.manifest_file(tree)
    path.write_bytes(path.read_bytes()[:-1])
    before = ashore.files()
    with pytest.raises(Damaged, match="are not the ones that were stored"):
        ashore.prune()
    assert ashore.files() == before


def test_a_destination_that_fails_is_gone_on_with(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its channel files name nothing that is gone, and the next call removes the rest."""

    def unplugged(*_: Any) -> None:
        raise Incomplete("the share has gone; run the same command again")

    with monkeypatch.context() as broken, pytest.raises(Incomplete):
        broken.setattr(DirectoryBackend, "remove", unplugged)
        ashore.prune()
    assert sound(ashore) and len(ashore.published()) == 5
    assert len(ashore.prune().bundles) == 3 and len(ashore.published()) == 2 and sound(ashore)


@pytest.mark.parametrize("at", range(0, 24, 3))
def test_it_may_stop_at_any_removal(ashore: Ashore, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The next release, and the next call, go on."""
    real, count = removal.remove_tree, iter(range(1000))

    def killed(path: Path) -> None:
        if next(count) == at:
            raise KeyboardInterrupt
        real(path)

    with monkeypatch.context() as broken:
        broken.setattr(removal, "remove_tree", killed)
        try:
            ashore.prune()
        except KeyboardInterrupt:
            assert sound(ashore)
    ashore.release(5)
    ashore.prune()
    assert sound(ashore) and ashore.verify().unneeded == 0 and len(ashore.published()) == 2
    assert ashore.verify().manifests == 2
