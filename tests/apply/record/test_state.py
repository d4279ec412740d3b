"""The site's rules, without a site: what is admitted, how a trial may go, what stays. spec/apply.md."""

from collections.abc import Callable

import msgspec
import pytest

from apply.record.release import Release
from apply.record.state import (
    MAX_ATTEMPTS,
    MAX_TRIAL_S,
    OutOfOrder,
    Quarantined,
    Replay,
    SiteState,
    VersionTaken,
    WrongProduct,
)
from bundle.errors import Refused

NOW = 1_800_000_000


def release(seq: int, version: str = "", tree: str = "", epoch: int = 0) -> Release:
    return Release(
        version=version or f"1.0.{seq}", seq=seq, epoch=epoch, tree=tree or f"tree{seq}", platform="any", bundle="b"
    )


def on_trial(state: SiteState, new: Release, *, by_hand: bool = False) -> SiteState:
    """The state with that release placed, intended and started once."""
    placed = state if state.find(new.version) == new else state.placed(new, NOW)
    return placed.begun("vms", new, "run", NOW, by_hand=by_hand).attempted()


def installed(*releases: Release) -> SiteState:
    """A site where they were applied, one after the other."""
    state = SiteState()
    for new in releases:
        state = on_trial(state, new).committed()
    return state


def by_hand(state: SiteState, version: str) -> SiteState:
    target = state.find(version)
    assert target
    return state.begun("vms", target, "run", NOW, by_hand=True).attempted().committed()


TWO = installed(release(1), release(2))


class TestWhatIsAdmitted:
    """[A-9] and [A-11]."""

    def test_a_newer_release(self) -> None:
        TWO.admit("vms", release(3))

    def test_anything_at_an_empty_site(self) -> None:
        SiteState().admit("vms", release(7))

    def test_the_release_at_the_high_water_mark_itself(self) -> None:
        cut = on_trial(TWO, release(3)).backing_out("sick").settled()
        state = msgspec.structs.replace(cut, quarantined=())
        state.admit("vms", release(3))

    @pytest.mark.parametrize(
        ("state", "new", "error", "words"),
        [
            (TWO, release(1), Replay, "older than seq 2"),
            (TWO, release(2, "1.0.9", "other"), Replay, "another release with this seq"),
            (TWO, release(1, "9.9.9", "other", epoch=0), Replay, "unrep rollback"),
            (installed(release(9, epoch=1)), release(10, epoch=0), Replay, "epoch 1"),
            (TWO, release(3, "1.0.2", "other"), VersionTaken, "another release of version 1.0.2"),
            (TWO, release(3, "1.0.1", "other"), VersionTaken, "another release of version 1.0.1"),
            (on_trial(TWO, release(3)), release(4, "1.0.3", "other"), VersionTaken, "version 1.0.3"),
            (by_hand(TWO, "1.0.1"), release(2), Quarantined, "rolled back by hand to 1.0.1"),
            (on_trial(TWO, release(3)).backing_out("it is sick").settled(), release(3), Quarantined, "it is sick"),
        ],
    )
    def test_not(self, state: SiteState, new: Release, error: type[Refused], words: str) -> None:
        with pytest.raises(error, match=words):
            state.admit("vms", new)

    @pytest.mark.parametrize("ask", [SiteState.admit, SiteState.is_current])
    def test_another_product(self, ask: Callable[[SiteState, str, Release], object]) -> None:
        with pytest.raises(WrongProduct, match="'ecdis'; this site has 'vms'"):
            ask(TWO, "ecdis", release(3))

    def test_a_later_epoch_starts_seq_again(self) -> None:
        TWO.admit("vms", release(1, "2.0.0", "other", epoch=1))

    def test_a_version_whose_old_release_is_not_needed_any_more(self) -> None:
        three = installed(release(1), release(2), release(3))
        three.admit("vms", release(4, "1.0.1", "other"))

    def test_letter_case_does_not_make_another_version(self) -> None:
        state = installed(release(1, "1.0-RC"))
        with pytest.raises(VersionTaken):
            state.admit("vms", release(2, "1.0-rc", "other"))
        with pytest.raises(VersionTaken):  # the same tree, whose directory has the other name
            on_trial(state, release(2)).committed().admit("vms", release(3, "1.0-rc", "tree1"))


