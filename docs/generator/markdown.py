"""Small pieces of Markdown: cells, tables, paragraphs of a docstring."""

import inspect
import re
from collections.abc import Iterable, Sequence

_REQUIREMENT = re.compile(r"\s*\[[A-Z]-\d+\](?=[.,;:) ]|$)")


def cell(text: str) -> str:
    """Text that stands in a cell of a table: one line, without a bar."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Text as code, in a cell or elsewhere."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def escaped(text: str) -> str:
    """Plain text: nothing in it is taken for HTML or for emphasis; code in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*_\[\]])", r"\\\1", part) for part in parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; each cell is Markdown already."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def paragraphs(doc: str | None) -> str:
    """A docstring as paragraphs, without the numbers of requirements."""
    text = inspect.cleandoc(doc or "")
    return "\n\n".join(escaped(" ".join(_REQUIREMENT.sub("", part).split())) for part in text.split("\n\n"))


def page(title: str, *blocks: str) -> str:
    """A page of blocks, empty ones left out."""
    return "\n\n".join([f"# {title}", *filter(None, blocks)]) + "\n"
