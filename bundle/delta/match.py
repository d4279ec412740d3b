"""Which object of the base a target object is most like. design: same path first, then the path without versions."""

import re
from collections import defaultdict

from bundle.manifest import Kind, TreeManifest

_DIGITS = re.compile(r"\d+(?:[._]\d+)*")


def match_places(target: TreeManifest, base: TreeManifest) -> dict[int, int]:
    """Place in the target -> place in the base, for the objects that the base lacks and that have a likeness there.

    Deterministic. Several target objects may share one base object.
    """
    by_path: dict[str, int] = {}
    by_blank: dict[str, list[int]] = defaultdict(list)
    for place, entry in enumerate(base.entries, 1):
        if entry.size and entry.kind != Kind.SYMLINK:
            by_path[entry.path] = place
            by_blank[_blank(entry.path)].append(place)
    found: dict[int, int] = {}
    for place in target.needed(base):
        entry = target.entry(place)
        if entry.path in by_path:
            found[place] = by_path[entry.path]
        elif alike := by_blank.get(_blank(entry.path)):
            found[place] = min(alike, key=lambda other: (abs(base.entry(other).size - entry.size), other))
    return found


def _blank(path: str) -> str:
    """The path with every version number, such as 2.2.1, as one '#'."""
    return _DIGITS.sub("#", path)
