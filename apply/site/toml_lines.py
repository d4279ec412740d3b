"""Where a key stands in a TOML file, for messages: tomllib tells no lines."""

import re
from typing import Final

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, key: str) -> int:
    """The line, from 1 on, of a key such as "health[1].port"; of the nearest that holds it; 0 for none.

    Lines of a text in three quotes may be taken for keys. So this is for a person who looks, and decides nothing.
    """
    places = dict(reversed(list(_places(text))))  # the first of a name counts
    while key:
        if key in places:
            return places[key]
        key = re.sub(r"(\.?[^.\[\]]+|\[\d+\])\Z", "", key)
    return 0


def _places(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    table, counts = "", dict[str, int]()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _plain(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            found.append((table, number))
        elif key := _KEY.match(line):
            name = _plain(key[1])
            found.append((f"{table}.{name}" if table else name, number))
    return found


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
