"""A bundle that is offered to a site: opened, verified, and checked for admission. spec/apply.md, section 3.

`update` and its rehearsal both ask here, so that a rehearsal admits exactly what an update would.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from apply.audit.run import Run
from apply.hold import check_hold
from apply.record.admission import needs_installing
from apply.record.authority import Attribution, Authority
from apply.record.database import read_state
from apply.record.release import Release
from apply.record.state import SiteState
from apply.site import durable
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.ship_key import site_unlock
from bundle.errors import BundleError, Expired
from bundle.read.reader import Unlock, VerifiedBundle, VerifiedRoot, open_bundle
from bundle.recipients.sidecars import listed_steps, steps_beside
from bundle.trust.trust import HOW_TO_ADOPT, Trust


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A verified bundle, the release in it, and on what terms a run offers that to a site.

    product: the only one that a person lets in, "" if nobody named one. override_hold: a person lifts the hold for this
    run. steps: other bundles of the product, over which the site may come to a base of this one [A-130].
    """

    bundle: VerifiedBundle
    steps: tuple[VerifiedBundle, ...] = ()
    product: str
    override_hold: bool

    @property
    def release(self) -> Release:
        """The release that the bundle brings."""
        return Release.of(self.bundle.verified)

    def needs_installing(self, site: Site, state: SiteState) -> bool:
        """Whether an admitted release is to be installed; False if its very tree runs already.

        Raises WrongProduct, LeavesNoRoom, Quarantined, Replay or VersionTaken for one that may not come in [A-11], and
        Held for one that is to be installed [A-64].
        """
        if not needs_installing(state, self.bundle.verified, self.product):
            return False
        self.check_hold(site)
        return True

    def check_hold(self, site: Site) -> None:
        """Raises Held if the master holds the running version, unless a person overrides that [A-64]."""
        if not self.override_hold:
            check_hold(site, self.release.version)

    def placed(self, state: SiteState) -> SiteState:
        """The state with the release aboard, to be saved just before its complete tree gets its place."""
        verified = self.bundle.verified
        return state.restricted_to(self._authority).placed(self.release, verified.spoken_at, self._signed_by)

    def confirmed(self, state: SiteState) -> SiteState:
        """The state once this bundle has brought the current tree again."""
        verified, now = self.bundle.verified, int(time.time())
        return state.restricted_to(self._authority).renewed(
            self.release, verified.spoken_at, now, self._signed_by, self.bundle.root.product
        )

    @property
    def _authority(self) -> Authority:
        return Authority.of(self.bundle.verified.trust)

    @property
    def _signed_by(self) -> Attribution:
        return self._authority.attribution(self.bundle.verified.signers)


@contextmanager
def open_offer(
    run: Run,
    path: Path,
    trust: Trust,
    config: SiteConfig,
    *,
    unlock: Unlock | None,
    product: str,
    override_hold: bool,
    is_header_enough: bool = False,
) -> Iterator[Offer]:
    """The bundle in the file at `path`, verified, for as long as the context lasts. The run is about it from now on.

    A step beside it that cannot be used is left out, which the report says. `is_header_enough`: the file may be cut
    short behind its header. Other arguments as for `apply.update.update`.
    Raises Refused for a bundle that does not verify, Expired where the site is strict about that [R-13], InputError for
    a file that cannot be read.
    """
    with run.step("verify"):
        bundle = open_bundle(path, trust, unlock or site_unlock(run.site, config, path), is_whole=not is_header_enough)
    with bundle, ExitStack() as opened:
        run.subject, run.product = Release.of(bundle.verified), bundle.root.product
        if expired := _expiry(run.site, bundle.verified):
            run.warn(expired)
            if config.trust.strict_expiry:
                raise Expired(f"{path}: {expired}, and trust.strict_expiry is set; have it signed again ashore")
        if trust_root := bundle.verified.trust.offered_by(bundle.signature_block()):
            run.warn(f"shore offers trust root {trust_root}, {HOW_TO_ADOPT}")
        others = tuple(opened.enter_context(step) for step in _steps(run, bundle, config))
        yield Offer(bundle=bundle, steps=others, product=product or config.product, override_hold=override_hold)


def _steps(run: Run, bundle: VerifiedBundle, config: SiteConfig) -> Iterator[VerifiedBundle]:
    """What lies in F.steps/, verifies under the trust after the bundle's header, and is of its product [A-130]."""
    with durable.storage_errors(steps_beside(bundle.path)):
        paths = listed_steps(bundle.path)
    for path in paths:
        try:
            step = open_bundle(path, bundle.verified.trust, site_unlock(run.site, config, path))
        except BundleError as error:
            run.warn(f"a step was left out: {error}")
            continue
        if step.root.product == bundle.root.product:
            yield step
        else:
            step.close()


def _expiry(site: Site, verified: VerifiedRoot) -> str:
    """What has expired, as a clause, "" for nothing [R-13], [R-14]."""
    # A clock that was set back must not bring an expired key to life: the latest time that shore has signed counts too.
    floor = read_state(site).restricted_to(Authority.of(verified.trust)).time_floor
    return verified.trust.expiry(verified.signers, max(time.time(), floor, verified.spoken_at))
