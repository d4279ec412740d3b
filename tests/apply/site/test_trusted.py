"""Whom a site trusts: followed from bundle to bundle, saved, never given up for what somebody names. spec/trust.md."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from apply.errors import Held, SiteInvalid
from apply.hold import set_hold
from apply.record.admission import LeavesNoRoom, check_seq
from apply.record.high_water import HighWater
from apply.site.trusted import save_trust, saved_trust, site_trust
from apply.update import rehearse, update
from bundle.errors import Corrupt, Expired, InputError, Revoked, Untrusted
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust
from bundle.trust.trust_file import TrustFile
from tests.support.contents.trust import (
    MADE,
    NEXT,
    RELEASE,
    A,
    B,
    C,
    D,
    History,
    begun,
    raw,
    releases,
    signed_anew,
    signed_by_a_thief,
)
from tests.support.sites.site import QUIET, Ship, shore

FIRST = begun()
SECOND = FIRST.rotated(releases=releases(NEXT))
PLACE = shore().directory


def bundle(name: str, seq: int, history: History | None = FIRST, key: object = RELEASE, since: int = 0) -> Path:
    """A full bundle of that release, signed by that key and carrying that chain."""
    made = shore().bundle(name, seq)
    out = PLACE / f"trust-{len(list(PLACE.glob('trust-*')))}"
    return signed_anew(made, out, key, history, since)  # type: ignore[arg-type]


def apply(ship: Ship, path: Path, trust: Trust | None = None) -> str:
    return update(path, ship.root, trust, ship.config, QUIET).outcome


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """A site that was given trust root 1 with its first release."""
    ship = Ship(tmp_path)
    assert apply(ship, bundle("1.0.0", 1), FIRST.trust) == "applied"
    return ship


def test_a_site_saves_whom_it_was_given(ship: Ship) -> None:
    """[R-11]"""
    assert saved_trust(ship.site) == FIRST.trust
    assert apply(ship, bundle("1.0.1", 2)) == "applied"
    assert apply(ship, bundle("1.0.1", 2), FIRST.trust) == "already-current"


def test_a_site_of_a_plain_key_saves_nothing(tmp_path: Path) -> None:
    """[R-11]"""
    ship = Ship(tmp_path)
    apply(ship, bundle("1.0.0", 1), Trust((verifying_key(RELEASE),)))
    assert not (ship.site.private / "trust").exists()
    with pytest.raises(InputError, match="has no trust root yet; name with --trust"):
        apply(ship, bundle("1.0.1", 2))


def test_a_rotation_is_followed_and_the_old_release_key_is_out(ship: Ship) -> None:
    """[R-9], [R-11]"""
    apply(ship, bundle("1.0.1", 2, SECOND, NEXT))
    assert saved_trust(ship.site) == SECOND.trust
    with pytest.raises(Untrusted, match="0 of them trusted"):
        apply(ship, bundle("1.0.2", 3))
    with pytest.raises(Untrusted, match="0 of them trusted"):  # what is named by hand does not bring it back
        apply(ship, bundle("1.0.2", 3), FIRST.trust)


class TestAPlainKey:
    """[R-1], [R-20], [A-90]: whoever steals it can do harm until a person comes, and lose the site for nobody."""

    PLAIN = Trust((verifying_key(D),))
    LEADING_ON = begun(after=D, releases=releases(RELEASE, D))

    @pytest.fixture
    def plain_ship(self, tmp_path: Path) -> Ship:
        ship = Ship(tmp_path)
        apply(ship, bundle("1.0.0", 1, None, D), self.PLAIN)
        return ship

    def test_into_a_chain_by_hand(self, plain_ship: Ship) -> None:
        """The script aboard that names the key goes on working; the key alone no longer signs."""
        ship, adopted = plain_ship, begun(after=D)
        assert apply(ship, bundle("1.0.1", 2, adopted), adopted.trust) == "applied"
        assert apply(ship, bundle("1.0.1", 2, adopted), self.PLAIN) == "already-current"
        with pytest.raises(Untrusted, match="0 of them trusted"):
            apply(ship, bundle("1.0.2", 3, None, D), self.PLAIN)

    def test_a_bundle_brings_no_site_into_a_chain(self, plain_ship: Ship) -> None:
        """A thief's trust root 1, signed by the key that he stole, moves nothing; nor strands it shore's own."""
        ship = plain_ship
        report = update(bundle("1.0.1", 2, self.LEADING_ON, D), ship.root, self.PLAIN, ship.config, QUIET)
        assert report.outcome == "applied" and "shore offers trust root 1" in report.reason
        assert saved_trust(ship.site) is None
        with pytest.raises(Untrusted, match="offers trust root 1, which a person must adopt"):
            apply(ship, bundle("1.0.2", 3, self.LEADING_ON, RELEASE), self.PLAIN)
        assert apply(ship, bundle("1.0.2", 3, None, D), self.PLAIN) == "applied"

    @pytest.mark.parametrize("epoch", [1, 2**53 - 1])
    def test_no_epoch_is_begun(self, plain_ship: Ship, epoch: int) -> None:
        ahead = signed_anew(shore().bundle("1.0.1", 2, epoch=epoch), PLACE / f"plain-{epoch}", D, None)
        with pytest.raises(Untrusted, match="a plain key alone signs none above 0"):
            apply(plain_ship, ahead, self.PLAIN)

    @pytest.mark.parametrize(
        "seq", [20_261_130, 202_611_301_200, 20_261_130_120_000, 1_796_000_000_000, 99991231235959]
    )
    def test_dates_and_milliseconds_are_seqs(self, tmp_path: Path, seq: int) -> None:
        """[A-90]: at a first install, and as the step from a site that counted its releases."""
        assert apply(Ship(tmp_path / "first"), bundle("1.0.0", seq, None, D), self.PLAIN) == "applied"
        ship = Ship(tmp_path / "later")
        apply(ship, bundle("1.0.0", 7, None, D), self.PLAIN)
        assert apply(ship, bundle("1.0.1", seq, None, D), self.PLAIN) == "applied"

    @pytest.mark.parametrize("seq", [2**53 - 1, 2**53 - 2, 9 * 10**15, 2**52])
    @pytest.mark.parametrize("name", ["1.0.0", "1.0.1"], ids=["the current tree", "another"])
    def test_a_seq_that_leaves_no_room_is_refused(self, plain_ship: Ship, tmp_path: Path, seq: int, name: str) -> None:
        """[A-90]: of the current tree as well, whose bundle would only move the high-water mark."""
        ship, state = plain_ship, plain_ship.state
        thief = bundle(name, seq, None, D)
        for attempt in (
            lambda: apply(ship, thief, self.PLAIN),
            lambda: rehearse(thief, ship.root, self.PLAIN, ship.config, QUIET),
            lambda: apply(Ship(tmp_path / "empty"), thief, self.PLAIN),
        ):
            with pytest.raises(LeavesNoRoom, match=f"seq {seq} leaves too little room above it"):
                attempt()
        assert ship.state == state

    def test_after_every_leap_there_is_room(self, plain_ship: Ship) -> None:
        """[A-90]: a thief who takes the highest that he may, again and again, leaves seqs for shore."""
        state, release = plain_ship.state, plain_ship.state.current
        assert release
        seq = 0
        for _ in range(100):
            seq += (2**53 - 1 - seq) // 4
            leap = msgspec.structs.replace(release, seq=seq)
            check_seq(state, leap)
            state = state.renewed(leap, 0)
            check_seq(state, msgspec.structs.replace(release, seq=seq + 1))
        assert state.high_water == HighWater(0, seq, release.tree)

    def test_a_person_takes_the_site_back_with_another_key(self, plain_ship: Ship) -> None:
        """[R-20]: at a site that stays with a plain key; shore goes on above what the thief took."""
        ship, ahead = plain_ship, (2**53 - 1) // 4
        apply(ship, bundle("1.0.1", ahead, None, D), self.PLAIN)
        assert apply(ship, bundle("1.0.2", ahead + 1, None, C), Trust((verifying_key(C),))) == "applied"

    def test_a_person_takes_the_site_back_with_a_trust_root(self, plain_ship: Ship) -> None:
        """[R-20]: and a new epoch, in which seq begins again."""
        ship = plain_ship
        apply(ship, bundle("1.0.1", (2**53 - 1) // 4, None, D), self.PLAIN)
        anew = begun(epoch=1)
        good = signed_anew(shore().bundle("1.0.2", 1, epoch=1), PLACE / "plain-anew", RELEASE, anew)
        assert apply(ship, good, anew.trust) == "applied"
        assert saved_trust(ship.site) == anew.trust


def test_a_trust_that_does_not_belong_to_the_chain_is_refused(ship: Ship) -> None:
    """[R-11]"""
    before = ship.seen()
    other = begun(keys=sorted(map(raw, (A, B, D))))
    for stranger in (Trust((verifying_key(RELEASE),)), other.trust, other.rotated().trust):
        with pytest.raises(Untrusted, match=r"the site follows trust root 1, .* leave --trust out"):
            apply(ship, bundle("1.0.1", 2), stranger)
    assert ship.seen() == before


def test_a_newer_trust_file_by_hand_adds_to_what_is_saved(ship: Ship) -> None:
    """[R-11]: a stick with the trust file alone closes a gap that a bundle left."""
    third = SECOND.rotated()
    last = bundle("1.0.1", 2, third, NEXT, 3)
    with pytest.raises(Untrusted, match="those after 1 are missing"):
        apply(ship, last)
    apply(ship, last, third.revoking(RELEASE).trust)
    saved = saved_trust(ship.site)
    assert saved and saved.root.version == 3 and saved.revocations


def test_revoked_offline_by_one_bundle(ship: Ship) -> None:
    """[R-6]: and saved, though the next bundles carry no list."""
    both = FIRST.rotated(releases=releases(RELEASE, NEXT))
    apply(ship, bundle("1.0.1", 2, both.revoking(RELEASE), NEXT))
    before = ship.seen()
    with pytest.raises(Untrusted, match="which is revoked"):
        apply(ship, bundle("1.0.2", 3))
    assert ship.seen() == before
    assert apply(ship, bundle("1.0.2", 3, None, NEXT)) == "applied"


def test_a_revoked_release_is_refused_and_stays_where_it_is(ship: Ship) -> None:
    """[R-6]"""
    apply(ship, bundle("1.0.1", 2))
    taken_back = FIRST.revoking(trees=[bytes.fromhex(shore().tree("1.0.1"))])
    assert apply(ship, bundle("1.0.2", 3, taken_back)) == "applied"
    with pytest.raises(Revoked):
        apply(ship, bundle("1.0.1", 4, None))
    assert ship.roll_back().to_version == "1.0.1"


def test_what_a_refused_release_taught_is_saved(ship: Ship) -> None:
    """[R-11]: its header is good; that the release is too old is another matter."""
    apply(ship, bundle("1.0.1", 5))
    with pytest.raises(Exception, match="older than seq 5"):
        apply(ship, bundle("1.0.2", 3, SECOND, NEXT))
    assert saved_trust(ship.site) == SECOND.trust


class TestKeptBeforeARefusal:
    """[R-11]: a list and trust roots prove themselves, whoever signed the bundle that shows them."""

    BOTH = FIRST.rotated(releases=releases(RELEASE, NEXT))

    def stolen(self, name: str, seq: int, history: History, **more: int) -> Path:
        """A bundle with that chain, signed by a key that it takes back."""
        return signed_by_a_thief(shore().bundle(name, seq, **more), PLACE / f"thief-{name}-{seq}", RELEASE, history)

    def test_a_list_of_a_bundle_by_the_key_that_it_revokes(self, ship: Ship) -> None:
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(ship, self.stolen("1.0.1", 2, self.BOTH.revoking(RELEASE)))
        saved = saved_trust(ship.site)
        assert saved and saved.revocations and saved.root.version == 2
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(ship, bundle("1.0.1", 2, None))

    def test_a_list_that_revokes_the_very_release(self, ship: Ship) -> None:
        with pytest.raises(Revoked):
            apply(ship, self.stolen("1.0.1", 2, FIRST.revoking(trees=[bytes.fromhex(shore().tree("1.0.1"))])))
        with pytest.raises(Revoked):
            apply(ship, bundle("1.0.1", 2, None))

    def test_a_trust_root_of_a_bundle_by_a_key_that_it_drops(self, ship: Ship) -> None:
        with pytest.raises(Untrusted, match="0 of them trusted"):
            apply(ship, self.stolen("1.0.1", 2, SECOND))
        assert saved_trust(ship.site) == SECOND.trust

    def test_an_epoch_that_was_not_begun(self, ship: Ship) -> None:
        with pytest.raises(Untrusted, match="epoch 2 was not begun by trust root 2"):
            apply(ship, self.stolen("1.0.1", 2, self.BOTH, epoch=2))
        assert saved_trust(ship.site) == self.BOTH.trust

    def test_a_bundle_that_is_cut_short(self, ship: Ship) -> None:
        whole = bundle("1.0.1", 2, SECOND, NEXT)
        whole.write_bytes(whole.read_bytes()[:-1])
        with pytest.raises(Corrupt):
            apply(ship, whole)
        assert saved_trust(ship.site) == SECOND.trust

    def test_an_expired_one_where_that_refuses(self, ship: Ship) -> None:
        ship.configure(extra="[trust]\nstrict_expiry = true\n")
        expired = FIRST.rotated(releases=releases(RELEASE, expires=MADE + 1))
        with pytest.raises(Expired):
            apply(ship, bundle("1.0.1", 2, expired))
        assert saved_trust(ship.site) == expired.trust

    def test_a_site_that_was_held(self, ship: Ship) -> None:
        set_hold(ship.site, "Strait of Dover")
        with pytest.raises(Held):
            apply(ship, bundle("1.0.1", 2, SECOND, NEXT))
        assert saved_trust(ship.site) == SECOND.trust

    def test_a_site_that_has_saved_nothing_yet(self, tmp_path: Path) -> None:
        """The trust that a person named has proven itself by what it signed."""
        empty = Ship(tmp_path)
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(empty, self.stolen("1.0.0", 1, FIRST.revoking(RELEASE)), FIRST.trust)
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(empty, bundle("1.0.0", 1, None), FIRST.trust)

    def test_trust_roots_beside_a_list_that_is_too_old(self, ship: Ship) -> None:
        apply(ship, bundle("1.0.1", 2, FIRST.revoking(D).revoking(D)))
        with pytest.raises(Untrusted, match="version 1 is older than the known version 2"):
            apply(ship, bundle("1.0.2", 3, SECOND.revoking(D), NEXT))
        saved = saved_trust(ship.site)
        assert saved and saved.root.version == 2 and saved.revocations and saved.revocations.listed.version == 2

    def test_a_file_that_a_person_named_beside_it(self, ship: Ship) -> None:
        """Its list holds, though the bundle is refused for it; a rehearsal saves nothing."""
        given, path = self.BOTH.revoking(RELEASE).trust, bundle("1.0.1", 2, None)
        before = ship.seen()
        with pytest.raises(Untrusted, match="which is revoked"):
            rehearse(path, ship.root, given, ship.config, QUIET)
        assert ship.seen() == before
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(ship, path, given)
        with pytest.raises(Untrusted, match="which is revoked"):
            apply(ship, path)

    def test_what_is_forged_is_not_saved(self, ship: Ship) -> None:
        before = ship.seen()
        stranger = begun(keys=sorted(map(raw, (A, B, D)))).rotated(signers=(A, D)).revoking(RELEASE, signers=(A, D))
        with pytest.raises(Untrusted, match="trust root 2: signed by 1 keys of trust root 1, 2 needed"):
            apply(ship, self.stolen("1.0.1", 2, stranger))
        assert ship.seen() == before


def test_a_rehearsal_saves_nothing(ship: Ship) -> None:
    before = ship.seen()
    assert rehearse(bundle("1.0.1", 2, SECOND, NEXT), ship.root, None, ship.config, QUIET).outcome == "would-apply"
    assert ship.seen() == before


def test_a_new_epoch_undoes_a_stolen_key_that_ran_ahead(ship: Ship) -> None:
    """[R-7], [A-9]"""
    thief = shore().bundle("1.0.1", 2**53 - 1)
    apply(ship, signed_anew(thief, PLACE / "trust-thief", RELEASE, None))
    assert ship.state.high_water == HighWater(0, 2**53 - 1, shore().tree("1.0.1"))
    ahead = signed_anew(shore().bundle("1.0.2", 1, epoch=2), PLACE / "trust-ahead", RELEASE, None)
    with pytest.raises(Untrusted, match="epoch 2 was not begun"):
        apply(ship, ahead)
    anew = FIRST.rotated(releases=releases(NEXT), epoch=1)
    good = signed_anew(shore().bundle("1.0.2", 1, epoch=1), PLACE / "trust-epoch", NEXT, anew)
    assert apply(ship, good) == "applied"


class TestDamage:
    def test_what_is_kept_is_spoiled(self, ship: Ship) -> None:
        for spoil in (lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""):
            good = ship.site.trust_file.read_bytes()
            ship.site.trust_file.write_bytes(spoil(good))
            with pytest.raises(SiteInvalid, match=r"chain: damaged .* remove it and name with --trust"):
                apply(ship, bundle("1.0.1", 2))
            ship.site.trust_file.write_bytes(good)

    def test_what_is_kept_never_shrinks(self, ship: Ship) -> None:
        apply(ship, bundle("1.0.1", 2, SECOND, NEXT))
        saved = ship.site.trust_file.read_bytes()
        apply(ship, bundle("1.0.2", 3, None, NEXT), FIRST.trust)
        assert ship.site.trust_file.read_bytes() == saved
        assert site_trust(ship.site, FIRST.trust) == SECOND.trust
        save_trust(ship.site, FIRST.trust)  # as of a run that had read the chain before another one went on
        assert ship.site.trust_file.read_bytes() == saved


class TestClock:
    """[R-13], [R-14], bad input 62: nothing that a clock says keeps a release out, unless the site asks for that."""

    EXPIRED = begun(releases=releases(RELEASE, expires=MADE + 1000))

    @pytest.fixture
    def at(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        return lambda now: monkeypatch.setattr(time, "time", lambda: float(now))

    def test_62_at_1970_2038_2099_and_jumping(self, tmp_path: Path, at: Callable[[int], None]) -> None:
        outcomes = []
        for number, clocks in enumerate(([0, 0, 0], [2**31] * 3, [4_070_908_800] * 3, [4_070_908_800, 0, 2**31])):
            ship = Ship(tmp_path / str(number))
            endings = []
            for name, seq, now in zip(("1.0.0", "1.0.1", "1.0.2"), (1, 2, 3), clocks, strict=True):
                at(now)
                path = bundle(name, seq, self.EXPIRED)
                endings.append(apply(ship, path, self.EXPIRED.trust))
            assert ship.current == "1.0.2"
            outcomes.append((endings, ship.state.high_water, saved_trust(ship.site)))
        assert all(outcome == outcomes[0] for outcome in outcomes) and outcomes[0][0] == ["applied"] * 3

    def test_expiry_is_told(self, tmp_path: Path, at: Callable[[int], None]) -> None:
        at(4_070_908_800)
        ship = Ship(tmp_path)
        report = update(bundle("1.0.0", 1, self.EXPIRED), ship.root, self.EXPIRED.trust, ship.config, QUIET)
        assert report.outcome == "applied" and f"release key {verifying_key(RELEASE).key_id.hex()} expired on" in (
            report.reason
        )

    def test_strict_expiry_refuses(self, tmp_path: Path, at: Callable[[int], None]) -> None:
        ship = Ship(tmp_path)
        ship.configure(extra="[trust]\nstrict_expiry = true\n")
        before = ship.seen()
        at(4_070_908_800)
        with pytest.raises(Expired, match=r"expired on .*strict_expiry is set"):
            update(bundle("1.0.0", 1, self.EXPIRED), ship.root, self.EXPIRED.trust, ship.config, QUIET)
        with pytest.raises(Expired, match=r"expired on .*strict_expiry is set"):
            rehearse(bundle("1.0.0", 1, self.EXPIRED), ship.root, self.EXPIRED.trust, ship.config, QUIET)
        assert ship.seen() == before
        at(0)  # a clock that is known to be wrong does not bring the key back: shore spoke of a later time
        with pytest.raises(Expired):
            update(bundle("1.0.0", 1, self.EXPIRED), ship.root, self.EXPIRED.trust, ship.config, QUIET)

    def test_what_shore_spoke_of_moves_the_floor(self, ship: Ship) -> None:
        """[R-14], [A-10]"""
        late = FIRST.revoking(D, created=4_000_000_000)
        apply(ship, bundle("1.0.1", 2, late))
        assert ship.state.time_floor == 4_000_000_000

    @pytest.fixture
    def strict_ship(self, tmp_path: Path) -> Ship:
        """A site that is strict about expiry, and was made to believe by a stolen release key that it is 2125."""
        ship, made = Ship(tmp_path), shore().directory / "far"
        ship.configure(extra="[trust]\nstrict_expiry = true\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOURCE_DATE_EPOCH", str(2**53 - 1))
            thief = shore().bundle("1.0.0", 1, version="far", product="vms")
        both = begun(releases=sorted([*releases(RELEASE), *releases(NEXT, expires=4_000_000_000)], key=lambda r: r.key))
        assert apply(ship, signed_anew(thief, made, RELEASE, both), both.trust) == "applied"
        assert ship.state.time_floor == both.trust.speaks_until < 2**33
        with pytest.raises(Expired):
            apply(ship, bundle("1.0.1", 2, both, NEXT))
        return ship

    def test_a_revoked_key_takes_its_times_with_it(self, strict_ship: Ship) -> None:
        """[R-19]: a floor that is a century ahead locks nobody out for ever."""
        both = History(self.kept_file(strict_ship)).revoking(RELEASE)
        assert apply(strict_ship, bundle("1.0.1", 2, both, NEXT)) == "applied"
        assert strict_ship.state.time_floor < 4_000_000_000

    def test_a_trust_root_renews_the_floor(self, strict_ship: Ship) -> None:
        """[R-19]: though it drops no key."""
        rotated = History(self.kept_file(strict_ship)).rotated()
        assert apply(strict_ship, bundle("1.0.1", 2, rotated, NEXT)) == "applied"
        assert strict_ship.state.time_floor < 4_000_000_000

    @staticmethod
    def kept_file(ship: Ship) -> TrustFile:
        saved = saved_trust(ship.site)
        assert saved
        return saved.file()


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_nothing_is_left_beside_the_chain(ship: Ship) -> None:
    apply(ship, bundle("1.0.1", 2, SECOND, NEXT))
    assert [path.name for path in ship.site.trust_file.parent.iterdir()] == ["chain"]
    shutil.rmtree(ship.site.trust_file.parent)
    assert apply(ship, bundle("1.0.2", 3, SECOND, NEXT), begun().trust) == "applied"
