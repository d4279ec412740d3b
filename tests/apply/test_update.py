"""An update from bundle to verdict, and every way in which it is refused with the site as it was. spec/apply.md."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from apply.errors import BaseDrifted, DiskFull, Postponed, SiteInvalid
from apply.record.state import MAX_TRIAL_S, Quarantined, Replay, VersionTaken, WrongProduct
from apply.update import update
from bundle.errors import BundleError, InputError, Malformed, NoSection, Untrusted
from bundle.host.progress import Quiet
from bundle.read.tree import scan
from bundle.trust.signing import write_key_pair
from bundle.trust.trust import load_trust
from tests.support.sites.site import Ship, bent, filled, interrupted, on_a_small_disk, shore, spelled

SECOND = ("1.0.1", 2, "1.0.0")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def as_it_was(ship: Ship, before: dict[str, tuple[object, ...]]) -> None:
    """`current` and every version are untouched, nothing new stands anywhere, and the space is given back."""
    after = ship.seen("versions", "current", ".unrep/manifests", ".venvs", ".unrep/staging")
    assert after.keys() == before.keys()
    # The directories themselves may have been used meanwhile; nothing in them was.
    own = {"versions", ".unrep/manifests", ".venvs", ".unrep/staging"}
    assert {k: v for k, v in after.items() if k not in own} == {k: v for k, v in before.items() if k not in own}


def standing(ship: Ship) -> dict[str, tuple[object, ...]]:
    return ship.seen("versions", "current", ".unrep/manifests", ".venvs", ".unrep/staging")


class TestOneThatSucceeds:
    def test_the_first_install(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        report = ship.apply(shore().bundle("1.0.0", 1))
        assert (report.outcome, report.from_version, report.to_version) == ("applied", "", "1.0.0")
        assert ship.calls == [
            "prepare 1.0.0 current=nothing",
            "restart 1.0.0 current=1.0.0",
            "health 1.0.0 current=1.0.0",
        ]
        ship.check_sound()

    def test_the_second_version_stands_beside_the_first(self, ship: Ship) -> None:
        """[A-1], [A-3]"""
        (ship.site.tree("1.0.0") / "app" / "cache").write_text("the application's own")
        (ship.root / "uploads").mkdir()
        (ship.root / "uploads" / "chart").write_text("data")
        before = ship.seen("versions/1.0.0", "uploads")
        report = ship.apply(shore().bundle(*SECOND))
        assert (report.outcome, report.from_version, report.to_version) == ("applied", "1.0.0", "1.0.1")
        assert ship.seen("versions/1.0.0", "uploads") == before
        (ship.site.tree("1.0.0") / "app" / "cache").unlink()
        ship.check_sound()
        assert ship.leftovers() == []

    def test_the_smallest_delta_is_taken_though_a_full_release_is_there(self, ship: Ship) -> None:
        """[A-12]"""
        bundle = shore().bundle("1.0.1", 2, "1.0.0", full=True)
        assert ship.rehearse(bundle).reason == "would install 1.0.1 from 1.0.0"
        ship.apply(bundle)
        ship.check_sound()

    def test_a_full_release_needs_no_base(self, ship: Ship) -> None:
        ship.spoil("1.0.0", "app/library.bin")
        ship.apply(shore().bundle("1.0.2", 3))
        assert ship.current == "1.0.2"
        assert scan(ship.site.tree("1.0.2")).tree_hash.hex() == shore().tree("1.0.2")

    @pytest.mark.parametrize("created", [0, 2**31 + 5, 4_070_908_800])
    def test_whatever_the_clock_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, created: int) -> None:
        """[A-10]: a release from 1970, 2038 or 2099 comes in; no earlier time than its own is true from then on."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(created))
        bundle = shore().bundle("1.0.0", 1000 + created % 1000)  # another bundle for each
        ship = Ship(tmp_path)
        ship.order("fail-restart")
        with pytest.raises(Exception, match="no earlier version"):
            ship.apply(bundle)
        assert ship.state.time_floor == created
        if created > 2**31:
            assert ship.state.pending and ship.state.pending.give_up_at == created + MAX_TRIAL_S
        ship.relieve("fail-restart")
        assert ship.recover().outcome == "applied"


