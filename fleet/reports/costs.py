"""What a bundle costs each base, and which files make up those bytes [L-28]."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bundle.format.manifest import TreeManifest
from bundle.format.root import DELTA, FULL
from bundle.read.costs import object_costs
from bundle.read.reader import VerifiedBundle, stored_bytes
from fleet.drawing.treemap import Tile

HEADER: Final = "(header, signatures, hashes and index)"


@dataclass(frozen=True)
class SectionCost:
    """A section. base: tree of its base, empty for the full release. bytes: what a ship fetches, header included.

    tiles: the files with their share of it; none where the section is not at hand.
    """

    base: bytes
    bytes: int
    tiles: tuple[Tile, ...]


def section_costs(bundle: VerifiedBundle, manifests: Mapping[bytes, TreeManifest]) -> list[SectionCost]:
    """Of every section, deltas first. `manifests`: what is at hand of them, for names. Raises Refused."""
    root = bundle.root
    tree = manifests.get(root.tree)
    found = []
    for section in root.sections:
        if section.kind not in (DELTA, FULL):
            continue
        tiles: list[Tile] = []
        if not bundle.is_absent(section):
            for cost in object_costs(bundle.open_section(section), tree):
                tiles.append(Tile(_name(tree, cost.place), float(cost.bytes), cost.recipe))
        count = bundle.verified.header_bytes + stored_bytes(root, section)
        if tiles:
            tiles.append(Tile(HEADER, max(count - sum(tile.size for tile in tiles), 0.0)))
        found.append(SectionCost(section.base, count, tuple(tiles)))
    return sorted(found, key=lambda one: not one.base)


def _name(tree: TreeManifest | None, place: int) -> str:
    if not place:
        return "(tree manifest)"
    entry = tree.entry(place) if tree and place <= len(tree.entries) else None
    return entry.path if entry else f"file {place:,}"
