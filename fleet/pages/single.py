"""The page Release for one bundle, in one file that needs nothing else [L-45]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from fleet.drawing.treemap import Tile
from fleet.pages.pictures import drawn
from fleet.pages.rendering import rendered


@dataclass(frozen=True)
class Part:
    """A section of a bundle. `tiles`: its bytes by file; none where it is not in the file."""

    name: str
    bytes: int
    tiles: Sequence[Tile]


def bundle_page(title: str, facts: Mapping[str, str], parts: Sequence[Part], notes: Sequence[str]) -> str:
    """The text of the page. `notes`: what else a reader should know, a sentence each."""
    style = files("fleet.pages").joinpath("style.css").read_text(encoding="utf-8")
    shown = [(part, drawn(part.tiles, part.name, title) if part.tiles else None) for part in parts]
    return rendered("bundle.html", title=title, facts=facts, parts=shown, notes=notes, style=style)
