"""What a site has, for the choice of what it is to be sent."""

from pathlib import Path

from apply.installed import held_trees, left_trees
from transfer.plan import SiteHoldings


def holdings_of(site: Path) -> SiteHoldings:
    """What the site holds, verified."""
    trees, is_empty = held_trees(site)
    return SiteHoldings(tuple(trees), is_empty, lambda: left_trees(site))
