"""The way from what a site holds to a wanted release, over offered bundles: pure [T-143], [T-144].

It costs what is paid for. What lies on a medium costs nothing, and of paths that cost the same that of fewer bytes is
taken, then that of fewer steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bundle.errors import NoSection
from bundle.read.route import NOTHING, Route, Step, alternative_routes, cheapest_route
from transfer.channels.channel import TREE_ID_BYTES, ChannelRelease
from transfer.channels.offers import Offer
from transfer.errors import ConsentNeeded, NothingLeads
from transfer.plan import SiteHoldings

GROUP = 4  # hex digits of a tree that are said at a time


@dataclass(frozen=True)
class PathStep:
    """One bundle of a path. `base`: the tree that its section starts from, None for the full release.

    is_first   what it starts from is at the site
    is_whole   all of its sections are wanted, for no site
    is_held    the site holds its release: nothing but its header is fetched
    """

    offer: Offer
    base: bytes | None
    paid_bytes: int
    bytes: int
    is_first: bool = True
    is_whole: bool = False
    is_held: bool = False

    def held(self, holdings: SiteHoldings | None) -> SiteHoldings | None:
        """What the choice of the section goes by: the tree that the step starts from, and nothing else."""
        if holdings is None or self.is_held:
            return holdings
        if self.base is None:
            return SiteHoldings((), is_empty=True, admit=holdings.admit)
        if self.base in holdings.trees:
            return replace(holdings, trees=(self.base,))
        if self.is_first:
            return holdings  # from what is left of a damaged release [T-40]
        return SiteHoldings((self.base,), is_empty=False, admit=holdings.admit)


@dataclass(frozen=True)
class BundlePath:
    """The steps to a release, in their order; each starts from the tree of the one before it."""

    release: ChannelRelease
    steps: tuple[PathStep, ...]

    @property
    def paid_bytes(self) -> int:
        """What it costs over links that cost something."""
        return sum(step.paid_bytes for step in self.steps)

    @property
    def bytes(self) -> int:
        """All that is fetched."""
        return sum(step.bytes for step in self.steps)

    @property
    def room(self) -> int:
        """Bytes on disk that rebuilding takes at one time: of any two trees that follow each other [A-130]."""
        rooms = [step.offer.said.room for step in self.steps]
        return max((before + room for before, room in zip([0, *rooms], rooms, strict=False)), default=0)

    @property
    def needs_full(self) -> bool:
        """Whether a full release is paid for, or fetched without need."""
        return any(step.base is None and step.paid_bytes for step in self.steps)

    def describe(self) -> str:
        """In words for a person: "1.0.1, 1.0.2, each from the one before"."""
        versions = [step.offer.said.release.version for step in self.steps]
        first = "the full release" if self.steps and self.steps[0].base is None else "a delta"
        return f"{first} of {versions[0]}, then deltas to {', '.join(versions[1:])}" if versions[1:] else f"{first}"


def find_path(
    offers: Sequence[Offer], holdings: SiteHoldings | None, release: ChannelRelease, allow_full: bool
) -> BundlePath:
    """The cheapest path.

    Raises NothingLeads if there is none, ConsentNeeded if there are only those over a full release [T-6].
    """
    if holdings is None:
        return _whole(offers, release)
    if release.tree in holdings.trees:
        return _held(offers, release)
    starts = holdings.trees
    free_to_take = allow_full or holdings.is_empty
    route = _cheapest(offers, starts, release, free_to_take)
    if route is None and holdings.trees:
        starts = (*starts, *holdings.left())
        route = _cheapest(offers, starts, release, free_to_take)
    if route is not None:
        return _path(route, starts, release)
    # Volumes of which some are missing: what is there is taken, and which ones are missing is said then [T-72].
    if part := _cheapest(offers, starts, release, free_to_take, in_part=True):
        return _path(part, starts, release)
    if full := _cheapest(offers, starts, release, True):
        path = _path(full, starts, release)
        raise ConsentNeeded(
            f"{_from(holdings)} only the full release leads to {release.version} (seq {release.seq}), "
            f"{path.paid_bytes:,} bytes; --allow-full accepts that"
        )
    raise NothingLeads(stranded_sentence(holdings, release))


def all_paths(offers: Sequence[Offer], holdings: SiteHoldings | None, release: ChannelRelease) -> list[BundlePath]:
    """The cheapest path over each last step, the cheapest first, those over full releases among them."""
    if holdings is None or release.tree in holdings.trees:
        return [find_path(offers, holdings, release, allow_full=True)]
    routes = alternative_routes(_steps(offers, full=True), _ids(holdings.trees), release.tree_id)
    return [_path(route, holdings.trees, release) for route in routes]


def stranded_sentence(holdings: SiteHoldings, release: ChannelRelease) -> str:
    """What is wrong and what shore has to send: short enough for a telephone [A-131]."""
    ask = f"have shore send {release.version} (seq {release.seq})"
    if not holdings.trees:
        return f"stranded: nothing that is offered brings {release.version} in full; {ask} as a full release"
    held = _held_name(holdings)
    return f"stranded: nothing leads from {held} to {release.version}; {ask} from base {held}"


def spoken(tree: bytes) -> str:
    """The first 8 hex digits of a tree in two groups, as they are read out and written down."""
    digits = tree.hex()[: 2 * GROUP]
    return f"{digits[:GROUP]} {digits[GROUP:]}"


def _held_name(holdings: SiteHoldings) -> str:
    return f"{holdings.version or 'what is here'} (tree {spoken(holdings.trees[0])})"


def _from(holdings: SiteHoldings) -> str:
    return f"from {_held_name(holdings)}" if holdings.trees else "to a site that holds nothing"


def _whole(offers: Sequence[Offer], release: ChannelRelease) -> BundlePath:
    """For no site, all of the bundle that serves most ships."""
    ours = [offer for offer in offers if offer.said.release.tree == release.tree]
    if not ours:
        raise NoSection(f"no bundle that is offered leads to {release.version} (seq {release.seq})")
    best = max(ours, key=lambda offer: (bool(offer.said.full), len(offer.said.bases)))
    paid = best.said.length if best.urls else 0
    return BundlePath(release, (PathStep(best, None, paid, best.said.length, is_whole=True),))


def _held(offers: Sequence[Offer], release: ChannelRelease) -> BundlePath:
    """The header alone, for it may have a higher seq than the site has seen [A-9]."""
    ours = [offer for offer in offers if offer.said.release.tree == release.tree]
    best = max(ours, key=lambda offer: (offer.said.release.mark, offer.found is not None), default=None)
    return BundlePath(release, (PathStep(best, None, 0, 0, is_held=True),) if best else ())


def _cheapest(
    offers: Sequence[Offer], trees: Sequence[bytes], release: ChannelRelease, full: bool, in_part: bool = False
) -> Route[Offer] | None:
    return cheapest_route(_steps(offers, full, in_part), _ids(trees), release.tree_id)


def _steps(offers: Sequence[Offer], full: bool, in_part: bool = False) -> list[Step[Offer]]:
    """Without `full`, no full release that is paid for."""
    steps = [step for offer in offers for step in offer.steps(in_part)]
    return [step for step in steps if full or step.base != NOTHING or not _paid_bytes(step)]


def _paid_bytes(step: Step[Offer]) -> int:
    """Of what no medium has; what only another volume can bring costs nothing."""
    return step.cost[0] if step.by.urls else 0


def _ids(trees: Sequence[bytes]) -> list[bytes]:
    return [tree[:TREE_ID_BYTES] for tree in trees]


def _path(route: Route[Offer], trees: Sequence[bytes], release: ChannelRelease) -> BundlePath:
    """The same with whole tree hashes, which those of the site and of the steps before are known by."""
    known = dict(zip(_ids(trees), trees, strict=True))
    steps: list[PathStep] = []
    for step in route.steps:
        base = known.get(step.base)
        steps.append(PathStep(step.by, base, _paid_bytes(step), step.cost[1], is_first=not steps))
        known[step.tree] = step.by.said.release.tree
    return BundlePath(release, tuple(steps))
