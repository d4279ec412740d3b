"""The pages of the site: hand-written ones, the repository's own, and those made from the code.

Links are written as they work in the repository. `linked` turns them into links of the site, cites requirements by a
link to where they stand, and leaves a plain name where a file of the repository is no page.
"""

import posixpath
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from docs.generator.answers import exit_codes_page, json_page
from docs.generator.commands import commands_page
from docs.generator.configuration import configuration_page
from docs.generator.floors import picture, rooms_table
from docs.generator.markdown import page, table
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
# Pages of the repository that are no files of docs/, by their place in the site.
BROUGHT = {
    "index.md": "README.md",
    "explanation/threat-model.md": "SECURITY.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/release.md": "RELEASE.md",
    "howto/vms-example.md": "examples/vms/README.md",
    "specification/vectors.md": "spec/vectors/README.md",
}
_ROOMS = (
    "Every room of the code with the first sentences of its docstring, the highest floor first. "
    "A room imports only rooms below it. The page is made from the code and from the contracts in `pyproject.toml`."
)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<to>[^()\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+[^`]+`+)")
_DEFINED = re.compile(r"\*\*\[([A-Z]-\d+)\]\*\*")
_CITED = re.compile(r"(?<![\[*\w])\[([A-Z]-\d+)\](?![\]*(])")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_STATUS = re.compile(r"^\**status\**:\s*(.+)$", re.MULTILINE | re.IGNORECASE)


@cache
def brought() -> dict[str, Path]:
    """Pages and pictures that the repository has elsewhere than in docs/, by their place in the site."""
    found = {place: REPOSITORY / name for place, name in BROUGHT.items() if (REPOSITORY / name).exists()}
    found |= {f"specification/{path.name}": path for path in sorted((REPOSITORY / "spec").glob("*.md"))}
    decisions = (REPOSITORY / "spec" / "decisions").glob("[0-9]*.md")
    found |= {f"explanation/decisions/{path.name}": path for path in sorted(decisions)}
    found |= {f"pictures/{path.name}": path for path in sorted((REPOSITORY / "spec" / "pictures").glob("*.svg"))}
    return found | {f"results/{path.name}": path for path in (REPOSITORY / "bench" / "results").glob("*.svg")}


@cache
def places() -> dict[str, str]:
    """Where each file of the repository stands in the site, if it does."""
    own = {f"docs/{place}": place for place in own_pages()}
    elsewhere = {path.relative_to(REPOSITORY).as_posix(): place for place, path in brought().items()}
    made = {f"docs/{place}": place for place in MADE}
    return {**own, **made, **elsewhere, "spec/decisions/README.md": "explanation/decisions/index.md"}


def own_pages() -> list[str]:
    """What stands in docs/ itself, by its place in the site."""
    found = [path for path in DOCS.rglob("*") if path.is_file() and "generator" not in path.relative_to(DOCS).parts]
    return sorted(path.relative_to(DOCS).as_posix() for path in found)


def within(folder: str) -> list[str]:
    """The pages that were brought into a folder of the site, in their order."""
    return [place for place in brought() if place.startswith(folder)]


def decisions_page() -> str:
    """The index of the decisions, with the status of each where it says one."""
    rows = []
    for place in within("explanation/decisions/"):
        text = brought()[place].read_text(encoding="utf-8")
        title, status = _TITLE.search(text), _STATUS.search(text)
        name = posixpath.basename(place)
        rows.append((name[:4], f"[{title[1] if title else name}]({name})", status[1].strip("* ") if status else ""))
    said = "One page for each choice that is hard to take back: what was decided, why, and what was measured."
    return page("Decisions", said, table(["number", "decision", "status"], rows))


@cache
def requirements() -> dict[str, str]:
    """Where in the site each numbered requirement is defined."""
    return {
        number: place
        for place, path in brought().items()
        if place.startswith("specification/")
        for number in _DEFINED.findall(path.read_text(encoding="utf-8"))
    }


def linked(text: str, place: str) -> str:
    """The text of a page of the site with its links as they are there."""
    source = brought().get(place)
    here = source.relative_to(REPOSITORY).as_posix() if source else f"docs/{place}"
    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _linked(part, place, here) for part in parts)


def _linked(text: str, place: str, here: str) -> str:
    text = with_wide_lists(text)
    text = _LINK.sub(lambda link: _site_link(link, place, here), text)
    if place == "reference/commands.md":
        return text
    pieces = _CODE.split(text)
    return "".join(piece if piece.startswith("`") else _with_requirements(piece, place) for piece in pieces)


def with_wide_lists(text: str) -> str:
    """Lists as Python-Markdown reads them, from lists as people write them for GitHub.

    It wants an empty line before the first entry, and four spaces before what belongs to an entry.
    """
    lines: list[str] = []
    in_list = block_is_list = False
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if line.startswith(("- ", "* ")):
            if before.strip() and not block_is_list:
                lines.append("")
            in_list = block_is_list = True
        elif in_list and re.match(r" {2,3}\S", line):
            block_is_list = block_is_list and bool(before.strip())
            lines.append("    " + line.lstrip())
            continue
        elif line.strip() and not before.strip():
            in_list = block_is_list = line.startswith(" ") and in_list
        lines.append(line)
    return "\n".join(lines)


def _site_link(link: re.Match[str], place: str, here: str) -> str:
    to, _, anchor = link["to"].partition("#")
    if not to or ":" in to:
        return link[0]
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(here), to))
    if found := places().get(wanted):
        relative = posixpath.relpath(found, posixpath.dirname(place) or ".")
        return f"{link['image']}[{link['text']}]({relative}{'#' if anchor else ''}{anchor})"
    is_there = (REPOSITORY / wanted).exists() and not link["image"]
    return link["text"] if is_there else link[0]  # what is nowhere stops the build


def _with_requirements(text: str, place: str) -> str:
    text = _DEFINED.sub(lambda found: f'<a id="{found[1].lower()}"></a>{found[0]}', text)
    return _CITED.sub(lambda found: _citation(found, place), text)


def _citation(found: re.Match[str], place: str) -> str:
    if not (stands := requirements().get(found[1])):
        return found[0]
    relative = posixpath.relpath(stands, posixpath.dirname(place) or ".")
    return f"[\\[{found[1]}\\]]({relative}#{found[1].lower()})"


# Pages and pictures that are made from the code, by their place in the site.
MADE: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/configuration.md": configuration_page,
    "reference/exit-codes.md": exit_codes_page,
    "reference/json.md": json_page,
    "explanation/rooms.md": lambda: page("Rooms of the code", _ROOMS, rooms_table()),
    "explanation/floors.svg": picture,
    "explanation/decisions/index.md": decisions_page,
}
