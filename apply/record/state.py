"""What a site knows about itself, and the rules by which that may change: spec/apply.md, sections 2 to 4.

Pure: no clock, no file, no `current` is read here. Each transition checks that it is allowed and returns the state
that follows. `apply.record.database` makes it durable, `apply.trial` and `apply.recover` act by it.

    nothing pending ── begun ──> INTENDED ── attempted ──> STARTED ── committed ──> nothing pending, on the new release
    INTENDED, STARTED ── backing_out ──> GOING_BACK ── settled ──> nothing pending, on the old release
    GOING_BACK ── troubled ──> STUCK_GOING_BACK       INTENDED, STARTED of a first install ── troubled ──> STUCK

The phases in capitals are those of `apply.record.intent.Phase`. From a stuck phase the same transitions lead on as from
the phase before it. So does `begun`, with another release.
"""

from typing import Literal

import msgspec

from apply.record.authority import Attribution, Authority
from apply.record.high_water import HighWater, Shore
from apply.record.intent import Intent
from apply.record.release import Quarantine, Release, quarantine, still_of_use
from apply.record.stranded import Stranded
from apply.record.trouble import Trouble, TroubleKind
from bundle.errors import Refused
from bundle.trust.heartbeat import Heartbeat

MAX_ATTEMPTS = 3
MAX_TRIAL_S = 24 * 3600  # a release that could not prove itself in a day is taken back, however often it was cut short

Condition = Literal["empty", "ok", "pending", "degraded"]


class WrongProduct(Refused):
    """The bundle brings another product than the site's."""


class Replay(Refused):
    """The bundle is older than what the site has accepted, or claims the seq of another release."""


class Quarantined(Refused):
    """The release failed here before, and no newer seq lifts that."""


class VersionTaken(Refused):
    """Another release of the same version stands at the site and is still needed."""


class OutOfOrder(Exception):
    """A transition that the state machine does not have: a defect of unrep."""


