"""The floor plan of the code as a picture and a table, drawn from the contracts that import-linter holds.

A package is a block, its floors are rows, the rooms of a floor are boxes. A room imports only what lies below it.
"""

import ast
import tomllib
from dataclasses import dataclass
from html import escape

from docs.generator.markdown import code, escaped, table
from tests.support.repository import REPOSITORY

_ROW, _GAP, _TITLE, _MARGIN = 26, 4, 22, 8
_WIDTH = 760
_COLOURS = {
    "unrep": "#5c6bc0",
    "fleet": "#5e35b1",
    "repository": "#3949ab",
    "transfer": "#00897b",
    "apply": "#ef6c00",
    "bundle": "#6d4c41",
}

Floors = list[list[str]]


@dataclass(frozen=True)
class House:
    """`storeys`: packages, the highest first, those of one row side by side; `floors`: the rooms of each package."""

    storeys: Floors
    floors: dict[str, Floors]


def read_house() -> House:
    """The floors as pyproject.toml has them."""
    document = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    storeys = next(_rows(contract) for contract in contracts if "containers" not in contract)
    inside = {contract["containers"][0]: _rows(contract) for contract in contracts if "containers" in contract}
    return House(storeys, {package: inside[package] for row in storeys for package in row})


def _rows(contract: dict[str, list[str]]) -> Floors:
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def picture() -> str:
    """The floors as an SVG image."""
    house = read_house()
    drawn: list[str] = []
    top: float = _MARGIN
    for storey in house.storeys:
        width = (_WIDTH - _MARGIN * (len(storey) + 1)) / len(storey)
        for number, package in enumerate(storey):
            drawn += _block(package, house.floors[package], _MARGIN + number * (width + _MARGIN), top, width)
        top += max(_height(house.floors[package]) for package in storey) + _MARGIN
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>'
    )
    return "\n".join([begin, *drawn, "</svg>", ""])


def _height(floors: Floors) -> float:
    return _TITLE + len(floors) * (_ROW + _GAP) + _GAP


def _block(package: str, floors: Floors, left: float, top: float, width: float) -> list[str]:
    colour = _COLOURS.get(package, "#546e7a")
    drawn = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_height(floors):.1f}" rx="4" '
        f'fill="{colour}" fill-opacity="0.12" stroke="{colour}"/>',
        f'<text x="{left + 8:.1f}" y="{top + 16:.1f}" font-weight="bold" fill="{colour}">{package}</text>',
    ]
    for number, rooms in enumerate(floors):
        room_width = (width - _GAP * (len(rooms) + 1)) / len(rooms)
        y = top + _TITLE + number * (_ROW + _GAP)
        for place, room in enumerate(rooms):
            x = left + _GAP + place * (room_width + _GAP)
            drawn.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{room_width:.1f}" height="{_ROW}" rx="3" fill="#ffffff" '
                f'stroke="{colour}"/><text x="{x + room_width / 2:.1f}" y="{y + 17:.1f}" text-anchor="middle" '
                f'fill="#212121">{escape(room)}</text>'
            )
    return drawn


def rooms_table() -> str:
    """Every room with what its docstring says it is for."""
    house = read_house()
    rows = [
        (code(f"{package}/{room}"), escaped(_purpose(package, room)))
        for storey in house.storeys
        for package in storey
        for floor in house.floors[package]
        for room in floor
    ]
    return table(["room", "what it is for"], rows)


def _purpose(package: str, room: str) -> str:
    """The first paragraph of the docstring of a room, which is a folder or a module."""
    folder = REPOSITORY / package / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())
