"""`release`: stored, numbered, built from what ships may have, published, and named by its channel, in this order."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bundle.errors import InputError
from bundle.host import durable, presence
from bundle.read.tree import scan
from repository.distribution import destinations
from repository.errors import ChannelRefused, DiskFull, NewerRepository, ReleaseRefused, RepositoryBusy, StorageFailed
from repository.release import BaseCost
from tests.support.contents.releases import TRUST, content_of, write_tree
from tests.support.contents.repositories import Ashore, content, sound
from transfer.channels.signing import verify_channel
from transfer.errors import Incomplete, OutputRefused


@pytest.fixture
def ashore(tmp_path: Path) -> Ashore:
    return Ashore(tmp_path)


def versions(costs: list[BaseCost]) -> list[str]:
    return [cost.version or ("full" if not cost.tree else cost.tree.hex()) for cost in costs]


def test_the_first_release_is_a_full_one(ashore: Ashore) -> None:
    """[P-7], [P-8], [P-12], [P-13]"""
    report = ashore.release(0)
    assert (report.release.seq, report.stored, report.sent) == (1, 3, {str(ashore.root / "www"): 1})
    assert versions(report.costs) == ["full"] and report.bundle and report.costs[0].bytes == report.bundle.length
    (name,) = ashore.published()
    assert content_of(ashore.root / "www" / name, None) == content(0)
    channel = ashore.channel()
    assert channel and (channel.release.version, channel.bundles[0].file) == ("1.0.0", name)
    assert verify_channel((ashore.root / "www" / "stable.channel").read_bytes(), TRUST).channel == channel
    assert sound(ashore)


def test_the_next_starts_from_the_last_five_without_a_checkout(ashore: Ashore) -> None:
    """[P-9]: read from the store, for the directories are gone."""
    for number in range(7):
        report = ashore.release(number)
        for path in (ashore.root / f"source-{number}").rglob("*.txt"):
            path.unlink()
    assert versions(report.costs) == ["1.0.5", "1.0.4", "1.0.3", "1.0.2", "1.0.1", "full"]
    assert report.release.seq == 7 and report.bundle
    assert all(cost.bytes < report.bundle.full - 500 for cost in report.costs[:-1])
    base = write_tree(ashore.root / "base", content(3))
    assert content_of(ashore.root / "www" / report.bundle.file, base) == content(6)
    channel = ashore.channel()
    assert channel and [bundle.release.seq for bundle in channel.bundles] == [7, 6, 5, 4, 3, 2, 1]


def test_bases_are_what_ships_were_heard_to_hold(ashore: Ashore) -> None:
    """[P-9]"""
    trees = [ashore.release(number).release.tree for number in range(7)]
    ashore.held = {trees[0]: 3, trees[4]: 1, bytes(32): 9}
    costs = ashore.release(7).costs
    assert [(cost.version, cost.ships) for cost in costs] == [("1.0.4", 1), ("1.0.0", 3), ("", None)]


def test_nothing_happens_a_second_time(ashore: Ashore) -> None:
    """[P-11]"""
    ashore.release(0)
    ashore.release(1)
    before = ashore.files()
    report = ashore.release(1)
    assert (report.bundle, report.stored, sum(report.sent.values())) == (None, 0, 0)
    assert versions(report.costs) == ["1.0.0", "full"] and ashore.files() == before


def test_a_dry_run_says_it_and_changes_nothing(ashore: Ashore) -> None:
    """[P-14]"""
    ashore.release(0)
    before = ashore.files()
    report = ashore.release(1, dry_run=True)
    assert ashore.files() == before
    real = ashore.release(1)
    assert report.costs == real.costs and report.release.seq == real.release.seq == 2


def test_a_version_means_one_content(ashore: Ashore) -> None:
    """[P-7]"""
    ashore.release(0)
    before = ashore.files()
    with pytest.raises(ReleaseRefused, match=r"version 1\.0\.0: is released already, with other content \(seq 1\)"):
        ashore.release(1, version="1.0.0")
    assert ashore.files() == before


@pytest.mark.parametrize("version", ["", "../1", "a b", "x" * 200, "con"])
def test_a_version_that_cannot_be_a_name_is_refused(ashore: Ashore, version: str) -> None:
    """[P-7]"""
    if not version:
        version = "."
    with pytest.raises(InputError, match="version"):
        ashore.release(0, version=version)


def test_an_empty_directory_and_none_are_no_release(ashore: Ashore) -> None:
    """[P-7]"""
    with pytest.raises(InputError, match="not a directory"):
        ashore.release(0, source=ashore.root / "nowhere")
    with pytest.raises(ReleaseRefused, match="is empty"):
        ashore.release(0, source=write_tree(ashore.root / "empty", {}))


def test_a_revert_under_a_new_version_goes_forward(ashore: Ashore) -> None:
    """[P-7]: the same content again has no delta from itself."""
    for number in (0, 1):
        ashore.release(number)
    report = ashore.release(0, version="1.0.2")
    assert (report.release.seq, versions(report.costs)) == (3, ["1.0.1", "full"])


def test_a_channel_does_not_go_back(ashore: Ashore) -> None:
    """[P-13]"""
    for number in (0, 1):
        ashore.release(number)
    before = ashore.files()
    with pytest.raises(ChannelRefused, match=r"names 1\.0\.1 \(seq 2\) already, and 1\.0\.0 is older"):
        ashore.release(0)
    assert ashore.files() == before


def test_another_channel_is_moved_alone_and_lists_the_bundles_before(ashore: Ashore) -> None:
    """[P-13]"""
    ashore.release(0)
    ashore.release(1, channel="canary")
    stable, canary = ashore.channel(), ashore.channel("canary")
    assert stable and canary and (stable.release.version, canary.release.version) == ("1.0.0", "1.0.1")
    assert (len(stable.bundles), len(canary.bundles)) == (1, 2)
    with pytest.raises(ReleaseRefused, match=r"channel 'beta': is not in repo.toml"):
        ashore.release(2, channel="beta")


def test_a_base_that_the_repository_does_not_know(ashore: Ashore) -> None:
    """[P-10]: a ship that came with a release of its own is brought back without a new version."""
    ashore.release(0)
    first = ashore.channel()
    strange = write_tree(ashore.root / "strange", content(77))
    report = ashore.release(0, base_from=[strange])
    assert report.bundle and list(report.bundle.bases) == [scan(strange).tree_hash] and not report.bundle.full
    assert content_of(ashore.root / "www" / report.bundle.file, strange) == content(0)
    channel = ashore.channel()
    assert first and channel and channel.counter > first.counter and len(channel.bundles) == 2
    assert ashore.store.has_tree(scan(strange).tree_hash) and sound(ashore)


def test_a_base_by_its_bundle(ashore: Ashore, tmp_path: Path) -> None:
    """[P-10], [P-17]"""
    other = Ashore(tmp_path / "other")
    (ashore.root / "given.unrep").write_bytes((other.root / "www" / _file(other.release(5))).read_bytes())
    with pytest.raises(ReleaseRefused, match="'unrep repo import' it before --dry-run"):
        ashore.release(6, base_from=[ashore.root / "given.unrep"], dry_run=True)
    report = ashore.release(6, base_from=[ashore.root / "given.unrep"])
    assert versions(report.costs) == ["1.0.5", "full"] and report.release.seq == 2


def _file(report: Any) -> str:
    return str(report.bundle.file)


def test_a_base_that_was_changed_by_running_it_is_named(ashore: Ashore) -> None:
    """[P-10]"""
    ashore.release(0)
    run = content(0) | {"app/__pycache__/main.cpython-311.pyc": b"compiled", "vms.log": b"started\n"}
    directory = write_tree(ashore.root / "run", run)
    with pytest.raises(ReleaseRefused, match=r"is 1\.0\.0 changed by running it \(app/__pycache__/.*, vms\.log\)"):
        ashore.release(1, base_from=[directory])


def test_a_base_that_was_never_published_is_refused(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-9], [P-10]: nor is it a base of itself."""

    def unplugged(*_: object) -> bool:
        raise Incomplete("the store does not take it; run the same command again")

    ashore.release(0)
    with monkeypatch.context() as broken, pytest.raises(Incomplete):
        broken.setattr("repository.release.send", unplugged)
        ashore.release(1)
    with pytest.raises(ReleaseRefused, match=r"is 1\.0\.1, which was never published"):
        ashore.release(2, base_from=[ashore.source(1)])
    assert versions(ashore.release(2, dry_run=True).costs) == ["1.0.0", "full"]
    channel = ashore.channel()
    assert channel and channel.release.version == "1.0.0"
    ashore.release(2)
    assert len(ashore.published()) == 2, "the release that was given up is not published by the next"