class SiteState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of a site. `current_version`: the release last committed, "" before the first.

    time_floor: the latest time that shore has signed, in seconds since 1970; a clock below it is wrong [A-10].
    heard_at: when something new last came from shore [R-16], 0 for unknown. shore: its latest heartbeat.
    floor_from: who signed the time floor [R-19]. passed_checks: the health checks that were passed here, by fingerprint
    [A-144]. stranded: as it was found last; see `out_of_reach`. troubles: what the agent found wrong at rest [A-151].
    """

    product: str = ""
    current_version: str = ""
    pending: Intent | None = None
    releases: tuple[Release, ...] = ()
    high_water: HighWater | None = None
    quarantined: tuple[Quarantine, ...] = ()
    time_floor: int = 0
    heard_at: int = 0
    shore: Shore | None = None
    floor_from: Attribution = Attribution()
    stranded: Stranded | None = None
    passed_checks: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    # What it says

    @property
    def condition(self) -> Condition:
        """One word for a person."""
        if self.pending:
            return "degraded" if self.pending.phase.needs_person else "pending"
        return "ok" if self.current_version else "empty"

    @property
    def unfinished(self) -> bool:
        """Whether a switch is pending that no other may follow: its end, good or bad, is not on record yet."""
        return self.pending is not None and not self.pending.phase.needs_person

    @property
    def current(self) -> Release | None:
        """The release last committed."""
        return self.find(self.current_version)

    @property
    def last_good(self) -> Release | None:
        """Where a rollback by hand goes: the newest release before the current one that was healthy here."""
        current = self.current
        earlier = [r for r in self.releases if current and r.mark < current.mark and r.proven]
        return max((r for r in earlier if not self._is_quarantined(r)), key=lambda r: r.mark, default=None)

    @property
    def needed(self) -> frozenset[str]:
        """The versions that nothing may remove: current, last good, pending."""
        named = (self.current_version, self.last_good and self.last_good.version, self.pending and self.pending.version)
        return frozenset(version for version in named if version)

    @property
    def waiting(self) -> bool:
        """Whether shore has announced a release that has not come here."""
        mark = self.high_water.mark if self.high_water else (0, 0)
        return self.shore is not None and (self.shore.epoch, self.shore.seq) > mark

    @property
    def out_of_reach(self) -> Stranded | None:
        """The release to which nothing leads from here, unless it, or a newer one, came in since [A-131]."""
        reached = self.current is not None and self.stranded is not None and self.current.mark >= self.stranded.mark
        return None if reached else self.stranded

    def trouble(self, kind: TroubleKind) -> Trouble | None:
        """What is on record of that kind."""
        return next((trouble for trouble in self.troubles if trouble.kind == kind), None)

    def find(self, version: str) -> Release | None:
        """The release in the directory of that name. Letter case does not count, as on Windows."""
        return next((r for r in self.releases if r.version.casefold() == version.casefold()), None)

    def intended(self) -> Release:
        """The release that is pending."""
        release = self.find(self._intent().version)
        if release is None:
            raise OutOfOrder("the pending release is not among the releases")
        return release

    def dispensable(self, keep: int) -> list[Release]:
        """What retention removes: all not needed but for the `keep` best. Healthy ones come first, then new ones."""
        others = [r for r in self.releases if r.version not in self.needed]
        others.sort(key=lambda r: (r.proven and not self._is_quarantined(r), r.mark), reverse=True)
        return others[keep:]

    def not_before_floor(self, now: float) -> float:
        """The time to reckon with: `now`, or the time floor where the clock is below it and so is wrong [A-10]."""
        return max(now, self.time_floor)

    def may_try_again(self, now: float) -> bool:
        """Whether the pending release may be started once more [A-24]."""
        intent = self._intent()
        # A first install is tried for ever: if it were given up, nothing would serve at all.
        return self.current is None or (intent.attempts < MAX_ATTEMPTS and now < intent.give_up_at)

    # What it admits

    def check_product(self, product: str) -> None:
        """Raises WrongProduct for another than that of the first release here."""
        if self.product and product != self.product:
            raise WrongProduct(f"the bundle brings product {product!r}; this site has {self.product!r}")

    def is_current(self, product: str, release: Release) -> bool:
        """Whether this very tree runs already. Raises WrongProduct."""
        self.check_product(product)
        return self.current is not None and self.current.tree == release.tree

    def admit(self, product: str, release: Release) -> None:
        """Raises WrongProduct, Quarantined, Replay or VersionTaken for a release that may not come in [A-11]."""
        self.check_product(product)
        name = f"{product} {release.version} (seq {release.seq})"
        for failed in self.quarantined:
            if failed.holds(release):
                raise Quarantined(f"{name} is in quarantine until a release with a higher seq: {failed.reason}")
        if self.high_water and release.mark < self.high_water.mark:
            raise Replay(
                f"{name}, epoch {release.epoch}, is older than seq {self.high_water.seq}, "
                f"epoch {self.high_water.epoch}, which this site has accepted; "
                "use 'unrep rollback' to go back to a version that is aboard"
            )
        if self.high_water and release.mark == self.high_water.mark and release.tree != self.high_water.tree:
            raise Replay(f"{name}: another release with this seq was accepted before; each release needs its own")
        taken = self.find(release.version)
        same = taken and (taken.version, taken.tree) == (release.version, release.tree)
        if taken and not same and taken.version in self.needed:
            raise VersionTaken(f"{name}: another release of version {taken.version} is in use here; give it another")

    # Transitions

    def troubled_by(self, found: Trouble) -> "SiteState":
        """That is wrong, since it was first found."""
        since = (self.trouble(found.kind) or found).since
        others = self.without_trouble(found.kind).troubles
        return self._with(troubles=(*others, msgspec.structs.replace(found, since=since)))

    def without_trouble(self, kind: TroubleKind) -> "SiteState":
        """That is no longer wrong."""
        return self._with(troubles=tuple(trouble for trouble in self.troubles if trouble.kind != kind))

    def restricted_to(self, authority: Authority) -> "SiteState":
        """Without the times and the heartbeat of signers who may no longer speak [R-19]."""
        state = self
        # Each trust root starts the floor anew, for a stolen key may have signed a time in the far future.
        if self.floor_from.under != authority.version or not authority.includes(self.floor_from.signers):
            state = state._with(time_floor=authority.spoken_at, floor_from=Attribution(authority.version))
        if state.shore and not authority.includes(state.shore.signers):
            heard_at = 0 if state.heard_at == state.shore.time else state.heard_at
            state = state._with(shore=None, heard_at=heard_at)
        return state

    def placed(self, release: Release, created: int, by: Attribution = Attribution()) -> "SiteState":  # noqa: B008
        """The release is aboard: its complete tree is about to get its place, so what stands there is unrep's.

        `created`: the time in its header, in seconds since 1970. `by`: who signed that.
        """
        others = tuple(r for r in self.releases if r is not self.find(release.version))
        return self._with(releases=(*others, release))._raise_floor(created, by)

    def begun(
        self,
        product: str,
        release: Release,
        run: str,
        now: int,
        *,
        by_hand: bool = False,
        data_saved: bool = False,
        because: str = "",
    ) -> "SiteState":
        """The switch is intended. The release is complete and verified, so the high-water mark rises [A-9]."""
        if self.unfinished:
            raise OutOfOrder("another release is pending")
        self.check_product(product)
        intent = Intent(
            version=release.version,
            run=run,
            give_up_at=now + MAX_TRIAL_S,
            by_hand=by_hand,
            data_saved=data_saved,
            because=because,
            out_since=self.pending.out_since if self.pending else 0.0,  # of a site that is degraded
        )
        mark, heard_at = HighWater(release.epoch, release.seq, release.tree), now
        # A rollback by hand intends an older release. The mark must not fall, or older bundles could be replayed.
        if self.high_water and self.high_water.mark >= mark.mark:
            mark, heard_at = self.high_water, self.heard_at
        shore = None if self.shore and self.shore.product not in ("", product) else self.shore
        out = still_of_use(self.quarantined, mark, self.releases)
        return self._with(
            product=product, pending=intent, high_water=mark, heard_at=heard_at, shore=shore, quarantined=out
        )

    def attempted(self, out_since: float = 0.0) -> "SiteState":
        """The new version is about to be started. `out_since`: when the switch to it began."""
        intent = self._intent()
        if intent.phase.goes_back:
            raise OutOfOrder("the pending release has failed already")
        return self._pending(attempts=intent.attempts + 1, out_since=intent.out_since or out_since)

    def committed(self, passed_checks: tuple[str, ...] = ()) -> "SiteState":
        """The new version is healthy [A-25], by these checks."""
        intent, release, left = self._intent(), self.intended(), self.current
        if not intent.attempts or intent.phase.goes_back:
            raise OutOfOrder("the pending release was not started")
        proven = tuple(msgspec.structs.replace(r, proven=True) if r == release else r for r in self.releases)
        quarantined = tuple(q for q in self.quarantined if q.tree != release.tree)
        # Otherwise the next offer of its bundle would undo what a person has just rolled back.
        if intent.by_hand and left and left.mark > release.mark:
            why = f"{intent.because}; the agent went back" if intent.because else "rolled back by hand"
            quarantined = (*quarantined, quarantine(left, f"{why} to {release.version}"))
        return self._with(
            current_version=release.version,
            pending=None,
            releases=proven,
            quarantined=quarantined,
            passed_checks=passed_checks,
            troubles=tuple(trouble for trouble in self.troubles if trouble.kind == "config-broken"),
        )

    def backing_out(self, reason: str) -> "SiteState":
        """The new version failed. To be saved once `current` names the old one again [A-22]."""
        if not self.current:
            raise OutOfOrder("there is no version to go back to")
        failed = quarantine(self.intended(), reason)
        others = tuple(q for q in self.quarantined if q.tree != failed.tree)
        return msgspec.structs.replace(self._pending(going_back=True), quarantined=(*others, failed))

    def settled(self) -> "SiteState":
        """The old version is healthy again."""
        if not self._intent().phase.goes_back:
            raise OutOfOrder("the pending release has not failed")
        return self._with(pending=None)

    def troubled(self, reason: str) -> "SiteState":
        """Neither the new version nor the old one could be made to run [A-23]."""
        return self._pending(trouble=reason)

    def renewed(
        self,
        release: Release,
        created: int,
        now: int = 0,
        by: Attribution = Attribution(),  # noqa: B008
        product: str = "",
    ) -> "SiteState":
        """A verified bundle of `product` brought the current tree again, perhaps under a higher seq; see `placed`."""
        if not self.current or self.current.tree != release.tree:
            raise OutOfOrder("this is not the current release")
        # It has none yet where a person pointed `current` to a release that no run has switched to.
        state = self._raise_floor(created, by)._with(product=self.product or product)
        if self.high_water and release.mark <= self.high_water.mark:
            return state
        newer = msgspec.structs.replace(self.current, seq=release.seq, epoch=release.epoch, bundle=release.bundle)
        releases = tuple(newer if r == self.current else r for r in self.releases)
        mark = HighWater(*release.mark, release.tree)
        return state._with(releases=releases, high_water=mark, heard_at=max(now, state.time_floor))

    def received(self, heartbeat: Heartbeat, by: Attribution, now: int) -> "SiteState":
        """A heartbeat came, verified and signed `by` whom it says [R-15]. `now`: seconds since 1970.

        Raises WrongProduct, or Replay for one that is not newer than the last.
        """
        self.check_product(heartbeat.product)
        # The trust root counts before the time: a key that was stolen under an older root cannot silence shore for good
        # by a time in the far future.
        if self.shore and (by.under, heartbeat.time) <= (self.shore.under, self.shore.time):
            raise Replay("heartbeat: not newer than the last one that this site heard; ask shore for a new one")
        shore = Shore(
            epoch=heartbeat.epoch,
            seq=heartbeat.seq,
            trust=heartbeat.trust,
            revocations=heartbeat.revocations,
            time=heartbeat.time,
            under=by.under,
            signers=by.signers,
            product=heartbeat.product,
        )
        heard_at = max(self.heard_at if self.heard_at <= now else 0, heartbeat.time)
        return self._with(shore=shore, heard_at=heard_at)._raise_floor(heartbeat.time, by)

    def adopted(self, release: Release) -> "SiteState":
        """A person pointed `current` to another release of this site."""
        if self.pending:
            raise OutOfOrder("a switch is pending")
        return self._with(current_version=release.version)

    def without(self, version: str) -> "SiteState":
        """The release is about to be removed. Raises OutOfOrder for one that is needed."""
        if version in self.needed:
            raise OutOfOrder(f"version {version} is needed")
        releases = tuple(r for r in self.releases if r.version != version)
        return self._with(releases=releases, quarantined=still_of_use(self.quarantined, self.high_water, releases))

    def _raise_floor(self, time: int, by: Attribution) -> "SiteState":
        return self._with(time_floor=time, floor_from=by) if time > self.time_floor else self

    def _is_quarantined(self, release: Release) -> bool:
        return any(failed.holds(release) for failed in self.quarantined)

    def _intent(self) -> Intent:
        if not self.pending:
            raise OutOfOrder("nothing is pending")
        return self.pending

    def _pending(self, **changes: object) -> "SiteState":
        return self._with(pending=msgspec.structs.replace(self._intent(), **changes))

    def _with(self, **changes: object) -> "SiteState":
        return msgspec.structs.replace(self, **changes)
