"""The diagrams of the specification are well formed, say what they show, stay in their frame, and stand on a page."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.generator.pages import places
from tests.support.repository import REPOSITORY

SPEC = REPOSITORY / "spec"
PICTURES = sorted((SPEC / "pictures").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 7.2  # a letter of 13 pixels is no wider in the mean


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_picture(path: Path) -> None:
    picture = ElementTree.parse(path).getroot()  # noqa: S314 - our own files
    width, height = int(picture.attrib["width"]), int(picture.attrib["height"])
    assert picture.attrib["viewBox"] == f"0 0 {width} {height}"
    assert len(picture.findtext(f"{SVG}title", "").split()) > 5
    for box in picture.iter(f"{SVG}rect"):
        x, y, wide, high = (float(box.get(key, "0")) for key in ("x", "y", "width", "height"))
        assert x + wide <= width and y + high <= height
    for group in picture.iter(f"{SVG}g"):
        for text in group.findall(f"{SVG}text"):
            room = LETTER * len(text.text or "")
            left = float(text.attrib["x"]) - (room / 2 if group.get("text-anchor") == "middle" else 0)
            assert left >= 0 and left + room <= width and float(text.attrib["y"]) < height, text.text


def test_each_stands_on_a_page_with_words_for_those_who_do_not_see_it() -> None:
    pages = "\n".join(path.read_text("utf-8") for path in SPEC.glob("*.md"))
    shown = re.findall(r"^ *!\[([^\]]+)\]\(pictures/([\w-]+)\.svg\)$", pages, re.MULTILINE)
    assert sorted(name for _, name in shown) == [path.stem for path in PICTURES]
    assert len(PICTURES) >= 4 and all(len(words.split()) > 5 for words, _ in shown)


def test_the_site_has_them() -> None:
    assert all(f"spec/pictures/{path.name}" in places() for path in PICTURES)
