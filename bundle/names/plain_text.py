r"""Text that names, messages and files bring along, as one line that a terminal, a log or a record can show [A-95].

What Python does not call printable is written out: control characters, line ends, marks that turn the direction of
writing, characters without width, bytes that are no text. So ESC is shown as \x1b, a line end as \n, U+202E as \u202e.
A second pass changes nothing, so text may pass several places.
"""

from collections.abc import Callable
from typing import Any

MOST_QUOTED = 200


def plain(text: str) -> str:
    """The text without any character that is not printable (str.isprintable). A backslash stays as it is."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _written_out(c) for c in text)


def excerpt(text: str, most: int = MOST_QUOTED) -> str:
    """The beginning of text from elsewhere, at most that many characters, an ellipsis behind them included."""
    shown = plain(text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A document of dicts, lists and plain values, with each of its strings changed. Keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: each_text(item, change) for key, item in value.items()}
    return [each_text(item, change) for item in value] if isinstance(value, list | tuple) else value


def whole(text: str) -> str:
    """The text as any program can read it: half characters, as names that are no UTF-8 bring them, are written out."""
    return "".join(_written_out(c) if "\ud800" <= c <= "\udfff" else c for c in text)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
