"""Checks the built documentation: nothing in it is loaded from another host.

    python -m tests.docs.built_site DIRECTORY

Looked at are what a page loads by itself (scripts, styles, pictures, frames, fonts), what a stylesheet loads, and the
addresses that a script names. A link that a reader may follow is no loading. Exit code 1 names what was found.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

LOADING: Final = {
    *(("script", "src"), ("link", "href"), ("img", "src"), ("img", "srcset"), ("source", "src"), ("source", "srcset")),
    *(("iframe", "src"), ("embed", "src"), ("object", "data"), ("video", "src"), ("audio", "src"), ("use", "href")),
}
HARMLESS: Final = {"canonical", "next", "prev"}  # relations of <link> that load nothing
FOREIGN: Final = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
STYLED: Final = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPTED: Final = re.compile(r"""["'`](?:https?:)?//[\w.-]+\.\w+/[^"'`\s]*\.?(?:js|mjs|css|json|wasm|woff2?|shim)\b""")


class Page(HTMLParser):
    """Collects the foreign addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and set(given.get("rel", "").split()) & HARMLESS:
            return
        for name, value in given.items():
            if (tag, name) in LOADING and FOREIGN.match(value):
                self.found.append(value)
        self.found += STYLED.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.found += STYLED.findall(data)


def foreign(path: Path) -> list[str]:
    """What a file of the site loads from another host."""
    text = path.read_text(encoding="utf-8") if path.suffix in (".html", ".css", ".js", ".svg") else ""
    if path.suffix in (".html", ".svg"):
        page = Page()
        page.feed(text)
        return page.found
    return (STYLED if path.suffix == ".css" else SCRIPTED).findall(text)


def main() -> int:
    """0 if nothing was found."""
    site = Path(sys.argv[1])
    files = [path for path in site.rglob("*") if path.is_file()]
    found = {path.relative_to(site).as_posix(): addresses for path in files if (addresses := foreign(path))}
    for name, addresses in found.items():
        print(f"{name}: loads {', '.join(addresses)}", file=sys.stderr)
    print(f"{site}: {len(files)} files, nothing is loaded from another host" if not found else "", end="\n")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
