"""The cheapest way from trees that are held to one that is wanted, over sections: pure.

A section leads from its base to its tree, a full one from nothing. Ways over several sections cost the sum of them.
Sections that form a circle or lead nowhere change nothing: each tree is left once, at what it costs at least.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

NOTHING = b""  # the base of a full section
Cost = tuple[int, ...]


@dataclass(frozen=True)
class Step(Generic[T]):
    """One section. `base`, `tree`: any names of trees, of one kind throughout; `base` is NOTHING for a full section.

    cost   what comes first counts most; as many numbers as in every other step
    by     whose section it is
    """

    base: bytes
    tree: bytes
    cost: Cost
    by: T


@dataclass(frozen=True)
class Route(Generic[T]):
    """Steps, each from the tree of the one before it; none where the wanted tree is held."""

    steps: tuple[Step[T], ...] = ()

    @property
    def cost(self) -> Cost:
        """The sum of all costs; of equal ones the way of fewer steps counts as cheaper."""
        return (*map(sum, zip(*(step.cost for step in self.steps), strict=True)), len(self.steps))


def cheapest_route(steps: Sequence[Step[T]], held: Iterable[bytes], wanted: bytes) -> Route[T] | None:
    """The cheapest of all ways, or None if there is none. Of equal ones that over the steps that stand first."""
    held = frozenset(held)
    return Route() if wanted in held else min(_ways(steps, held, wanted), key=lambda way: way.cost, default=None)


def alternative_routes(steps: Sequence[Step[T]], held: Iterable[bytes], wanted: bytes) -> list[Route[T]]:
    """For each step that ends at the wanted tree the cheapest way over it, the cheapest first."""
    return sorted(_ways(steps, frozenset(held), wanted), key=lambda way: way.cost)


def _ways(steps: Sequence[Step[T]], held: frozenset[bytes], wanted: bytes) -> list[Route[T]]:
    # A way that comes through the wanted tree before its last step is no way to it.
    before = _routes([step for step in steps if step.tree != wanted], held, wanted)
    return [Route((*before[step.base].steps, step)) for step in steps if step.tree == wanted and step.base in before]


def _routes(steps: Sequence[Step[T]], held: frozenset[bytes], wanted: bytes) -> dict[bytes, Route[T]]:
    """The cheapest way to each tree that can be reached (Dijkstra), the held ones and NOTHING at no cost."""
    leaving: dict[bytes, list[Step[T]]] = {}
    for step in steps:
        leaving.setdefault(step.base, []).append(step)
    found: dict[bytes, Route[T]] = {}
    # Of equal costs the number decides, so that routes are never compared.
    waiting: list[tuple[Cost, int, bytes, Route[T]]] = []
    for number, tree in enumerate(sorted({*held, NOTHING} - {wanted})):
        waiting.append(((), number, tree, Route()))
    count = len(waiting)
    while waiting:
        _, _, tree, route = heapq.heappop(waiting)
        if tree in found:
            continue
        found[tree] = route
        for step in leaving.get(tree, ()):
            if step.tree not in found:
                longer = Route((*route.steps, step))
                heapq.heappush(waiting, (longer.cost, count, step.tree, longer))
                count += 1
    return found