class TestQuarantine:
    FAILED = on_trial(TWO, release(3)).backing_out("sick").settled()

    def test_a_higher_seq_lifts_it(self) -> None:
        self.FAILED.admit("vms", release(4, tree="tree3"))
        self.FAILED.admit("vms", release(1, tree="tree3", version="2", epoch=1))

    def test_another_tree_is_free(self) -> None:
        self.FAILED.admit("vms", release(4))

    def test_a_commit_of_the_tree_ends_it(self) -> None:
        """[A-25]"""
        again = on_trial(self.FAILED, release(4, tree="tree3")).committed()
        assert again.quarantined == ()
        assert again.current and again.current.proven and again.pending is None

    def test_it_is_recorded_once_however_often_going_back_is_repeated(self) -> None:
        back = on_trial(TWO, release(3)).backing_out("first").backing_out("second")
        assert [q.reason for q in back.quarantined] == ["second"]

    def test_what_was_rolled_back_by_hand_stays_out_and_its_successor_comes_in(self) -> None:
        """[A-27]"""
        state = by_hand(TWO, "1.0.1")
        assert state.current_version == "1.0.1"
        assert [q.tree for q in state.quarantined] == ["tree2"]
        state.admit("vms", release(3))

    def test_a_way_forward_by_hand_ends_it_and_puts_nothing_in(self) -> None:
        state = by_hand(by_hand(TWO, "1.0.1"), "1.0.2")
        assert state.current_version == "1.0.2" and state.quarantined == ()


class TestOrder:
    """[A-9]: the mark rises with an intent, and never falls."""

    def test_placing_does_not_raise_it(self) -> None:
        assert TWO.placed(release(3), NOW).high_water == TWO.high_water

    def test_an_intent_raises_it_even_if_it_fails(self) -> None:
        failed = on_trial(TWO, release(3)).backing_out("sick").settled()
        assert failed.high_water and failed.high_water.mark == (0, 3)

    def test_going_back_by_hand_does_not_lower_it(self) -> None:
        state = by_hand(TWO, "1.0.1")
        assert state.high_water and state.high_water.mark == (0, 2)
        with pytest.raises(Replay):
            msgspec.structs.replace(state, quarantined=()).admit("vms", release(1, "9", "other"))

    def test_the_current_tree_under_a_higher_seq_raises_it(self) -> None:
        state = TWO.renewed(release(5, "1.0.2", "tree2"), NOW)
        assert state.high_water and state.high_water.mark == (0, 5)
        assert state.current and state.current.seq == 5 and state.current.proven
        with pytest.raises(Replay):
            state.admit("vms", release(4))

    def test_the_current_tree_under_a_lower_seq_changes_nothing_but_the_time_floor(self) -> None:
        assert TWO.renewed(release(1, "1.0.2", "tree2"), NOW + 5) == msgspec.structs.replace(TWO, time_floor=NOW + 5)


class TestTimeFloor:
    """[A-10]"""

    def test_it_rises_with_what_is_placed_or_confirmed_and_never_falls(self) -> None:
        state = SiteState().placed(release(1), 500)
        assert state.time_floor == 500
        assert state.placed(release(2), 400).time_floor == 500
        assert on_trial(state, release(1)).committed().renewed(release(1), NOW + 1).time_floor == NOW + 1

    @pytest.mark.parametrize("created", [0, 2**31, 4_070_908_800])
    def test_no_time_refuses_a_release(self, created: int) -> None:
        state = TWO.placed(release(3), created)
        state.admit("vms", release(4))


