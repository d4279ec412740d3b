"""What the page looks like, as far as figures tell: contrast in both schemes, and a shape for each situation."""

import re

import pytest

from unrep.page.appearance import _SHAPES, STYLE
from unrep.page.situation import Kind

LIGHT, DARK = re.findall(r":root \{(.*?)\}", STYLE.decode(), re.DOTALL)
ON_STATE = [kind.value for kind in Kind if kind is not Kind.EMPTY]
PAIRS = [
    *(("on-state", name) for name in ON_STATE),
    ("ink", "ground"),
    ("ink", "sheet"),
    ("soft", "ground"),
    ("on-button", "button"),
    ("button", "sheet"),
    ("trouble", "sheet"),
]


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """As WCAG 2.1 counts it."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(scheme: str) -> None:
    """[A-196]: 7 for text (AAA), 3 for what frames a field or shows the focus."""
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", scheme))
    low = [(one, other) for one, other in PAIRS if contrast(colours[one], colours[other]) < 7]
    low += [(one, "ground") for one in ("line", "focus") if contrast(colours[one], colours["ground"]) < 3]
    assert low == []


def test_each_situation_has_a_shape_and_a_colour() -> None:
    assert set(_SHAPES) == set(Kind) and len(set(_SHAPES.values())) == len(Kind)
    assert all(f".{kind}" in STYLE.decode() for kind in Kind)
