"""What a site has and whom it trusts, for the choice of what it is to be sent."""

from collections.abc import Callable, Iterator
from pathlib import Path

from apply.rebuild.installed import held_trees, left_trees
from apply.rebuild.shortfall import find_shortfall
from apply.record.admission import check_product
from apply.record.database import read_state
from apply.site.guarded import check_named
from apply.site.layout import Site
from apply.site.trusted import learning_from_refused, site_trust
from bundle.archives.engines import present_features
from bundle.format.root import Section
from bundle.host.progress import Progress
from bundle.read.reader import Unlock, open_bundle
from bundle.trust.trust import Trust, load_trust
from transfer.plan import RepairRanges, SiteHoldings
from unrep.errors import UsageRefused
from unrep.terminal.options.site import configuration, named_trust


def whom_to_trust(path: Path | None, site: Path | None, command: str = "") -> Trust:
    """Whom to trust: what was named, and what the site has followed since.

    The site learns from the headers that `command` refuses; from none, if no command is named. Raises Unguarded for
    root, if another could change what a site is to go by.
    """
    if site:
        check_named(path)
        place = Site.at(site)
        trust = site_trust(place, named_trust(place, configuration(site, None), path))
        return learning_from_refused(place, trust, command) if command else trust
    if path is None:
        raise UsageRefused("name whom to trust with --trust T, or with --site S a site that knows it")
    return load_trust(path)


def site_holdings(
    site: Path,
    trust: Trust,
    progress: Progress,
    pinned: str,
    unlocking: Callable[[Path], Unlock | None] = lambda output: None,
) -> SiteHoldings:
    """What the site holds, verified.

    `unlocking`: gives what opens the bundle at an output. Without it nobody looks into an encrypted bundle for what it
    cannot repair.

    A bundle of another product than that of the site, or than `pinned` if that is not "", is refused [A-91].
    """
    trees, is_empty = held_trees(site)
    state = read_state(Site.at(site))

    def repair(output: Path, path: Path, delta: Section) -> Iterator[RepairRanges]:
        unlock = unlocking(output)
        with open_bundle(path, trust, unlock) as bundle:
            full = bundle.root.full_section(present_features())
            if bundle.root.is_encrypted and unlock is None:
                return
            shortfall = find_shortfall(bundle, delta, site, progress)
            if full and shortfall:
                yield RepairRanges([bundle.root.index_stretch(full)])
                with open_bundle(path, trust, unlock) as grown:  # what the other read ahead of itself were holes
                    yield RepairRanges(shortfall.stretches(grown, full), shortfall.why)

    def admit(product: str) -> None:
        check_product(state, product, pinned)

    first = next((one.version for one in state.releases if trees and one.tree == trees[0].hex()), "")
    return SiteHoldings(tuple(trees), is_empty, lambda: left_trees(site), repair, admit, first)


def retained(site: Path | None) -> list[Path]:
    """Where a site keeps bundles that it has fetched, or begun to: they may hold pieces of the next one."""
    return [Site.at(site).inbox] if site else []