class TestTheSameBundleAgain:
    """[A-19]"""

    def test_nothing_happens(self, ship: Ship) -> None:
        ship.apply(shore().bundle(*SECOND))
        before = ship.seen("versions", "current", "unrep.toml", ".unrep/manifests", ".venvs", ".unrep/staging")
        assert ship.calls and ship.calls == []
        report = ship.apply(shore().bundle(*SECOND))
        assert (report.outcome, report.from_version, report.to_version) == ("already-current", "1.0.1", "1.0.1")
        assert ship.calls == [], "a command was run"
        after = ship.seen("versions", "current", "unrep.toml", ".unrep/manifests", ".venvs", ".unrep/staging")
        assert after == before
        assert ship.runs[-1]["outcome"] == "already-current"

    def test_the_same_tree_under_a_higher_seq(self, ship: Ship) -> None:
        report = ship.apply(shore().bundle("1.0.0", 7, version="1.0.0-again"))
        assert report.outcome == "already-current" and ship.current == "1.0.0" and ship.calls == []
        with pytest.raises(Replay):
            ship.apply(shore().bundle("1.0.1", 6, "1.0.0"))

    def test_an_update_that_was_cut_short_is_finished_and_says_so(self, ship: Ship) -> None:
        ship.order("wait-health")
        with interrupted(ship):
            ship.apply(shore().bundle(*SECOND))
        ship.relieve("wait-health")
        assert ship.runs[-1]["outcome"] == "interrupted"
        report = ship.apply(shore().bundle(*SECOND))
        assert (report.outcome, report.from_version, report.to_version) == ("applied", "1.0.0", "1.0.1")
        ship.check_sound()


