"""Which of the known names somebody may have meant: a slip of the finger, or a name that was cut short."""

from collections.abc import Iterable
from typing import Final

MOST: Final = 3
_LIKENESS: Final = 0.75  # of 1: 'sing' and 'sign' have that, '--force' and '--workers' have 0.5
_LIKENESS_OF_TWO: Final = 2 / 3  # of a name of two letters: one of them is there
_SHORTEST_BEGINNING: Final = 3


def near(typed: str, known: Iterable[str]) -> list[str]:
    """The names that are really near, the nearest first; dashes and case do not count."""
    found = [(_likeness(_bare(typed), _bare(name)), name) for name in known]
    return [name for likeness, name in sorted(found, key=lambda pair: (-pair[0], pair[1])) if likeness][:MOST]


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """The end of a sentence that refuses a name: "; did you mean 'apply'?", or nothing."""
    names = near(typed, known)
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""


def _bare(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _likeness(typed: str, name: str) -> float:
    """From 0, for not near, to 1, for the same."""
    if len(typed) >= _SHORTEST_BEGINNING and name.startswith(typed):
        return 1.0
    if len(typed) >= _SHORTEST_BEGINNING and sorted(typed) == sorted(name):
        return 1.0  # two letters in the wrong order
    from difflib import SequenceMatcher  # only here: every command loads this module, and few names are wrong

    likeness = SequenceMatcher(None, typed, name, autojunk=False).ratio()
    return likeness if likeness >= (_LIKENESS if len(name) > 2 else _LIKENESS_OF_TWO) else 0.0
