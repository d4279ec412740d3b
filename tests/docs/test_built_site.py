"""What a page, a stylesheet or a script loads from another host is found; what a reader may follow is not."""

from pathlib import Path

import pytest

from tests.docs.built_site import foreign

LOADS = {
    "a.html": '<script src="https://cdn.example/a.js"></script>',
    "b.html": '<link rel="stylesheet" href="//fonts.example/css">',
    "c.html": '<img alt="" src="http://example.com/a.png">',
    "d.html": '<style>@import "https://fonts.example/a.css";</style>',
    "e.html": "<p style=\"background: url('https://example.com/a.png')\">",
    "a.css": "@font-face { src: url(https://fonts.example/a.woff2) }",
    "a.js": 'load("https://unpkg.com/mermaid@11/dist/mermaid.min.js")',
}
LOADS_NOT = {
    "a.html": '<a href="https://example.com/">there</a><img alt="" src="../a.svg"><script src="a.js"></script>',
    "b.html": '<link rel="canonical" href="https://example.com/">',
    "a.css": "a { background: url(a.png) } /* https://example.com/a.css */",
    "a.js": 'namespace("http://www.w3.org/2000/svg")',
}


@pytest.mark.parametrize("name", LOADS)
def test_what_comes_from_elsewhere_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOADS[name], encoding="utf-8")
    assert len(foreign(tmp_path / name)) == 1


@pytest.mark.parametrize("name", LOADS_NOT)
def test_nothing_else_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOADS_NOT[name], encoding="utf-8")
    assert foreign(tmp_path / name) == []