class TestADryRun:
    """[A-16]"""

    def test_it_writes_nothing_and_says_what_would_be(self, ship: Ship) -> None:
        before = ship.seen()
        report = ship.rehearse(shore().bundle(*SECOND))
        assert ship.seen() == before
        assert (report.outcome, report.from_version, report.to_version) == ("would-apply", "1.0.0", "1.0.1")
        assert report.reason == "would install 1.0.1 from 1.0.0" and ship.calls == []
        assert ship.rehearse(shore().bundle("1.0.0", 1)).outcome == "already-current"
        assert ship.seen() == before

    def test_nor_at_an_empty_site(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        before = ship.seen()
        assert ship.rehearse(shore().bundle("1.0.0", 1)).reason == "would install 1.0.0 from the full release"
        assert ship.seen() == before

    @pytest.mark.parametrize("path", ["app/library.bin", "bin/start", "docs/guide.txt", "docs/empty.txt", "VERSION"])
    def test_it_finds_every_changed_file_of_the_base(self, ship: Ship, path: str) -> None:
        """[A-16], [A-127]: the last three are elsewhere, or not needed."""
        with (ship.site.tree("1.0.0") / path).open("ab") as file:
            file.write(b"!")
        before = ship.seen()
        if path in ("app/library.bin", "bin/start"):
            with pytest.raises(BaseDrifted, match=spelled(path)):
                ship.rehearse(shore().bundle(*SECOND))
        else:
            reason = ship.rehearse(shore().bundle(*SECOND)).reason
            assert re.search(f"around damaged files, because of this: .*{spelled(path)}", reason)
        assert ship.seen() == before

    def test_it_refuses_what_an_update_would(self, ship: Ship) -> None:
        before = ship.seen()
        (ship.site.versions / "1.0.1").mkdir()
        with pytest.raises(SiteInvalid):
            ship.rehearse(shore().bundle(*SECOND))
        (ship.site.versions / "1.0.1").rmdir()
        for bundle, error in ((shore().bundle("1.0.2", 3, "1.0.1"), NoSection), (_other_product(), WrongProduct)):
            with pytest.raises(error):
                ship.rehearse(bundle)
        assert ship.seen().keys() == before.keys()


class TestRefusals:
    """Each with the site as it was [A-17], and a sentence that names what is wrong."""

    @pytest.mark.parametrize(
        ("name", "seq", "bases", "error", "words"),
        [
            ("1.0.0", 1, (), None, ""),
            ("1.0.2", 3, ("1.0.1",), NoSection, r"deltas from [0-9a-f]{40} without the full release, and the site"),
            ("1.0.2", 1, (), Replay, "another release with this seq"),
        ],
    )
    def test_what_the_site_does_not_admit(
        self, ship: Ship, name: str, seq: int, bases: tuple[str, ...], error: type[BundleError] | None, words: str
    ) -> None:
        before = standing(ship)
        if error is None:
            assert ship.apply(shore().bundle(name, seq, *bases)).outcome == "already-current"
        else:
            with pytest.raises(error, match=words):
                ship.apply(shore().bundle(name, seq, *bases))
        as_it_was(ship, before)

    def test_another_product(self, ship: Ship) -> None:
        """[A-11]"""
        before = standing(ship)
        with pytest.raises(WrongProduct, match="'ecdis'; this site has 'vms'"):
            ship.apply(_other_product())
        as_it_was(ship, before)

    def test_an_old_release_is_not_played_again(self, tmp_path: Path) -> None:
        """[A-11]"""
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1", "1.0.2")
        before = standing(ship)
        for bundle in (shore().bundle("1.0.0", 1), shore().bundle("1.0.1", 2, "1.0.0")):
            with pytest.raises(Replay, match="use 'unrep rollback' to go back"):
                ship.apply(bundle)
        as_it_was(ship, before)
        assert ship.calls == []

    def test_a_version_whose_name_another_release_has(self, ship: Ship) -> None:
        """[A-11]"""
        with pytest.raises(VersionTaken, match=r"another release of version 1\.0\.0 is in use here"):
            ship.apply(shore().bundle("1.0.1", 2, "1.0.0", version="1.0.0"))

    @pytest.mark.parametrize("path", ["app/library.bin", "app/main.py", "docs/page.txt", "bin/start"])
    def test_a_file_that_was_changed_by_hand(self, ship: Ship, path: str) -> None:
        """[A-13]: whether a recipe reads it or it stays as it is; with content that fits and content that does not."""
        original = (ship.site.tree("1.0.0") / path).read_bytes()
        place = ship.spoil("1.0.0", path)
        before = standing(ship)
        with pytest.raises(BaseDrifted, match=rf"{spelled(f'versions/1.0.0/{path}')}: .*put the original file back"):
            ship.apply(shore().bundle(*SECOND))
        as_it_was(ship, before)
        assert ship.calls == [] and ship.runs[-1]["outcome"] == "refused"

        place.write_bytes(original)
        assert ship.apply(shore().bundle(*SECOND)).outcome == "applied"

    def test_a_strangers_directory_where_the_version_would_go(self, ship: Ship) -> None:
        """[A-14]"""
        stranger = ship.site.versions / "1.0.1"
        stranger.mkdir()
        (stranger / "precious").write_text("x")
        before = standing(ship)
        with pytest.raises(
            SiteInvalid, match=rf"{spelled('versions/1.0.1')}: is in the way of version 1\.0\.1, and not unrep's"
        ):
            ship.apply(shore().bundle(*SECOND))
        as_it_was(ship, before)
        (ship.site.versions / "of another name").mkdir()
        shutil.rmtree(stranger)
        assert ship.apply(shore().bundle(*SECOND)).outcome == "applied"
        assert (ship.site.versions / "of another name").is_dir()

    def test_a_real_directory_named_current(self, tmp_path: Path) -> None:
        """[A-2]"""
        ship = Ship(tmp_path)
        (ship.root / "current").mkdir()
        (ship.root / "current" / "precious").touch()
        with pytest.raises(SiteInvalid, match=r"current is not a (symbolic link|junction) that unrep made"):
            ship.apply(shore().bundle("1.0.0", 1))
        assert (ship.root / "current" / "precious").exists() and list(ship.site.versions.iterdir()) == []

    def test_a_damaged_manifest_of_the_base(self, ship: Ship) -> None:
        manifest = ship.site.manifest_file(shore().tree("1.0.0"))
        manifest.write_bytes(b"?" + manifest.read_bytes()[1:])
        before = standing(ship)
        with pytest.raises(SiteInvalid, match=f"{manifest.name}: damaged"):
            ship.apply(shore().bundle(*SECOND))
        as_it_was(ship, before)


class TestBadBundles:
    """Each refused by class, with the file named, and nothing at the site touched, not even the record."""

    @pytest.fixture
    def bundle(self) -> Path:
        return shore().bundle(*SECOND)

    def refused(self, ship: Ship, bundle: Path, error: type[BundleError], words: str) -> None:
        before = ship.seen("versions", "current")
        with pytest.raises(error, match=words) as caught:
            ship.apply(bundle)
        assert ship.seen("versions", "current") == before and ship.leftovers() == [] and ship.calls == []
        assert bundle.name in str(caught.value) and "\n" not in str(caught.value)

    def test_it_is_missing(self, ship: Ship, tmp_path: Path) -> None:
        self.refused(ship, tmp_path / "missing.unrep", InputError, "cannot be read: No such file")

    def test_it_is_a_directory(self, ship: Ship, tmp_path: Path) -> None:
        self.refused(ship, tmp_path, InputError, "cannot be read: Is a directory")

    @pytest.mark.parametrize("keep", [0, 1, 9, 60, 200, -1])
    def test_bytes_are_missing(self, ship: Ship, bundle: Path, tmp_path: Path, keep: int) -> None:
        short = tmp_path / "short.unrep"
        short.write_bytes(bundle.read_bytes()[:keep])
        self.refused(ship, short, BundleError, r"short\.unrep")

    def test_there_are_too_many(self, ship: Ship, bundle: Path, tmp_path: Path) -> None:
        long = tmp_path / "long.unrep"
        long.write_bytes(bundle.read_bytes() + b"\0")
        self.refused(ship, long, Malformed, "1 bytes too many")

    @pytest.mark.parametrize("offset", [0, 6, 40, 100, 200])
    def test_a_bit_is_flipped_in_its_header(self, ship: Ship, bundle: Path, tmp_path: Path, offset: int) -> None:
        self.refused(ship, bent(bundle, tmp_path, offset), BundleError, r"bent\.unrep")

    @pytest.mark.parametrize("offset", [-1, -50, -200])
    def test_a_bit_is_flipped_in_its_section(self, ship: Ship, bundle: Path, tmp_path: Path, offset: int) -> None:
        self.refused(ship, bent(bundle, tmp_path, offset), BundleError, r"bent\.unrep")

    def test_another_key_signed_it(self, ship: Ship, bundle: Path, tmp_path: Path) -> None:
        write_key_pair(tmp_path / "stranger")
        before = ship.seen("versions", "current")
        from apply.update import update

        with pytest.raises(Untrusted, match=bundle.name):
            update(bundle, ship.root, load_trust(tmp_path / "stranger.pub"), ship.config)
        assert ship.seen("versions", "current") == before


class TestQuarantine:
    def test_a_release_that_failed_stays_out_until_a_higher_seq(self, ship: Ship) -> None:
        """[A-11]"""
        ship.order("fail-restart-1.0.1")
        with pytest.raises(Exception, match=r"version 1\.0\.0 runs again"):
            ship.apply(shore().bundle(*SECOND))
        ship.relieve("fail-restart-1.0.1")
        assert ship.calls
        before = ship.seen("versions", "current")
        with pytest.raises(Quarantined, match=r"vms 1\.0\.1 \(seq 2\) is in quarantine until .* restart is broken"):
            ship.apply(shore().bundle(*SECOND))
        assert ship.seen("versions", "current") == before and ship.calls == []
        assert ship.apply(shore().bundle("1.0.1", 3, "1.0.0")).outcome == "applied"
        assert ship.state.quarantined == ()
        ship.check_sound()


class TestWhatIsAboardAlready:
    """A complete version from a run that ended before its intent is used again, after every file was hashed [A-17]."""

    @pytest.fixture
    def cut(self, ship: Ship) -> Ship:
        """Killed after the new version had its name."""
        ship.order("wait-prepare")
        with interrupted(ship):
            ship.apply(shore().bundle(*SECOND))
        ship.relieve("wait-prepare")
        assert ship.site.tree("1.0.1").is_dir() and ship.current == "1.0.0" and ship.state.pending is None
        return ship

    def test_it_is_not_built_again(self, cut: Ship) -> None:
        before = cut.seen("versions/1.0.1")
        report = cut.apply(shore().bundle(*SECOND))
        assert report.outcome == "applied" and "reconstruct" not in report.steps
        assert cut.seen("versions/1.0.1") == before
        cut.check_sound()

    @pytest.mark.parametrize("damage", ["file", "manifest", "tree"])
    def test_but_it_is_if_anything_is_wrong_with_it(self, cut: Ship, damage: str) -> None:
        if damage == "file":
            cut.spoil("1.0.1", "docs/guide.txt")
        elif damage == "manifest":
            cut.site.manifest_file(shore().tree("1.0.1")).write_bytes(b"?")
        else:
            shutil.rmtree(cut.site.tree("1.0.1"))
        report = cut.apply(shore().bundle(*SECOND))
        assert report.outcome == "applied" and "reconstruct" in report.steps
        cut.check_sound()

    def test_another_release_of_that_version_takes_its_place(self, cut: Ship) -> None:
        assert cut.apply(shore().bundle("1.0.2", 3, "1.0.0", version="1.0.1")).outcome == "applied"
        cut.check_sound()
        assert [path.name for path in cut.site.versions.iterdir() if path.name != "1.0.0"] == ["1.0.1"]

    def test_the_last_good_version_that_comes_again_is_not_lost_when_that_is_refused(self, tmp_path: Path) -> None:
        """[A-17], [A-32]"""
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
        before, state = standing(ship), ship.state
        ship.order("fail-snapshot")
        with pytest.raises(Exception, match="snapshot is broken"):
            ship.apply(shore().bundle("1.0.0", 3))
        as_it_was(ship, before)
        assert ship.state.last_good == state.last_good and ship.state.releases == state.releases
        ship.relieve("fail-snapshot")
        assert ship.apply(shore().bundle("1.0.0", 3)).to_version == "1.0.0"
        assert ship.state.last_good and ship.state.last_good.version == "1.0.1"
        ship.check_sound()

    def test_nor_is_an_older_version_that_nobody_needs(self, tmp_path: Path) -> None:
        """[A-17]: it stood there before."""
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1", "1.0.2")
        before = standing(ship)
        ship.order("fail-snapshot")
        with pytest.raises(Exception, match="snapshot is broken"):
            ship.apply(shore().bundle("1.0.0", 4))
        as_it_was(ship, before)

    @pytest.mark.parametrize("lost", ["tree", "manifest"])
    def test_the_last_good_version_without_its_tree_or_manifest(self, tmp_path: Path, lost: str) -> None:
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
        if lost == "tree":
            shutil.rmtree(ship.site.tree("1.0.0"))
            assert ship.apply(shore().bundle("1.0.0", 3)).outcome == "applied"
            ship.check_sound()
        else:
            ship.site.manifest_file(shore().tree("1.0.0")).unlink()
            with pytest.raises(Exception, match=shore().tree("1.0.0")):
                ship.apply(shore().bundle("1.0.0", 3))
            assert ship.current == "1.0.1"


class TestAFullDisk:
    """[A-15], [A-17]: really full, on a file system of its own."""

    @pytest.fixture
    def afloat(self, tmp_path: Path) -> Iterator[Ship]:
        with on_a_small_disk(tmp_path, "1.0.0") as ship:
            yield ship

    def test_before_anything_is_written(self, afloat: Ship) -> None:
        with filled(afloat.root, leave_bytes=8 << 20):
            before = standing(afloat)
            with pytest.raises(DiskFull, match=r"site: the new version needs [\d,]+ bytes, and [\d,]+ are free"):
                afloat.apply(shore().bundle(*SECOND))
            as_it_was(afloat, before)
            with pytest.raises(DiskFull):
                afloat.rehearse(shore().bundle(*SECOND))
        assert afloat.apply(shore().bundle(*SECOND)).outcome == "applied"

    def test_while_the_tree_is_rebuilt(self, afloat: Ship) -> None:
        """Something else fills the disk after preflight."""
        before, free = standing(afloat), shutil.disk_usage(afloat.root).free

        class Filling(Quiet):
            def start(self, label: str, total: int, unit: str) -> None:
                if label.startswith("rebuilding"):
                    self.filling = filled(afloat.root, leave_bytes=16_384)
                    self.filling.__enter__()

        progress = Filling()
        with pytest.raises(DiskFull, match="no space left on its file system: free some and run again"):
            afloat.apply(shore().bundle(*SECOND), progress)
        progress.filling.__exit__(None, None, None)
        as_it_was(afloat, before)
        assert free - shutil.disk_usage(afloat.root).free < 200_000, "the space was not given back"
        assert afloat.apply(shore().bundle(*SECOND)).outcome == "applied"
        afloat.check_sound()

    @pytest.mark.parametrize("step", ["prepare", "snapshot"])
    def test_when_the_intent_is_to_be_recorded(self, afloat: Ship, step: str) -> None:
        before = standing(afloat)
        afloat.order(f"fill-{step}")
        with pytest.raises(DiskFull, match=r"state\.db: no space left"):
            afloat.apply(shore().bundle(*SECOND))
        (afloat.root / "filler").unlink()
        afloat.relieve(f"fill-{step}")
        as_it_was(afloat, before)
        assert afloat.state.releases == (afloat.state.current,), "the next run has nothing left to do"
        assert afloat.apply(shore().bundle(*SECOND)).outcome == "applied"
        afloat.check_sound()


def _other_product() -> Path:
    return shore().bundle("1.0.1", 2, "1.0.0", product="ecdis")


def test_what_is_saved_of_a_release(ship: Ship) -> None:
    ship.apply(shore().bundle(*SECOND))
    current = ship.state.current
    assert current and msgspec.structs.asdict(current) | {"bundle": ""} == {
        "version": "1.0.1", "seq": 2, "epoch": 0, "tree": shore().tree("1.0.1"), "platform": "any", "bundle": "",
        "proven": True,
    }  # fmt: skip


def test_what_stands_complete_is_rehearsed_as_that(tmp_path: Path) -> None:
    """[A-16] [A-17]: nothing would be rebuilt, so nothing of the bundle is planned."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    bundle = shore().bundle("1.0.1", 2, "1.0.0")
    with pytest.raises(Postponed, match=r"version 1\.0\.1 is ready; not now"):
        update(bundle, ship.root, shore().trust, ship.config, obstacle=lambda: "not now")
    assert ship.current == "1.0.0" and ship.state.pending is None and not ship.state.quarantined
    report = ship.rehearse(bundle)
    assert report.reason == "would install 1.0.1 as it stands here, complete" and "plan" not in report.steps
    report = ship.apply(bundle)
    assert report.outcome == "applied" and "reconstruct" not in report.steps


def test_a_bundle_that_does_not_verify_says_what_serves(tmp_path: Path) -> None:
    """[A-149]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    bundle = tmp_path / "bad.unrep"
    bundle.write_bytes(b"no bundle")
    with pytest.raises(Malformed) as caught:
        ship.apply(bundle)
    assert caught.value.document and (caught.value.document["from"], caught.value.document["to"]) == ("1.0.0", "1.0.0")
    assert caught.value.document["code"] == "malformed"


def test_the_current_bundle_says_that_another_release_was_taken_back(tmp_path: Path) -> None:
    """[A-30]: something was done, so "nothing was done" would be wrong."""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    ship.order("wait-restart")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    ship.relieve("wait-restart")
    ship.order("fail-health-1.0.2")
    ship.configure(deadline_s=0.5)
    report = ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert report.outcome == "already-current" and "nothing was done" not in report.reason
    assert "version 1.0.2 failed" in report.reason and "version 1.0.1 runs again" in report.reason
    assert "nothing was done" in ship.apply(shore().bundle("1.0.1", 2, "1.0.0")).reason
