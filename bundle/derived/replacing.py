"""Replacing what a pattern finds, with memory for the result alone. `re.sub` holds an object for every match."""

import re
from collections.abc import Callable

from bundle.derived.no_form import NoForm

MAX_BYTES = 1 << 24  # of a source, a form, and a patched form [F-104]


def replaced(pattern: re.Pattern[bytes], by: Callable[[re.Match[bytes]], bytes], data: bytes) -> bytes:
    """As `pattern.sub`. Raises NoForm for a result that is too long."""
    out, at = bytearray(), 0
    for match in pattern.finditer(data):
        out += data[at : match.start()]
        out += by(match)
        at = match.end()
        if len(out) > MAX_BYTES:
            raise NoForm(f"has a form of over {MAX_BYTES:,} bytes")
    out += data[at:]
    return bytes(out)
