"""What ships were last heard to hold [L-24]: the bases of the next release, and what the repository has to keep."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleet.reports.shore import Shore
from fleet.reports.standing import Standing


@dataclass(frozen=True)
class Holding:
    """A tree. serving, holding: how many ships run it, and have it aboard. `is_known`: the repository has it."""

    tree: bytes
    version: str
    serving: int
    holding: int
    is_known: bool


def holdings(ships: Iterable[Standing], shore: Shore) -> list[Holding]:
    """Every tree that a ship has aboard, the most served first."""
    serving: Counter[bytes] = Counter()
    holding: Counter[bytes] = Counter()
    for ship in ships:
        # Of a tree that the repository does not know, no more than its first bytes is known.
        aboard = {shore.tree(tree) or tree for tree in ship.held_trees}
        if served := _served(ship, shore):
            serving[served] += 1
            aboard.add(served)
        holding.update(aboard)
    found = [
        Holding(tree, shore.named(tree), serving[tree], count, shore.tree(tree) is not None)
        for tree, count in holding.items()
    ]
    return sorted(found, key=lambda one: (-one.serving, -one.holding, one.tree))


def bases(ships: Sequence[Standing], shore: Shore) -> dict[bytes, int]:
    """From which trees a new release is to have a delta, and how many ships are served by it.

    One for each ship: what it runs, else the newest that it holds. More would cost bytes and help nobody. Ships that
    were never heard may have any of the last releases, as of a repository without a fleet.
    """
    found: Counter[bytes] = Counter()
    if all(ship.heard is None for ship in ships):
        return {}
    if any(ship.heard is None for ship in ships):
        last = shore.releases[-shore.settings.bases.last :] if shore.settings.bases.last else []
        found.update({release.tree: 0 for release in last})
    for ship in ships:
        known = (shore.tree(tree) for tree in (ship.serving_tree, *ship.held_trees))
        if (tree := next((tree for tree in known if tree is not None), None)) is not None:
            found[tree] += 1
    return dict(found)


def held(ships: Iterable[Standing], shore: Shore) -> dict[bytes, int]:
    """How many ships have each tree of the repository aboard: what `prune` keeps."""
    return {one.tree: one.holding for one in holdings(ships, shore) if one.is_known}


def _served(ship: Standing, shore: Shore) -> bytes:
    return (shore.tree(ship.serving_tree) or ship.serving_tree[:4]) if ship.serving_tree else b""