def test_an_interrupted_release_goes_on(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-11], [P-12]: what was built is sent as it is, and nothing was visible before."""
    ashore.release(0)
    with monkeypatch.context() as broken, pytest.raises(Incomplete):
        broken.setattr("transfer.publishing.destination.whole_bundle", lambda _: _cut())
        ashore.release(1)
    assert len(ashore.published()) == 1 and len(list((ashore.root / "repo/bundles").glob("*.unrep"))) == 2
    report = ashore.release(1)
    assert report.bundle is None and report.sent == {str(ashore.root / "www"): 1} and sound(ashore)


def _cut() -> Any:
    yield b"a part"
    raise Incomplete("the share has gone; run the same command again")


def test_several_destinations_each_get_all_of_it(tmp_path: Path) -> None:
    """[P-12]"""
    ashore = Ashore(tmp_path, ("www", "mirror"))
    ashore.release(0)
    assert ashore.published() == ashore.published("mirror") and ashore.channel() == ashore.channel("stable", "mirror")
    assert sound(ashore)


def test_one_destination_that_fails_is_named_and_no_channel_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[P-12]"""
    ashore, send = Ashore(tmp_path, ("www", "mirror")), destinations.send
    ashore.release(0)

    def failing(repository: Any, bundle: Any, backend: Any, progress: Any) -> bool:
        if backend.name.endswith("www"):
            raise Incomplete("www: has gone; run the same command again")
        return send(repository, bundle, backend, progress)

    with monkeypatch.context() as broken, pytest.raises(Incomplete, match="www: has gone"):
        broken.setattr("repository.release.send", failing)
        ashore.release(1)
    assert (len(ashore.published()), len(ashore.published("mirror"))) == (1, 2)
    for name in ("www", "mirror"):
        channel = ashore.channel("stable", name)
        assert channel and channel.release.version == "1.0.0"
    assert sum(ashore.release(1).sent.values()) == 1 and sound(ashore)