class TestTrial:
    def test_it_ends_in_a_commit(self) -> None:
        state = on_trial(TWO, release(3))
        assert state.condition == "pending" and state.current_version == "1.0.2"
        done = state.committed()
        assert done.condition == "ok" and done.current_version == "1.0.3"
        assert done.current and done.current.proven

    def test_or_back_where_it_was(self) -> None:
        back = on_trial(TWO, release(3)).backing_out("sick")
        assert back.condition == "pending" and back.pending and back.pending.going_back
        assert back.settled().current == TWO.current and back.settled().pending is None

    def test_trouble_is_degraded_and_admits_a_new_release(self) -> None:
        """[A-23]"""
        state = on_trial(TWO, release(3)).backing_out("sick").troubled("both are sick")
        assert state.condition == "degraded"
        assert on_trial(state, release(4)).committed().condition == "ok"

    def test_so_is_a_first_install_that_failed(self) -> None:
        state = on_trial(SiteState(), release(1)).troubled("sick")
        assert state.condition == "degraded" and state.current is None
        assert on_trial(state, release(2)).committed().condition == "ok"

    def test_a_retry_that_succeeds_ends_the_trouble(self) -> None:
        state = on_trial(SiteState(), release(1)).troubled("sick")
        assert state.attempted().committed().condition == "ok"

    def test_attempts_and_time_are_bounded(self) -> None:
        """[A-24]"""
        state = TWO.placed(release(3), NOW).begun("vms", release(3), "run", NOW)
        for _ in range(MAX_ATTEMPTS):
            assert state.may_try_again(NOW + MAX_TRIAL_S - 1)
            assert not state.may_try_again(NOW + MAX_TRIAL_S)
            state = state.attempted()
        assert not state.may_try_again(NOW)

    def test_but_not_those_of_a_first_install(self) -> None:
        """[A-24]"""
        state = on_trial(SiteState(), release(1))
        for _ in range(2 * MAX_ATTEMPTS):
            state = state.attempted()
        assert state.may_try_again(NOW + 2 * MAX_TRIAL_S)

    @pytest.mark.parametrize(
        ("state", "step"),
        [
            (TWO, SiteState.attempted),
            (TWO, SiteState.committed),
            (TWO, SiteState.settled),
            (TWO, lambda state: state.troubled("x")),
            (TWO, lambda state: state.backing_out("x")),
            (TWO, lambda state: state.intended()),
            (TWO, lambda state: state.renewed(release(3), NOW)),
            (on_trial(TWO, release(3)), lambda state: state.begun("vms", release(3), "run", NOW)),
            (on_trial(TWO, release(3)), lambda state: state.adopted(release(1))),
            (on_trial(TWO, release(3)), SiteState.settled),
            (on_trial(TWO, release(3)).backing_out("x"), SiteState.attempted),
            (on_trial(TWO, release(3)).backing_out("x"), SiteState.committed),
            (TWO.placed(release(3), NOW).begun("vms", release(3), "run", NOW), SiteState.committed),
            (on_trial(SiteState(), release(1)), lambda state: state.backing_out("x")),
            (on_trial(TWO, release(3)), lambda state: state.without("1.0.3")),
            (TWO, lambda state: state.without("1.0.2")),
            (TWO, lambda state: state.without("1.0.1")),
        ],
    )
    def test_no_other_transition_exists(self, state: SiteState, step: Callable[[SiteState], object]) -> None:
        with pytest.raises(OutOfOrder):
            step(state)

    def test_another_product_is_not_begun(self) -> None:
        with pytest.raises(WrongProduct):
            TWO.placed(release(3), NOW).begun("ecdis", release(3), "run", NOW)


class TestLastGood:
    """[A-26]: the newest release before the current one that was healthy here."""

    def test_the_one_before(self) -> None:
        assert TWO.last_good and TWO.last_good.version == "1.0.1"
        assert SiteState().last_good is None and installed(release(1)).last_good is None

    def test_not_one_that_was_never_healthy(self) -> None:
        state = TWO.placed(release(3), NOW)
        four = on_trial(state, release(4)).committed()
        assert four.last_good and four.last_good.version == "1.0.2"

    def test_not_one_that_was_taken_back(self) -> None:
        four = on_trial(by_hand(TWO, "1.0.1"), release(4)).committed()
        assert four.last_good and four.last_good.version == "1.0.1"


class TestRetention:
    """[A-32]"""

    MANY = installed(*(release(seq) for seq in range(1, 7)))

    @pytest.mark.parametrize(
        ("keep", "gone"),
        [(0, {"1.0.1", "1.0.2", "1.0.3", "1.0.4"}), (1, {"1.0.1", "1.0.2", "1.0.3"}), (3, {"1.0.1"}), (4, set())],
    )
    def test_the_newest_stay(self, keep: int, gone: set[str]) -> None:
        assert {r.version for r in self.MANY.dispensable(keep)} == gone

    def test_the_current_the_last_good_and_the_pending_one_always_stay(self) -> None:
        state = on_trial(self.MANY, release(7))
        assert state.needed == {"1.0.5", "1.0.6", "1.0.7"}
        assert not {r.version for r in state.dispensable(0)} & state.needed

    def test_a_proven_one_stays_before_a_newer_one_that_failed(self) -> None:
        state = on_trial(self.MANY, release(7)).backing_out("sick").settled()
        assert [r.version for r in state.dispensable(1)] == ["1.0.3", "1.0.2", "1.0.1", "1.0.7"]

    def test_after_a_rollback_far_back_the_current_one_stays(self) -> None:
        state = by_hand(self.MANY, "1.0.2")
        assert state.needed == {"1.0.1", "1.0.2"}
        assert [r.version for r in state.dispensable(3)] == ["1.0.6"]


def test_the_state_survives_its_own_encoding() -> None:
    """[A-7]: what is saved is what is read."""
    state = on_trial(by_hand(TWO, "1.0.1"), release(3)).backing_out("sick").troubled("very")
    assert msgspec.json.decode(msgspec.json.encode(state), type=SiteState) == state


def test_an_adopted_release_is_current_from_now_on() -> None:
    """[A-31]"""
    state = TWO.adopted(release(1))
    assert state.current_version == "1.0.1" and state.condition == "ok" and state.high_water == TWO.high_water
