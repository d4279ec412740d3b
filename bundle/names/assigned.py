"""Which characters names may hold: those of Unicode 14.0, whatever this Python knows. spec/format.md [F-67]

A character that is not assigned yet may later get a normal form or a letter case. Then ships with different tables
would judge a name differently. An assigned one keeps both: Unicode's stability policy.
"""

import re
from functools import cache
from itertools import accumulate

from bundle.names.unicode_14 import RUNS


def first_unassigned(text: str) -> str:
    """The first character that is none of Unicode 14.0, or a surrogate. Empty if there is none."""
    if text.isascii():
        return ""
    found = _others().search(text)
    return found.group() if found else ""


def upper(text: str) -> str:
    """The text in upper case as of Unicode 14.0: a letter that got its capital later has none here [F-16]."""
    whole = text.upper()
    if not first_unassigned(whole):
        return whole
    return "".join(letter if first_unassigned(letter.upper()) else letter.upper() for letter in text)


@cache
def _others() -> re.Pattern[str]:
    edges = list(accumulate(RUNS))
    ranges = "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in zip(edges[::2], edges[1::2], strict=True))
    return re.compile(f"[^{ranges}]")
