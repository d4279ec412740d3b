"""The tree that each errors.py draws in its docstring is the tree of its classes."""

import importlib
import inspect
import re

import pytest

PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
_BRANCH = re.compile(r"^(?P<lead>[ |`├└│─-]*)(?P<name>[A-Z][A-Za-z]*)(?: {2,}\S|$)")


def drawn(docstring: str) -> dict[str, str]:
    """Each name in a drawn tree with that of its parent, "" for a root: the nearest name above, further left."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in docstring.splitlines():
        if branch := _BRANCH.match(line):
            column = len(branch["lead"])
            above = [(place, name) for place, name in above if place < column]
            parents[branch["name"]] = above[-1][1] if above else ""
            above.append((column, branch["name"]))
    return parents


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tree_is_drawn_as_it_is(package: str) -> None:
    module = importlib.import_module(f"{package}.errors")
    classes = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    parents = {
        kind.__name__: kind.__base__.__name__ if kind.__base__ in classes else "" for kind in classes if kind.__base__
    }
    assert drawn(module.__doc__ or "") == parents


def test_a_class_that_is_missing_or_misplaced_shows() -> None:
    tree = "A   first\n|-- B   second\n|   `-- C   ... third\n`-- D   fourth\nE   another"
    assert drawn(tree) == {"A": "", "B": "A", "C": "B", "D": "A", "E": ""}
    assert drawn(tree.replace("|   `-- C", "|-- C    ")) != drawn(tree)
