"""The floor plan: which room of a package imports which, in figures.

    python -m tests.architecture.floor_plan [CHECKOUT]

A room is a folder; what lies flat in a package stands beside its rooms. An item stands on the floor above all that it
imports. A circle is a set of files that import each other; an upward arrow is one that must be cut before the items of
a package can be put on floors at all. Nothing is run: imports are read from the source (`import` inside a function,
too; under TYPE_CHECKING, too).

One row a package: modules; the most files flat in one room; what lies flat in the package; its items, their floors, the
arrows between them; circles of files; upward arrows.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import REPOSITORY

PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")

Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Plan:
    """The figures of one package. `rooms`: files flat in each folder, by its path; `circles` and `upward` by name."""

    package: str
    modules: int
    rooms: dict[str, int]
    flat: int
    items: int
    floors: int
    arrows: int
    circles: list[list[str]]
    upward: list[tuple[str, str]]

    @property
    def fullest(self) -> int:
        return max(self.rooms.values())


def imports(checkout: Path) -> Graph:
    """Every module of the packages, with those modules of theirs that it imports."""
    paths = {
        ".".join(path.relative_to(checkout).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (checkout / package).rglob("*.py")
    }
    return {module: set(_imported(path, paths)) - {module} for module, path in paths.items()}


def _imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield from (found for found in (whole if whole in modules else node.module,) if found in modules)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)


def plan(package: str, graph: Graph, checkout: Path) -> Plan:
    """The figures of a package."""
    own = {module: {to for to in graph[module] if _within(to, package)} for module in graph if _within(module, package)}
    files = [path.parent for path in (checkout / package).rglob("*.py") if path.name != "__init__.py"]
    rooms = Counter(folder.relative_to(checkout).as_posix() for folder in files)
    items: Graph = {}
    for module, targets in own.items():
        if module != package:
            items.setdefault(_item(module), set()).update(_item(to) for to in targets if to != package)
    items = {item: targets - {item} for item, targets in items.items()}
    order, upward = _ordered(items)
    return Plan(
        package,
        len(files),
        dict(rooms),
        rooms[package],
        len(items),
        _floors(items, order, set(upward)),
        sum(map(len, items.values())),
        circles(own),
        upward,
    )


def circles(graph: Graph) -> list[list[str]]:
    """Sets of modules that reach each other (Tarjan's strongly connected components), the smallest first."""
    reached = {module: _reached(module, graph) for module in graph}
    found = {
        frozenset({module} | {other for other in reached[module] if module in reached[other]})
        for module in graph
        if module in reached[module]
    }
    return sorted(sorted(circle) for circle in found)


def _reached(start: str, graph: Graph) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        if (module := waiting.pop()) not in seen:
            seen.add(module)
            waiting += graph.get(module, ())
    return seen


def _ordered(items: Graph) -> tuple[list[str], list[tuple[str, str]]]:
    """The items, importers after what they import, and the arrows that do not fit: few, for the order is chosen so."""
    left, order, upward = dict(items), [], []
    while left:
        blocked = {item: sum(to in left for to in targets) for item, targets in left.items()}
        free = [item for item in left if not blocked[item]]
        # No item is free where a circle bars the way: that of its items goes first that most of them wait for.
        chosen = (
            min(free)
            if free
            else min(_within_circles(left), key=lambda item: (blocked[item] - _waiting(left, item), item))
        )
        upward += [(chosen, to) for to in sorted(left[chosen]) if to in left]
        order.append(chosen)
        del left[chosen]
    return order, upward


def _within_circles(items: Graph) -> list[str]:
    return [item for item in items if item in _reached(item, items)]


def _waiting(items: Graph, item: str) -> int:
    return sum(item in targets for targets in items.values())


def _floors(items: Graph, order: list[str], upward: set[tuple[str, str]]) -> int:
    floor: dict[str, int] = {}
    for item in order:
        floor[item] = 1 + max((floor[to] for to in items[item] if (item, to) not in upward), default=0)
    return max(floor.values())


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _item(module: str) -> str:
    return ".".join(module.split(".")[:2])


def main() -> None:
    """Prints the plan of a checkout."""
    checkout = Path(sys.argv[1]).resolve() if sys.argv[1:] else REPOSITORY
    graph = imports(checkout)
    names = ("modules", "fullest", "flat", "items", "floors", "arrows", "circles", "upward")
    print(f"{'package':10}" + "".join(f"{name:>9}" for name in names))
    for package in PACKAGES:
        drawn = plan(package, graph, checkout)
        figures = (drawn.modules, drawn.fullest, drawn.flat, drawn.items, drawn.floors, drawn.arrows)
        counts = (*figures, len(drawn.circles), len(drawn.upward))
        print(f"{package:10}" + "".join(f"{count:9}" for count in counts))
        for circle in drawn.circles:
            print(f"  circle: {', '.join(circle)}")
        for source, target in drawn.upward:
            print(f"  upward: {source} -> {target}")


if __name__ == "__main__":
    main()
