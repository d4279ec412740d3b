"""An update, from bundle to verdict: spec/apply.md, section 3.

open          the bundle: its header is verified, and what that teaches about trust is saved (apply.offer)
recover       with the site locked: what earlier runs left is removed, a pending trial is ended (apply.recover)
admit         by product, order and quarantine, and only if the master does not hold the running version
check         that the ship has what its own configuration names (apply.readiness); an environment of the running
              version that is of no use is made anew, for the way may lead back to it
plan          from which installed release, or from none; over which bundles, if this one starts from none of them
verify        the section that the plan needs, piece by piece
preflight     room, what is in the way, the base files that the recipes read
reconstruct   the complete tree in staging, every file hashed; their hashes complete the manifest, which is the signed
              one or nothing counts (plan to here: apply.making)
make durable  all of it, then moved to versions/
prepare       its environment, from its own wheels; the site's own command
snapshot      the application's data, by the site's command
last look     that the new tree has the commands that the site names in it, that no hold was set meanwhile, and that it
              may still be switched
[intent]      durable: from here on a cut leads to the new version or back to the old one, by itself
switch        then restart, health, and commit or back (apply.trial)
retain        versions that are kept no longer are removed (apply.retention)

Over several bundles [A-130], plan to reconstruct are made for each in turn, once there is room for all. A complete tree
that an earlier run left is hashed anew, and plan to make durable are left out.
"""

import contextlib
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from apply.application import hooks
from apply.application.environment import environment_fault
from apply.application.prepare import mend_environment, prepare
from apply.audit.log import open_log
from apply.audit.run import Report, Run, record_success, reporting, working
from apply.errors import AboardError, BaseDrifted, Postponed, PreflightRefused, StepFailed, StorageFailed
from apply.making import MakeTree, Making, rebuild
from apply.offer import Offer, open_offer
from apply.readiness.readiness import check_commands, check_ready
from apply.rebuild import preflight
from apply.rebuild.installed import installed_bases, open_installed, verify_tree
from apply.rebuild.plan import plan_rebuild
from apply.rebuild.route import check_room, find_route, over_steps, verify_step
from apply.record.database import Record, read_state
from apply.record.release import Release
from apply.record.state import SiteState
from apply.recover import resume_pending
from apply.retention import remove, retain, tidy
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.trusted import save_trust, site_trust, updated_trust
from apply.trial import Trial
from bundle.errors import BundleError
from bundle.host import presence
from bundle.host.progress import Progress, Quiet
from bundle.host.temporary_files import room_for_temporary_files
from bundle.read.reader import Unlock
from bundle.trust.trust import Trust

Obstacle = Callable[[], str]


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
    obstacle: Obstacle = lambda: "",
) -> Report:
    """Applies a bundle to a site: `applied`, or `already-current`, which installs no version [A-19].

    The latter still makes a broken environment anew, and then starts the version again [A-143]. The bundles in F.steps/
    may lead to a base of this one [A-130]. Before all of it, what earlier runs left is removed, and a pending trial is
    ended [A-29], [A-30].

    `trust`: added to what the site trusts already; None: only that counts. What the bundle teaches about trust is saved
    [R-11]. `override_hold`: a person says so although the master holds the running version [A-64]. `unlock`: what opens
    an encrypted bundle, if not the site's own key and the ticket beside it. `product`: what a person says the site is
    for, if its configuration does not [A-91]. `obstacle`: why nothing may be switched any more, "" if it may [A-62].

    Raises InputError, Refused, NoSection, PreflightRefused, StepFailed or SwitchFailed before the intent: the version
    that runs stays the current one. Raises RolledBack when a version failed and the one before it serves again. Raises
    Degraded when neither could be made healthy, or the disk did not take the switch or the verdict [A-100]. Those two
    may also be about the trial that was pending. The `document` of each reports the run.
    """
    run = Run("apply", Site.at(site), progress, open_log(Site.at(site), config))
    with reporting(run):
        trusted = updated_trust(run.site, trust, run.command)
        # The bundle is opened before `working` locks the site, for saving what its header teaches takes that lock
        # itself. So a bundle that is refused as it is opened leaves no record of a run.
        with (
            open_offer(
                run, bundle, trusted, config, unlock=unlock, product=product, override_hold=override_hold
            ) as offer,
            working(run) as record,
        ):
            return Update(run, config, record, offer, rebuild, obstacle).apply()


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

    Every file of the base is hashed, so that drift shows now [A-16]. What is not rehearsed: recovery, so a pending
    trial counts as it stands on record; the site's commands. Of several bundles the first is rehearsed. Of the others
    the pieces are verified.
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
        run.from_version = run.current_version = state.current_version
        if not offer.needs_installing(run.site, state):
            return run.report("already-current", state.current_version, f"{version} is current already")
        with run.step("check"):
            check_ready(run.site, config, state)
            if fault := environment_fault(run.site, config, state.current_version):
                run.warn(f"{fault}, and would be made anew")
        is_there = _stands_complete(run, state, offer.release)
        with room_for_temporary_files(run.site.root, offer.bundle.root.size):
            origin = "as it stands here, complete" if is_there else _rehearsed_origin(run, offer, state)
        return run.report("would-apply", version, f"would install {version} {origin}")


