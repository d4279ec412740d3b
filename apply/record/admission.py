"""Whether a release may come in at a site: by the product that a person pinned, by room for the next, by the state.

The one place that `update`, its rehearsal and the agent ask [A-11].
"""

from apply.record.release import Release
from apply.record.state import SiteState, WrongProduct
from bundle.errors import Refused
from bundle.format import canonical
from bundle.read.reader import VerifiedRoot
from bundle.trust.trust import Trust

SHARE_OF_ROOM = 4  # of what is left above the high-water mark, a release under a plain key may use one in so many


class LeavesNoRoom(Refused):
    """The release's seq uses up so much of all that can be counted that nothing newer might follow."""


def needs_installing(state: SiteState, verified: VerifiedRoot, pinned: str) -> bool:
    """Whether an admitted release is to be installed; False if its very tree runs already.

    `pinned`: the product that a person named for the site, "" for none. Raises WrongProduct, LeavesNoRoom, Quarantined,
    Replay or VersionTaken for one that may not come in.
    """
    return admits(state, verified.root.product, Release.of(verified), verified.trust, pinned)


def admits(state: SiteState, product: str, release: Release, trust: Trust, pinned: str) -> bool:
    """The same of a release that was announced, under that trust; its bundle need not be here."""
    check_product(state, product, pinned)
    # With trust roots the next one begins a new epoch, and with it seq. A plain key has no such way out.
    if not trust.chain:
        check_seq(state, release)
    if state.is_current(product, release):
        return False
    state.admit(product, release)
    return True


def check_product(state: SiteState, product: str, pinned: str) -> None:
    """Raises WrongProduct for another product than a person pinned, or than the site is bound to [A-91]."""
    if pinned and product != pinned:
        raise WrongProduct(
            f"the bundle brings product {product!r}; this site is for {pinned!r} alone, as its configuration or "
            "--product says"
        )
    if pinned and state.product not in ("", pinned):
        raise WrongProduct(
            f"the bundle brings product {product!r}, as the configuration or --product says; but this site began with "
            f"{state.product!r}: correct that, or move its versions, current and .unrep away to begin anew"
        )
    state.check_product(product)


def check_seq(state: SiteState, release: Release) -> None:
    """Raises LeavesNoRoom for a seq that is too far above the high-water mark, at a site with a plain key [A-90].

    Whatever came in before, three quarters of the room above it are left: there is always a next release.
    """
    accepted = state.high_water
    reached = accepted.seq if accepted and accepted.epoch == release.epoch else 0
    highest = reached + (canonical.MAX_INTEGER - reached) // SHARE_OF_ROOM
    if release.seq > highest:
        raise LeavesNoRoom(
            f"{release.version}: seq {release.seq} leaves too little room above it; under a plain key it may be "
            f"{highest} at most here, build the release with a lower --seq"
        )
