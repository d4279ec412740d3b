"""What a wheel requires, by its own METADATA: PEP 427, core metadata 2.1. One reader, ashore and aboard.

A wheel that requires an address would have pip ask a network, or take what lies at another path [A-101].
"""

import lzma
import zipfile
import zlib
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from bundle.errors import InputError

MAX_METADATA_BYTES: Final = 16 * 1024 * 1024
# What zipfile raises for a file that is no sound archive; each of its decompressors has an error of its own.
_NO_ARCHIVE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def requirements_of(wheel: Path) -> list[str]:
    """Its Requires-Dist lines, of every METADATA that it holds.

    Raises InputError for a file that is no wheel, describes itself in over 16 MiB, or requires an address; OSError.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            described = [member for member in archive.infolist() if member.filename.endswith(".dist-info/METADATA")]
            if not described:
                raise ValueError("it has no METADATA")
            if any(member.file_size > MAX_METADATA_BYTES for member in described):
                raise InputError(f"{wheel.name}: describes itself in over {MAX_METADATA_BYTES:,} bytes")
            texts = [archive.read(member).decode(errors="replace") for member in described]
    except _NO_ARCHIVE as error:
        raise InputError(f"{wheel.name}: not a wheel that can be read ({error})") from error
    lines = [line for text in texts for line in HeaderParser().parsestr(text).get_all("Requires-Dist", [])]
    for line in lines:
        if "@" in line.partition(";")[0]:
            raise InputError(f"{wheel.name}: requires an address, {' '.join(line.split())!r}, which no ship asks")
    return lines
