"""A treemap: each file as a rectangle as large as its bytes, in one SVG (squarified, Bruls et al. 2000)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 960.0
HEIGHT: Final = 420.0
_MOST: Final = 60  # rectangles: the rest is one
_LABEL_WIDTH: Final = 70.0
_LABEL_HEIGHT: Final = 18.0
_CHARACTER: Final = 6.6
_KINDS: Final = 6


@dataclass(frozen=True)
class Tile:
    """Something with a size; `kind`: what it is, for its colour."""

    label: str
    size: float
    kind: str = ""


@dataclass(frozen=True)
class Box:
    """Where a tile stands."""

    tile: Tile
    left: float
    top: float
    width: float
    height: float


def treemap(tiles: Sequence[Tile], title: str, kinds: Sequence[str], unit: str = "bytes") -> str:
    """The picture. `kinds`: those of the tiles in the order of their colours. The title is what a reader hears."""
    shown = largest(tiles)
    parts = [
        f'<svg class="treemap" role="img" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for box in boxes(shown, 0.0, 0.0, WIDTH, HEIGHT):
        number = kinds.index(box.tile.kind) % _KINDS if box.tile.kind in kinds else _KINDS
        tip = f"{box.tile.label}: {box.tile.size:,.0f} {unit}" + (f", {box.tile.kind}" if box.tile.kind else "")
        parts.append(f'<g class="tile kind{number}"><title>{escape(tip)}</title>')
        parts.append(
            f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{max(box.width - 1, 0.2):.1f}" '
            f'height="{max(box.height - 1, 0.2):.1f}"/>'
        )
        if box.width >= _LABEL_WIDTH and box.height >= _LABEL_HEIGHT:
            label = _fitted(box.tile.label, int((box.width - 8) / _CHARACTER))
            parts.append(f'<text x="{box.left + 4:.1f}" y="{box.top + 14:.1f}">{escape(label)}</text>')
        parts.append("</g>")
    parts.append("</svg>")
    return "".join(parts)


def largest(tiles: Sequence[Tile]) -> list[Tile]:
    """The largest tiles, and one for all others."""
    ordered = sorted((tile for tile in tiles if tile.size > 0), key=lambda tile: -tile.size)
    rest = ordered[_MOST:]
    more = [Tile(f"{len(rest):,} more files", sum(tile.size for tile in rest))] if rest else []
    return sorted(ordered[:_MOST] + more, key=lambda tile: -tile.size)


def boxes(tiles: Sequence[Tile], left: float, top: float, width: float, height: float) -> list[Box]:
    """Rectangles that fill the area, as near to squares as they come; the largest first."""
    total = sum(tile.size for tile in tiles)
    if not total or width <= 0 or height <= 0:
        return []
    scale = width * height / total
    waiting, placed = list(tiles), []
    while waiting:
        side = min(width, height)
        row = [waiting.pop(0)]
        while waiting and _worst([*row, waiting[0]], side, scale) <= _worst(row, side, scale):
            row.append(waiting.pop(0))
        thick = sum(tile.size for tile in row) * scale / side if side else 0.0
        at = 0.0
        for tile in row:
            length = tile.size * scale / thick if thick else 0.0
            if width >= height:
                placed.append(Box(tile, left, top + at, thick, length))
            else:
                placed.append(Box(tile, left + at, top, length, thick))
            at += length
        if width >= height:
            left, width = left + thick, max(width - thick, 0.0)
        else:
            top, height = top + thick, max(height - thick, 0.0)
    return placed


def _worst(row: Sequence[Tile], side: float, scale: float) -> float:
    """The worst proportion of a row that is laid along a side."""
    areas = [tile.size * scale for tile in row]
    whole = sum(areas)
    if not whole or not side:
        return float("inf")
    return max(max(side**2 * area / whole**2, whole**2 / (side**2 * area)) for area in areas)


def _fitted(label: str, most: int) -> str:
    """The end of a path says most."""
    return label if len(label) <= most else f"…{label[-max(most - 1, 1) :]}"
