"""Packed files that are not opened, and why: spec/decisions, 0031 and 0032.

They are told by their first bytes, and in an `ar` archive (a Debian package) by those of its members.
"""

import re
from typing import Final

from bundle.format.contents import Content, first_bytes

LEAST_BYTES: Final = 4096  # what a smaller file costs is not worth a line
_AR: Final = b"!<arch>\n"
_AR_ENTRY_END: Final = rb"`\n"
_UNPROVEN: Final = "no encoder is proven to give it back"
_FORMATS: Final = {
    "zstandard": (rb"\x28\xb5\x2f\xfd", _UNPROVEN),
    "lzip": (rb"LZIP\x01", _UNPROVEN),
    "7-Zip": (rb"7z\xbc\xaf\x27\x1c", _UNPROVEN),
    "xz": (rb"\xfd7zXZ\0", "it has a dictionary over 8 MiB, other filters than LZMA2, or damage; xz -6 would do"),
}


def why_closed(content: Content, size: int) -> str | None:
    """Of a packed file that was not opened: its format, and why. Raises InputError if it cannot be read."""
    if size < LEAST_BYTES:
        return None
    start = first_bytes(content, LEAST_BYTES)
    is_ar = start.startswith(_AR)
    for name, (magic, why) in _FORMATS.items():
        if re.search(_AR_ENTRY_END + magic, start) if is_ar else re.match(magic, start):
            return f"{name} is not opened: {why}"
    return None
