"""Packed files that are not opened, because no encoder is proven to give them back: spec/decisions, 0031.

They are told by their first bytes, and in an `ar` archive (a Debian package) by those of its members.
"""

import re
from typing import Final

from bundle.format.contents import Content, first_bytes

LEAST_BYTES: Final = 4096  # what a smaller file costs is not worth a line
_AR: Final = b"!<arch>\n"
_AR_ENTRY_END: Final = rb"`\n"
_FORMATS: Final = {
    "xz": rb"\xfd7zXZ\0",
    "zstandard": rb"\x28\xb5\x2f\xfd",
    "lzip": rb"LZIP\x01",
    "7-Zip": rb"7z\xbc\xaf\x27\x1c",
}


def foreign_format(content: Content, size: int) -> str | None:
    """The format of a packed file that is not opened. Raises InputError if it cannot be read."""
    if size < LEAST_BYTES:
        return None
    start = first_bytes(content, LEAST_BYTES)
    is_ar = start.startswith(_AR)
    for name, magic in _FORMATS.items():
        if re.search(_AR_ENTRY_END + magic, start) if is_ar else re.match(magic, start):
            return name
    return None
