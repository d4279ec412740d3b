"""An update, from bundle to verdict: spec/apply.md, section 3.

verify        the bundle's header, then the section that this site needs, piece by piece
plan          from which installed release, or from none
preflight     room, what is in the way, the base files that the recipes read
reconstruct   the complete tree in staging, every file hashed, made durable, moved to versions/
prepare       its environment, from its own wheels; the site's own command
snapshot      the application's data, by the site's command
[intent]      durable: from here on a cut leads to the new version or back to the old one, by itself
switch        then restart, health, and commit or back (apply.trial)
"""

import contextlib
import time
from pathlib import Path

from apply.application import hooks
from apply.application.prepare import prepare
from apply.audit.log import open_log
from apply.audit.run import Report, Run, finish, reporting, working
from apply.errors import AboardError, BaseDrifted, PreflightRefused, StorageFailed
from apply.offer import Offer, open_offer
from apply.rebuild.installed import open_installed, verify_tree
from apply.rebuild.plan import RebuildPlan, plan_rebuild
from apply.rebuild.reconstruct import reconstruct
from apply.record.database import Record, read_state
from apply.record.state import SiteState
from apply.recover import finish_pending
from apply.retention import remove, retain, tidy
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.trusted import save_trust, site_trust, updated_trust
from apply.trial import Trial
from bundle.errors import BundleError
from bundle.host.progress import Progress, Quiet
from bundle.read.reader import Unlock
from bundle.trust.trust import Trust


def update(
    bundle: Path,
    site: Path,
    trust: Trust | None,
    config: SiteConfig,
    progress: Progress = Quiet(),  # noqa: B008
    *,
    override_hold: bool = False,
    unlock: Unlock | None = None,
    product: str = "",
) -> Report:
    """Applies a bundle to a site: `applied`, or `already-current`, which touches nothing but the record [A-19].

    `trust`: whom a person named, None for whom the site trusts. What the bundle teaches about that is saved [R-11].
    `override_hold`: a person says so although the master holds the running version [A-64]. `unlock`: what opens an
    encrypted bundle, if not the site's own key and the ticket beside it. `product`: what a person says the site is for,
    if its configuration does not [A-91].
    Raises Refused, NoSection, PreflightRefused, StepFailed or SwitchFailed with the site as it was. Raises RolledBack
    when the new version failed and the old one serves again, Degraded when neither could be made healthy. The
    `document` of each reports the run.
    """
    run = Run("apply", Site.at(site), progress, open_log(config.log))
    with reporting(run):
        trusted = updated_trust(run.site, trust, run.command)
        with (
            open_offer(
                run, bundle, trusted, config, unlock=unlock, product=product, override_hold=override_hold
            ) as offer,
            working(run) as record,
        ):
            return _Update(run, config, record, offer).make()


def rehearse(
    bundle: Path,
    site: Path,
    trust: Trust | None,
    config: SiteConfig,
    progress: Progress = Quiet(),  # noqa: B008
    *,
    override_hold: bool = False,
    unlock: Unlock | None = None,
    product: str = "",
) -> Report:
    """What `update` would do, writing nothing: `would-apply`, `already-current`. Raises as `update` before its intent.

    Every file of the base is hashed, so that drift shows now [A-16].
    """
    run = Run("apply --dry-run", Site.at(site), progress)
    with (
        reporting(run),
        open_offer(
            run,
            bundle,
            site_trust(run.site, trust),
            config,
            unlock=unlock,
            product=product,
            override_hold=override_hold,
        ) as offer,
    ):
        state, version = read_state(run.site), offer.release.version
        run.from_version = state.current_version
        if not offer.is_admitted(run.site, state):
            return run.report("already-current", state.current_version, f"{version} is current already")
        plan = _rehearsed_plan(run, offer, state)
        return run.report("would-apply", state.current_version, f"would install {version} {plan.origin}")


def _rehearsed_plan(run: Run, offer: Offer, state: SiteState) -> RebuildPlan:
    """How the release would be rebuilt, its whole base verified, around damage where the full section helps [A-41]."""
    try:
        plan = plan_rebuild(run, offer.bundle, state, None)
        if plan.base:
            with run.step("preflight"):
                verify_tree(plan.base, run.progress)
    except BaseDrifted as drift:
        return plan_rebuild(run, offer.bundle, state, None, drift)
    return plan