def test_a_new_destination_gets_what_it_lacks(ashore: Ashore) -> None:
    """[P-12]"""
    for number in (0, 1):
        ashore.release(number)
    (ashore.root / "mirror").mkdir()
    both = [str(ashore.root / "www"), str(ashore.root / "mirror")]
    ashore.settle(f"destinations = {json.dumps(both)}")
    ashore.release(1)
    assert ashore.published() == ashore.published("mirror") and ashore.channel() == ashore.channel("stable", "mirror")


def test_a_share_that_is_gone_is_named_before_anything_is_built(ashore: Ashore) -> None:
    """[P-12]"""
    (ashore.root / "www").rmdir()
    before = ashore.files()
    with pytest.raises(OutputRefused, match=r"www: no such directory, though repo.toml names it"):
        ashore.release(0)
    assert ashore.files() == before


def test_a_share_that_hangs_is_named(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-12]: whichever path is looked at first."""
    ashore.release(0)
    real = presence._status

    def stale(path: Path) -> os.stat_result | None:
        if path.name in gone:
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return real(path)

    monkeypatch.setattr(presence, "_status", stale)
    for name, kind in (("www", OutputRefused), ("1.0.0-1.unrep", StorageFailed), ("repo.db", StorageFailed)):
        gone = {name}
        with pytest.raises(kind, match="Stale file handle"):
            ashore.release(1)
    gone = {"base"}
    with pytest.raises(StorageFailed, match="Stale file handle"):
        ashore.release(1, base_from=[ashore.root / "base"])


@pytest.mark.parametrize("foreign", [b"", b"no channel file", bytes(20_000)])
def test_a_foreign_channel_file_is_left_alone(ashore: Ashore, foreign: bytes) -> None:
    """[P-19]"""
    (ashore.root / "www" / "stable.channel").write_bytes(foreign)
    with pytest.raises(OutputRefused, match=r"'stable.channel' is no channel file of unrep"):
        ashore.release(0)
    assert (ashore.root / "www" / "stable.channel").read_bytes() == foreign and not ashore.published()


def test_a_place_of_another_product_is_left_alone(ashore: Ashore, tmp_path: Path) -> None:
    """[P-19]"""
    other = Ashore(tmp_path / "other")
    other.settle('product = "ecdis"')
    other.release(0)
    (ashore.root / "www" / "stable.channel").write_bytes((other.root / "www" / "stable.channel").read_bytes())
    with pytest.raises(OutputRefused, match=r"names ecdis 1\.0\.0 \(seq 1\); publish vms to a place of its own"):
        ashore.release(0)


def test_a_repository_from_an_older_backup_does_not_number_anew(ashore: Ashore, tmp_path: Path) -> None:
    """[P-13]: its next release would have the number of one that ships have."""
    ashore.release(0)
    older = (ashore.root / "repo" / "repo.db").read_bytes()
    ashore.release(1)
    (ashore.root / "repo" / "repo.db").write_bytes(older)
    with pytest.raises(OutputRefused, match=r"names vms 1\.0\.1 \(seq 2\), which this repository does not know"):
        ashore.release(2)


def test_foreign_files_at_a_destination_stay(ashore: Ashore) -> None:
    """[P-19]"""
    (ashore.root / "www" / "index.html").write_text("ours")
    ashore.release(0)
    assert (ashore.root / "www" / "index.html").read_text() == "ours"


def test_a_bundle_that_was_cut_short_at_a_destination_is_named(ashore: Ashore) -> None:
    """[P-12]"""
    file = _file(ashore.release(0))
    (ashore.root / "www" / file).write_bytes(b"cut")
    with pytest.raises(OutputRefused, match=rf"{file} is there with 3 bytes"):
        ashore.release(1)


def test_two_at_once_and_the_second_says_who(ashore: Ashore) -> None:
    """[P-2]"""
    with (
        ashore.repository.locked("releasing 9.9.9"),
        pytest.raises(RepositoryBusy, match=r"process \d+ on \S+ is releasing 9\.9\.9 since 2"),
    ):
        ashore.release(0)
    ashore.release(0)


def test_a_full_disk_leaves_all_as_it_was(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-4], [P-11]"""
    ashore.release(0)
    before = ashore.files()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(DiskFull, match="no space left on its file system: free some"):
        broken.setattr(durable, "sync_tree", full)
        ashore.release(1)
    assert ashore.files() == before
    ashore.release(1)
    assert sound(ashore)