def _rehearsed_origin(run: Run, offer: Offer, state: SiteState) -> str:
    """How the release would be rebuilt, its whole base verified, around damage where the full section helps [A-41]."""
    bases = installed_bases(run.site, state.releases)
    preflight.check_place(run.site, state, offer.release)
    first, *later = find_route(offer.bundle, offer.steps, bases.releases)
    check_room(run.site, (first, *later), bases)
    try:
        plan = plan_rebuild(run, first, bases, None)
        if plan.base:
            # Counted as preflight: an update hashes here the files that its recipes read, a rehearsal all of them.
            with run.step("preflight"):
                verify_tree(plan.base, run.progress)
    except BaseDrifted as drift:
        plan = plan_rebuild(run, first, bases, None, drift)
    for before, step in pairwise((first, *later)):
        with run.step("verify"):
            verify_step(step, before)
    return plan.origin + over_steps((first, *later))


def _stands_complete(run: Run, state: SiteState, release: Release) -> bool:
    """Whether the very tree stands in its place, complete: each file is hashed anew [A-17].

    Raises PreflightRefused if it does not, and may not be removed, for it is needed.
    """
    known = state.find(release.version)
    # The version's letter case counts here, though not to `find`: the directory must bear this very name.
    is_same = known and (known.version, known.tree) == (release.version, release.tree)
    if not known or not is_same or not presence.is_directory(run.site.tree(known.version)):
        return False
    try:
        with run.step("verify"):
            verify_tree(open_installed(run.site, known), run.progress)
    except PreflightRefused:
        # A file or the manifest is damaged, or cannot be read at all: either way the tree is built anew.
        if known.version in state.needed:
            raise
        return False
    return True