class _Update:
    """The steps of one update, in their order."""

    def __init__(self, run: Run, config: SiteConfig, record: Record, offer: Offer) -> None:
        self._run = run
        self._site = run.site
        self._config = config
        self._record = record
        self._offer = offer
        self._release = offer.release
        self._remarks: list[str] = []  # for a person, beside the verdict

    def make(self) -> Report:
        """All of it, from what an earlier run left pending to the verdict on the new version."""
        resumed = self._finish_pending()
        # Whatever becomes of the release, what its header teaches about trust stays.
        save_trust(self._site, self._offer.bundle.verified.trust)
        if not self._offer.is_admitted(self._site, self._record.state):
            return self._confirm_current(resumed)
        aboard = self._is_aboard()
        if not aboard:
            self._clear_place()
        try:
            if not aboard:
                self._rebuild()
            self._prepare()
            self._offer.check_hold(self._site)  # it may have been set meanwhile, and this is the last moment for it
            self._record_intent()
        except (AboardError, BundleError):
            self._withdraw(aboard)
            raise
        return self._finish_applied(Trial(self._site, self._config, self._record, self._run).forward())

    def _finish_pending(self) -> str | None:
        """What an earlier run left pending is ended. That stops this update only if it is about the same release."""
        state = self._record.state
        is_same = state.pending is not None and state.intended().tree == self._release.tree
        return finish_pending(self._run, self._config, self._record, blocking=is_same and state.current is not None)

    def _confirm_current(self, resumed: str | None) -> Report:
        """The very tree runs already, perhaps since a moment ago: why the resumed trial found it healthy."""
        self._record.save(self._offer.confirmed(self._record.state))
        if resumed is not None:
            return self._finish_applied(resumed)
        version = self._record.state.current_version
        reason = f"{version} is current already, and nothing was done"
        return finish(self._run, self._record, self._run.report("already-current", version, reason))

    def _is_aboard(self) -> bool:
        """Whether the very tree stands complete in its place, from an earlier run: each file is hashed anew [A-17]."""
        known = self._record.state.find(self._release.version)
        # The version's letter case counts here, though not to `find`: the directory must bear this very name.
        is_same = known and (known.version, known.tree) == (self._release.version, self._release.tree)
        if not known or not is_same or not self._site.tree(known.version).is_dir():
            return False
        try:
            with self._run.step("verify"):
                verify_tree(open_installed(self._site, known), self._run.progress)
        except PreflightRefused:
            if known.version in self._record.state.needed:
                raise  # it may not be removed, so it cannot be built anew
            return False
        return True

    def _clear_place(self) -> None:
        """Removes what an earlier run left under the version's name, unless the site needs it."""
        known = self._record.state.find(self._release.version)
        if known and known.version not in self._record.state.needed:
            remove(self._site, self._record, known)

    def _rebuild(self) -> None:
        """Builds the complete tree in staging, makes it durable, and moves it to its place under versions/."""
        staging = self._site.staging / self._run.id
        tree = staging / self._release.version
        with durable.storage_errors(staging):
            staging.mkdir(0o700)
        try:
            plan = self._reconstruct(staging, tree)
        except BaseDrifted as drift:
            durable.remove_tree(tree)
            plan = self._reconstruct(staging, tree, drift)
            self._remarks.append(f"rebuilt {plan.origin}")
        with self._run.step("make durable"):
            # All of it is durable before it has its name: a name that a power cut keeps must not lead to empty files.
            durable.sync_tree(tree)
            durable.write_file(self._site.manifest_file(self._release.tree), plan.evaluation.manifest.encoded)
            # On record before it has its name: whatever stands in versions/ and no record knows is not unrep's.
            self._record.save(self._offer.placed(self._record.state))
            durable.replace(tree, self._site.tree(self._release.version))
        self._run.release_bytes = self._offer.bundle.root.size
        with contextlib.suppress(StorageFailed):  # the next run removes what is left over
            durable.remove_tree(staging)

    def _reconstruct(self, staging: Path, tree: Path, drift: BaseDrifted | None = None) -> RebuildPlan:
        plan = plan_rebuild(self._run, self._offer.bundle, self._record.state, staging, drift)
        with self._run.step("reconstruct"):
            reconstruct(plan.evaluation, plan.base, tree, self._run.progress)
        return plan

    def _prepare(self) -> None:
        """The new version gets its environment, and the data of the current one is saved [A-18]."""
        with self._run.step("prepare"):
            prepare(self._site, self._config, self._release.version)
        if self._record.state.current:
            with self._run.step("snapshot"):
                hooks.snapshot(self._site, self._config, self._record.state.current_version)

    def _record_intent(self) -> None:
        """Makes the intent durable: from here on recovery ends the update, whatever happens [A-20]."""
        state, product = self._offer.placed(self._record.state), self._offer.bundle.root.product
        now, has_data = int(state.not_before_floor(time.time())), state.current is not None
        self._record.save(state.begun(product, self._release, self._run.id, now, data_saved=has_data))
        if not state.product and not self._offer.product:
            self._run.warn(f"from now on this site takes product {product!r} alone")

    def _withdraw(self, aboard: bool) -> None:
        """Gives back the space of a version that this run built [A-17]. The next run removes what is left over."""
        # One that was aboard stays: an earlier run built it, and the next need not build it again.
        built = None if aboard else self._record.state.find(self._release.version)
        if built and built.version not in self._record.state.needed:
            with contextlib.suppress(StorageFailed):
                remove(self._site, self._record, built)
        with contextlib.suppress(StorageFailed):
            tidy(self._site, self._record)

    def _finish_applied(self, reason: str) -> Report:
        """The new version serves: old ones are removed, and the run is recorded."""
        reason = "; ".join([reason, *self._remarks, *self._remove_old_versions()])
        return finish(self._run, self._record, self._run.report("applied", self._release.version, reason))

    def _remove_old_versions(self) -> list[str]:
        """Retention. Returns a sentence for each thing that had to stay. Nothing here fails the update [A-88]."""
        with self._run.step("retention"):
            try:
                return retain(self._site, self._record, self._config.retention.keep).in_use
            except AboardError as error:
                return [f"old versions could not be removed: {error}"]
            except Exception as error:  # noqa: BLE001 - whatever it is, the update is done [A-97]
                return [f"old versions could not be removed: {type(error).__name__}: {error}"]
