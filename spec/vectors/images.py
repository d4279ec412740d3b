"""Writes images.json: executables made by hand, and the references that references.md finds in them.

    python spec/vectors/images.py [DIRECTORY]

What is expected is noted where it is written, not found. Needs the standard library only. The same call always writes
the same bytes.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from executable_codes import FOUND as CODES
from executable_tables import FOUND as TABLES
from executable_tables import NO_IMAGES as NO_TABLES
from executables import Image, elf, pe, pe_32, pe_net, pe_relocations, without, x86


def spoilt(make: Callable[[], Image], offset: int, form: str, *values: Any) -> bytes:
    """An image with one number of its headers that makes it none."""
    image = make()
    image.put(offset, form, *values)
    return bytes(image.data)


def elf_cut() -> Image:
    """The file ends with what is loaded: no symbols, and an FDE that is too near its end."""
    image = x86()
    del image.data[0x900:]
    image.expected["back"].pop()
    return without(image, lambda found: found[0] >= 0x900 or found[0] in (0x2C0, 0x2C8))


def elf_short_frames() -> Image:
    """A header of 11 bytes: no frames."""
    image = x86()
    image.put(64 + 56 * 5 + 32, "Q", 11)
    image.expected["here"] = image.expected["back"] = []
    return without(image, lambda found: found[0] in range(0x300, 0x340))


FOUND = (
    ("pe-x86-64", "F-50 F-51 F-54 F-58", pe),
    ("pe-relocations", "F-54", pe_relocations),
    ("pe-x86-64-net", "F-50", pe_net),
    ("pe-x86", "F-50 F-51 F-54 F-58", pe_32),
    ("elf-x86-64", "F-50 F-51 F-55 F-56 F-58", x86),
    ("elf-cut", "F-50 F-55 F-56", elf_cut),
    ("elf-short-frames", "F-56", elf_short_frames),
    ("elf-aarch64", "F-50 F-51 F-55 F-56 F-57", lambda: elf(183)),
)
NO_IMAGES = (
    ("pe-signature", pe, (0x40, "B", 0)),
    ("pe-machine", pe, (0x44, "H", 0x14C)),
    ("pe-32", pe, (0x58, "H", 0x10B)),
    ("pe-x86-magic", pe_32, (0x58, "H", 0x20B)),
    ("pe-x86-machine", pe_32, (0x44, "H", 0x8664)),
    ("pe-base", pe, (0x70, "Q", 1 << 52)),
    ("pe-no-sections", pe, (0x46, "H", 0)),
    ("pe-header-outside", pe, (0x3C, "I", 0xA90)),
    ("pe-descending", pe, (0x148 + 12, "I", 0x2000)),
    ("elf-32", x86, (4, "B", 1)),
    ("elf-big-endian", x86, (5, "B", 2)),
    ("elf-machine", x86, (18, "H", 40)),
    ("elf-entry", x86, (54, "H", 57)),
    ("elf-no-segments", x86, (56, "H", 0)),
    ("elf-nothing-loaded", x86, (32, "Q", 64 + 56 * 3)),
    ("elf-overlap", x86, (64 + 56 + 16, "Q", 0x500)),
    ("elf-room", x86, (64 + 56 + 40, "Q", 0xFF)),
    ("elf-beyond", x86, (64 + 56 * 2 + 8, "Q", 0xB00)),
    ("elf-rooms", x86, (64 + 56 * 2 + 40, "Q", 1 << 29)),
    ("elf-end", x86, (64 + 56 * 2 + 16, "Q", 1 << 40)),
)


def proven(requirements: str) -> dict[str, Any]:
    """What an image proves, and which of it alone: as in vectors.json."""
    numbers = requirements.split()
    return {"requirements": numbers, "isolates": numbers[0] if len(numbers) == 1 else None}


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    listing: list[dict[str, Any]] = []
    for name, requirements, make in (*FOUND, *CODES, *TABLES):
        image = make()
        expected = {kind: sorted(found) for kind, found in image.expected.items() if found}
        listing.append({"name": name, **proven(requirements), "image": image.data.hex(), "references": expected})
    for name, make, change in (*NO_IMAGES, *NO_TABLES):
        listing.append({"name": name, **proven("F-50"), "image": spoilt(make, *change).hex(), "references": None})
    text = json.dumps({"images": listing}, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n"
    (directory / "images.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