def test_a_file_that_changes_meanwhile_is_named(ashore: Ashore, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P-4]: it is stored under no name that is not its own."""
    source, choose = ashore.source(0), "repository.release.choose_bases"

    def meanwhile(*_: object) -> list[Any]:
        (source / "app/same.txt").write_bytes(b"x" * len(content(0)["app/same.txt"]))
        return []

    monkeypatch.setattr(choose, meanwhile)
    with pytest.raises(InputError, match=r"same.txt: changed while it was read"):
        ashore.release(0, source=source)
    assert ashore.verify().faults == []


def test_a_repository_of_a_newer_program_is_left_alone(ashore: Ashore) -> None:
    """[P-5]"""
    ashore.release(0)
    with ashore.record() as record:
        record._database.execute("UPDATE part SET version = 9")
    before = ashore.files()
    with pytest.raises(NewerRepository, match="written by a newer unrep"):
        ashore.release(1)
    assert ashore.files() == before


def test_epochs_begin_seq_anew(ashore: Ashore) -> None:
    """[P-8]"""
    for number in (0, 1):
        ashore.release(number)
    ashore.settle("epoch = 1")
    report = ashore.release(2)
    assert (report.release.epoch, report.release.seq) == (1, 1) and versions(report.costs)[0] == "1.0.1"
