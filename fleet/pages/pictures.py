"""The bytes of a section by file, as a picture and as a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet.drawing.treemap import Tile, treemap

_FILES: Final = 25


@dataclass(frozen=True)
class Picture:
    """The bytes of a section by file: a treemap, the files that cost most, and the kinds that the colours stand for."""

    base: str
    svg: str
    files: list[Tile]
    rest: int
    kinds: list[str]


def drawn(tiles: Sequence[Tile], base: str, version: str) -> Picture:
    """The picture of a section."""
    files = sorted(tiles, key=lambda tile: -tile.size)
    kinds = sorted({tile.kind for tile in files if tile.size and tile.kind})
    title = f"Bytes of {version} {base}, by file: {', '.join(tile.label for tile in files[:3])} cost most"
    svg = treemap([tile for tile in files if tile.size], title, kinds)
    return Picture(base, svg, files[:_FILES], max(len(files) - _FILES, 0), kinds)