class Update:
    """The steps of one update, in their order.

    `make_tree`: builds the release's complete tree in staging. `obstacle`: why nothing may be switched any more, "" if
    it may.
    """

    def __init__(
        self,
        run: Run,
        config: SiteConfig,
        record: Record,
        offer: Offer,
        make_tree: MakeTree,
        obstacle: Obstacle = lambda: "",
    ) -> None:
        self._obstacle = obstacle
        self._run = run
        self._make_tree = make_tree
        self._site = run.site
        self._config = config
        self._record = record
        self._offer = offer
        self._release = offer.release
        # Clauses for the reason of `applied` alone. What is to be said whatever the verdict goes to `Run.warn`.
        self._remarks: list[str] = []

    def apply(self) -> Report:
        """All of it, from what an earlier run left pending to the verdict on the new version."""
        was_pending = self._record.state.pending is not None
        why_healthy = self._resume_pending()
        # The site's first trust root, which a person named: it is saved once a header has proved good under it,
        # whatever becomes of the release. What headers teach later is saved as they are verified.
        trust = self._offer.bundle.verified.trust
        if save_trust(self._site, trust) and trust.root:
            self._run.warn(f"the site follows trust root {trust.root.version} from now on")
        if not self._offer.needs_installing(self._site, self._record.state):
            return self._confirm_current(why_healthy, was_pending)
        with self._run.step("check"):
            check_ready(self._site, self._config, self._record.state)
        self._mend_way_back()
        was_built = self._was_built_before()
        if not was_built:
            self._remove_leftover()
        try:
            if not was_built:
                self._install_tree()
            self._prepare_and_snapshot()
            check_commands(self._site, self._config, self._release.version)
            # The last moment for a hold, for a trial that has begun goes on to its verdict. If one was set meanwhile,
            # the update is refused, and all that it has built is removed again, [A-17].
            self._offer.check_hold(self._site)
            self._check_obstacle()
            self._record_intent()
        except Postponed:
            raise  # what was built stays, and is used when it may be switched
        except (AboardError, BundleError):
            self._withdraw(was_built)
            raise
        return self._report_applied(Trial(self._site, self._config, self._record, self._run).forward())

    def _resume_pending(self) -> str | None:
        """Ends a pending trial. Returns why its release is healthy; None if it is not, or nothing was pending.

        Raises RolledBack or Degraded if the release that failed is this very one, except at a first install: that is
        tried again. Raises them for any release while the end of its trial is not on record [A-30].
        """
        state = self._record.state
        is_same = state.pending is not None and state.intended().tree == self._release.tree
        return resume_pending(self._run, self._config, self._record, blocking=is_same and state.current is not None)

    def _confirm_current(self, why_healthy: str | None, was_pending: bool) -> Report:
        """The very tree runs already. `why_healthy`: by the trial that this run resumed, None if it resumed none, or
        another release was pending and was taken back, which `was_pending` tells."""
        self._record.save(self._offer.confirmed(self._record.state))
        if why_healthy is not None:
            return self._report_applied(why_healthy)
        version = self._record.state.current_version
        if mended := self._mended(version):
            healthy = Trial(self._site, self._config, self._record, self._run).restart_current()
            reason = f"{version} is current already; {mended}; {healthy}"
        else:
            reason = f"{version} is current already" + ("" if was_pending else ", and nothing was done")
        return record_success(self._run, self._record, self._run.report("already-current", version, reason))

    def _mend_way_back(self) -> None:
        """Makes the environment of the running version anew if it is of no use: a failed trial leads back to it."""
        current = self._record.state.current_version
        if not current:
            return
        try:
            fault = self._mended(current)
        except (StepFailed, StorageFailed) as error:
            # The release that comes may be the cure, so it is let in.
            self._run.warn(f"there is no way back to version {current}: its environment cannot be made: {error}")
        else:
            self._remarks += [fault] if fault else []

    def _mended(self, version: str) -> str:
        """Makes the version's environment anew if it is of no use. Says so, "" if it is sound. Raises StepFailed or
        StorageFailed."""
        with self._run.step("prepare"):
            fault = mend_environment(self._site, self._config, version)
        return f"{fault}, and was made anew" if fault else ""

    def _was_built_before(self) -> bool:
        """Whether an earlier run built the very tree, which is of use [A-17]."""
        return _stands_complete(self._run, self._record.state, self._release)

    def _remove_leftover(self) -> None:
        """Removes what an earlier run left under the version's name, unless the site needs it."""
        known = self._record.state.find(self._release.version)
        if known and known.version not in self._record.state.needed:
            remove(self._site, self._record, known)

    def _install_tree(self) -> None:
        """Builds the complete tree in staging, makes it durable, and moves it to its place under versions/."""
        staging = self._site.staging / self._run.id
        with durable.storage_errors(staging):
            staging.mkdir(0o700)
        made = self._make_tree(Making(self._run, self._config, self._record.state, self._offer, staging))
        self._remarks += made.remarks
        with self._run.step("make durable"):
            # All of it is durable before it has its name: a name that a power cut keeps must not lead to empty files.
            durable.sync_tree(made.tree)
            durable.write_file(self._site.manifest_file(self._release.tree), made.manifest.encoded)
            # On record before it has its name: whatever stands in versions/ and no record knows is not unrep's.
            self._record.save(self._offer.placed(self._record.state))
            durable.replace(made.tree, self._site.tree(self._release.version))
        self._run.release_bytes = self._offer.bundle.root.size
        with contextlib.suppress(StorageFailed):  # the next run removes what is left over
            durable.remove_tree(staging)

    def _prepare_and_snapshot(self) -> None:
        """The new version gets its environment, and the data of the current one is saved [A-18]."""
        with self._run.step("prepare"):
            prepare(self._site, self._config, self._release.version)
        if self._record.state.current:
            with self._run.step("snapshot"):
                hooks.snapshot(self._site, self._config, self._record.state.current_version)

    def _record_intent(self) -> None:
        """Makes the intent durable: from here on recovery ends the update, whatever happens [A-20]."""
        # A tree that an earlier run built may be on record with the seq of another bundle. That of this one counts.
        state, product = self._offer.placed(self._record.state), self._offer.bundle.root.product
        now, has_data = int(state.not_before_floor(time.time())), state.current is not None
        self._record.save(state.begun(product, self._release, self._run.id, now, data_saved=has_data))
        if not state.product and not self._offer.product:
            self._run.warn(f"from now on this site takes product {product!r} alone")

    def _check_obstacle(self) -> None:
        if why := self._obstacle():
            raise Postponed(f"{self._site.root}: version {self._release.version} is ready; {why}")

    def _withdraw(self, was_built: bool) -> None:
        """Gives back the space of a version that this run built [A-17]. The next run removes what is left over."""
        # One that an earlier run built stays, and the next need not build it again.
        built = None if was_built else self._record.state.find(self._release.version)
        if built and built.version not in self._record.state.needed:
            with contextlib.suppress(StorageFailed):
                remove(self._site, self._record, built)
        with contextlib.suppress(StorageFailed):
            tidy(self._site, self._record)

    def _report_applied(self, reason: str) -> Report:
        """The new version serves: removes old ones, and records the run."""
        reason = "; ".join([reason, *self._remarks, *self._remove_old_versions()])
        return record_success(self._run, self._record, self._run.report("applied", self._release.version, reason))

    def _remove_old_versions(self) -> list[str]:
        """Retention. Returns a sentence for each thing that had to stay. Nothing here fails the update [A-88]."""
        with self._run.step("retention"):
            try:
                return retain(self._site, self._record, self._config.retention).in_use
            except AboardError as error:
                return [f"old versions could not be removed: {error}"]
            except Exception as error:  # noqa: BLE001 - whatever it is, the update is done [A-97]
                return [f"old versions could not be removed: {type(error).__name__}: {error}"]
