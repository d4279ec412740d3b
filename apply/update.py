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
from apply.errors import AboardError, BaseDrifted, Degraded, PreflightRefused, RolledBack, StorageFailed
from apply.hold import check_hold
from apply.rebuild.installed import open_installed, verify_tree
from apply.rebuild.plan import Blueprint, draw_up
from apply.rebuild.reconstruct import reconstruct
from apply.record.admission import admits
from apply.record.database import Record, read_state
from apply.record.standing import Standing
from apply.record.state import Release, SiteState
from apply.recover import resume
from apply.retention import remove, retain, tidy
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.ship_key import site_unlock
from apply.site.trusted import keep, site_trust, taking_in
from apply.trial import Trial
from bundle.errors import BundleError, Expired
from bundle.host.progress import Progress, Quiet
from bundle.read.reader import Unlock, VerifiedBundle, VerifiedRoot, open_bundle
from bundle.trust.trust import HOW_TO_ADOPT, Trust


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

    `trust`: whom a person named, None for whom the site keeps; what the bundle teaches about that is kept [R-11].
    `override_hold`: a person says so although the master holds the running version [A-64]. `unlock`: what opens an
    encrypted bundle, if not the site's own key and the ticket beside it. `product`: what the site is for, as a person
    said, if its configuration does not [A-91].
    Raises Refused, NoSection, PreflightRefused, StepFailed or SwitchFailed with the site as it was; RolledBack when the
    new version failed and the old one serves again; Degraded when neither could be made healthy. Each tells of the run
    in its `document`.
    """
    run = Run("apply", Site.at(site), progress, open_log(config.log))
    pinned = product or config.product
    with reporting(run):
        whom = taking_in(run.site, trust, run.command)
        with _opened(run, bundle, whom, config, unlock) as opened, working(run) as record:
            return _Update(run, config, record, opened, override_hold, pinned).make()


def rehearse(
    bundle: Path,
    site: Path,
    trust: Trust | None,
    progress: Progress = Quiet(),  # noqa: B008
    config: SiteConfig = SiteConfig(),  # noqa: B008
    *,
    override_hold: bool = False,
    unlock: Unlock | None = None,
    product: str = "",
) -> Report:
    """What `update` would do, writing nothing: `would-apply`, `already-current`. Raises as `update` before its intent.

    Every file of the base is hashed, so that drift shows now [A-16].
    """
    run = Run("apply --dry-run", Site.at(site), progress)
    with reporting(run), _opened(run, bundle, site_trust(run.site, trust), config, unlock) as opened:
        state, release = read_state(run.site), Release.of(opened.verified)
        run.from_version = state.current_version
        if not admits(state, opened.verified, product or config.product):
            return run.report("already-current", state.current_version, f"{release.version} is current already")
        if not override_hold:
            check_hold(run.site, release.version)
        try:
            blueprint = draw_up(run, opened, state, None)
            if blueprint.base:
                with run.step("preflight"):
                    verify_tree(blueprint.base, progress)
        except BaseDrifted as drift:
            blueprint = draw_up(run, opened, state, None, drift)
        return run.report("would-apply", state.current_version, f"would install {release.version} {blueprint.origin}")


def _opened(run: Run, bundle: Path, trust: Trust, config: SiteConfig, unlock: Unlock | None) -> VerifiedBundle:
    with run.step("verify"):
        opened = open_bundle(bundle, trust, unlock or site_unlock(run.site, config, bundle))
    run.subject, run.product = Release.of(opened.verified), opened.root.product
    run.caution = _expiry(run, opened.verified)
    if run.caution and config.trust.strict_expiry:
        opened.close()
        raise Expired(f"{bundle}: {run.caution}, and trust.strict_expiry is set; have it signed again ashore")
    if offered := opened.verified.trust.offered_by(opened.signature_block()):
        run.warn(f"shore offers trust root {offered}, {HOW_TO_ADOPT}")
    return opened


def _expiry(run: Run, verified: VerifiedRoot) -> str:
    """What has expired, by the clock or by the latest time that shore spoke of, whichever is later [R-13], [R-14]."""
    floor = read_state(run.site).heeding(Standing.of(verified.trust)).time_floor
    return verified.trust.expiry(verified.signers, max(time.time(), floor, verified.spoken_at))


class _Update:
    """The steps of one update, in their order."""

    def __init__(
        self, run: Run, config: SiteConfig, record: Record, bundle: VerifiedBundle, override_hold: bool, pinned: str
    ) -> None:
        self._run = run
        self._site = run.site
        self._config = config
        self._record = record
        self._bundle = bundle
        self._release = Release.of(bundle.verified)
        self._spoken_at = bundle.verified.spoken_at
        self._standing = Standing.of(bundle.verified.trust)
        self._word = self._standing.word_of(bundle.verified.signers)
        self._pinned = pinned
        self._override_hold = override_hold
        self._note = ""  # what a person should know beside the verdict

    def make(self) -> Report:
        product = self._bundle.root.product
        finished = self._finish_what_was_pending()
        keep(self._site, self._bundle.verified.trust)
        if not admits(self._record.state, self._bundle.verified, self._pinned):
            heeded = self._record.state.heeding(self._standing)
            self._record.save(heeded.renewed(self._release, self._spoken_at, int(time.time()), self._word))
            return self._applied(finished) if finished else self._already_current()
        self._check_hold()
        aboard = self._is_aboard()
        try:
            self._make_ready(aboard)
            self._check_hold()  # it may have been set meanwhile, and this is the last moment for it
            ready, is_bound = self._placed(), bool(self._record.state.product)
            now = int(max(time.time(), ready.time_floor))
            saved = ready.current is not None
            self._record.save(ready.begun(product, self._release, self._run.id, now, data_saved=saved))
            if not is_bound and not self._pinned:
                self._run.warn(f"from now on this site takes product {product!r} alone")
        except (AboardError, BundleError):
            self._withdraw(aboard)
            raise
        reason = Trial(self._site, self._config, self._record, self._run).forward()
        return self._applied(reason)

    def _placed(self) -> SiteState:
        return self._record.state.heeding(self._standing).placed(self._release, self._spoken_at, self._word)

    def _check_hold(self) -> None:
        if not self._override_hold:
            check_hold(self._site, self._release.version)

    def _finish_what_was_pending(self) -> str:
        """Recovery, as `resume` tells of it; it stands in the way only of the very release that failed [A-30]."""
        pending = self._record.state.pending
        failing = pending and self._record.state.intended().tree == self._release.tree
        try:
            return resume(self._run, self._config, self._record)
        except (RolledBack, Degraded):
            if self._record.state.unfinished or (failing and self._record.state.current):
                raise
            return ""

    def _already_current(self) -> Report:
        version = self._record.state.current_version
        reason = f"{version} is current already, and nothing was done"
        return finish(self._run, self._record, self._run.report("already-current", version, reason))

    def _make_ready(self, aboard: bool) -> None:
        """Everything before the intent: afterwards the version stands complete under its name, ready to run."""
        if not aboard:
            self._rebuild()
        with self._run.step("prepare"):
            prepare(self._site, self._config, self._release.version)
        if self._record.state.current:
            with self._run.step("snapshot"):
                hooks.snapshot(self._site, self._config, self._record.state.current_version)

    def _is_aboard(self) -> bool:
        """Whether the very tree stands there from an earlier run, verified now; anything else there is removed."""
        taken = self._record.state.find(self._release.version)
        if taken is None:
            return False
        needed = taken.version in self._record.state.needed
        same = (taken.version, taken.tree) == (self._release.version, self._release.tree)
        if same and self._site.tree(taken.version).is_dir():
            try:
                with self._run.step("verify"):
                    verify_tree(open_installed(self._site, taken), self._run.progress)
            except PreflightRefused:
                if needed:
                    raise
            else:
                return True
        if not needed:
            remove(self._site, self._record, taken)
        return False

    def _rebuild(self) -> None:
        staging = self._site.staging / self._run.id
        tree = staging / self._release.version
        with durable.storage_errors(staging):
            staging.mkdir(0o700)
        try:
            blueprint = self._reconstruct(staging, tree, None)
        except BaseDrifted as drift:
            durable.remove_tree(tree)
            blueprint = self._reconstruct(staging, tree, drift)
            self._note = f"; rebuilt {blueprint.origin}"
        with self._run.step("make durable"):
            durable.sync_tree(tree)
            durable.write_file(self._site.manifest_file(self._release.tree), blueprint.evaluation.manifest.encoded)
            self._record.save(self._placed())
            durable.replace(tree, self._site.tree(self._release.version))
        self._run.release_bytes = self._bundle.root.size
        with contextlib.suppress(StorageFailed):  # then it is litter for the next run
            durable.remove_tree(staging)

    def _reconstruct(self, staging: Path, tree: Path, drift: BaseDrifted | None) -> Blueprint:
        blueprint = draw_up(self._run, self._bundle, self._record.state, staging, drift)
        with self._run.step("reconstruct"):
            reconstruct(blueprint.evaluation, blueprint.base, tree, self._run.progress)
        return blueprint

    def _withdraw(self, aboard: bool) -> None:
        """Gives the space back of a version that this run built [A-17]; what fails is litter for the next run."""
        built = None if aboard else self._record.state.find(self._release.version)
        if built and built.version not in self._record.state.needed:
            with contextlib.suppress(StorageFailed):
                remove(self._site, self._record, built)
        with contextlib.suppress(StorageFailed):
            tidy(self._site, self._record)

    def _applied(self, reason: str) -> Report:
        reason += self._note
        with self._run.step("retention"):
            try:
                retained = retain(self._site, self._record, self._config.retention.keep)
                reason = "; ".join([reason, *retained.in_use])
            except AboardError as error:  # the update is done all the same
                reason = f"{reason}; old versions could not be removed: {error}"
            except Exception as error:  # noqa: BLE001 - and so it is, whatever this is [A-97]
                reason = f"{reason}; old versions could not be removed: {type(error).__name__}: {error}"
        return finish(self._run, self._record, self._run.report("applied", self._release.version, reason))
