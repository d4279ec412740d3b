"""Whatever happens to a site, in whatever order: rules that hold for every history. spec/apply.md, sections 2 to 7."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apply.record.release import Release
from apply.record.state import MAX_ATTEMPTS, MAX_TRIAL_S, SiteState
from bundle.errors import Refused

NOW = 1_800_000_000
PRODUCT = "vms"

releases = st.builds(
    lambda number, seq, epoch, tree: Release(
        version=f"1.{number}", seq=seq, epoch=epoch, tree=f"tree{tree}", platform="any", bundle="b"
    ),
    st.integers(0, 5),
    st.integers(1, 8),
    st.integers(0, 1),
    st.integers(0, 5),
)


class Voyage(RuleBasedStateMachine):
    """A site to which bundles come, good and bad, while power fails and people intervene."""

    def __init__(self) -> None:
        super().__init__()
        self.state = SiteState()
        self.highest = (-1, 0)
        self.floor = 0
        self.failed: dict[str, tuple[int, int]] = {}
        self.starts = 0

    @property
    def _trial(self) -> bool:
        return self.state.pending is not None

    @rule(release=releases, created=st.integers(0, 2**33))
    def a_bundle_comes(self, release: Release, created: int) -> None:
        """As apply.update does it; the trial is left open for the other rules to end."""
        if self.state.pending and not self.state.pending.trouble:
            return
        if self.state.is_current(PRODUCT, release):
            self.state = self.state.renewed(release, created)
            self.floor = max(self.floor, created)
            return
        try:
            self.state.admit(PRODUCT, release)
        except Refused:
            return
        assert release.mark >= self.highest, "a release below the high-water mark came in [A-11]"
        assert self.failed.get(release.tree, (-1, 0)) < release.mark, "a release came in that had failed [A-11]"
        in_use = {r.version: r.tree for r in self.state.releases if r.version in self.state.needed}
        assert in_use.get(release.version, release.tree) == release.tree, "a needed tree would be lost [A-11]"
        placed = self.state.placed(release, created)
        self.floor = max(self.floor, created)
        self.state = placed.begun(PRODUCT, release, "run", NOW)
        self.starts = 0

    @precondition(lambda self: self._trial)
    @rule(later_s=st.integers(0, 2 * MAX_TRIAL_S))
    def it_is_started(self, later_s: int) -> None:
        pending = self.state.pending
        assert pending
        if pending.going_back or not self.state.may_try_again(NOW + later_s):
            return
        self.state = self.state.attempted()
        self.starts += 1
        assert not self.state.current or self.starts <= MAX_ATTEMPTS, "tried too often [A-24]"
        assert not self.state.current or later_s < MAX_TRIAL_S, "tried too late [A-24]"

    @precondition(lambda self: self._trial)
    @rule()
    def it_is_healthy(self) -> None:
        pending = self.state.pending
        assert pending
        if not pending.attempts or pending.going_back:
            return
        release, left = self.state.intended(), self.state.current
        self.state = self.state.committed()
        self.failed.pop(release.tree, None)
        if pending.by_hand and left and left.mark > release.mark:
            self.failed[left.tree] = left.mark
        assert self.state.current and self.state.current.tree == release.tree and self.state.current.proven

    @precondition(lambda self: self._trial and self.state.current is not None)
    @rule(old_is_healthy=st.booleans())
    def it_fails(self, old_is_healthy: bool) -> None:
        before, release = self.state.current, self.state.intended()
        self.state = self.state.backing_out("sick")
        self.failed[release.tree] = release.mark
        self.state = self.state.settled() if old_is_healthy else self.state.troubled("both sick")
        assert self.state.current == before, "going back is to the very version that was there [A-22]"

    @precondition(lambda self: self._trial and self.state.current is None)
    @rule()
    def a_first_install_fails(self) -> None:
        self.state = self.state.troubled("sick")

    @precondition(lambda self: not self._trial and self.state.releases)
    @rule(data=st.data())
    def a_person_rolls_back(self, data: st.DataObject) -> None:
        target = self.state.last_good or data.draw(st.sampled_from(self.state.releases))
        if target != self.state.current:
            self.state = self.state.begun(PRODUCT, target, "run", NOW, by_hand=True)
            self.starts = 0

    @precondition(lambda self: not self._trial and self.state.releases)
    @rule(data=st.data())
    def a_person_points_current_elsewhere(self, data: st.DataObject) -> None:
        self.state = self.state.adopted(data.draw(st.sampled_from(self.state.releases)))

    @rule(keep=st.integers(0, 3))
    def old_versions_make_room(self, keep: int) -> None:
        needed = self.state.needed
        doomed = self.state.dispensable(keep)
        for release in doomed:
            self.state = self.state.without(release.version)
        left = {release.version for release in self.state.releases}
        assert needed <= left, "a needed version was removed [A-32]"
        assert len(left) <= len(needed) + keep

    @initialize()
    def nothing(self) -> None:
        assert self.state.condition == "empty"

    @invariant()
    def the_high_water_mark_never_falls(self) -> None:
        """[A-9]"""
        mark = self.state.high_water.mark if self.state.high_water else (-1, 0)
        assert mark >= self.highest
        self.highest = mark

    @invariant()
    def the_time_floor_never_falls(self) -> None:
        """[A-10]"""
        assert self.state.time_floor >= self.floor

    @invariant()
    def what_it_names_is_aboard(self) -> None:
        versions = {release.version for release in self.state.releases}
        assert self.state.needed <= versions
        assert len({version.casefold() for version in versions}) == len(self.state.releases)

    @invariant()
    def what_failed_stays_out(self) -> None:
        held = {q.tree: (q.epoch, q.seq) for q in self.state.quarantined}
        assert all(held[tree] >= mark for tree, mark in self.failed.items())

    @invariant()
    def it_is_never_stuck(self) -> None:
        """From every state there is a way to rest by recovery alone, if a version is healthy [A-30]."""
        state, steps = self.state, 0
        while state.pending:
            steps += 1
            assert steps < 3
            if state.pending.going_back:
                state = state.settled()
            elif state.may_try_again(NOW):
                state = state.attempted().committed()
            else:
                state = state.backing_out("cut short too often")
        assert state.condition in ("ok", "empty")

    @invariant()
    def a_newer_release_always_comes_in(self) -> None:
        epoch, seq = self.state.high_water.mark if self.state.high_water else (0, 0)
        cure = Release(version="cure", seq=seq + 1, epoch=epoch, tree="cure", platform="any", bundle="b")
        self.state.admit(PRODUCT, cure)


Voyage.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, print_blob=True)
test_every_voyage = Voyage.TestCase
