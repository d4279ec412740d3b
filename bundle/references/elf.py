"""References in the tables of an ELF image. spec/references.md [F-55], [F-56].

Every table is bounded before it is read, by the file or by a constant: a header can declare any size. Tables are read
some rows at a time.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bundle.references.image import Image
from bundle.references.pages import Pages
from bundle.references.places import Places, PlaceSet
from bundle.references.words import NONE, Numbers

RELATIVE = (8, 1027)  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
SYMBOLS = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
MAX_TAGS = 1 << 12  # of the dynamic table
MAX_SECTIONS = 128  # their headers are read one by one
HEADER = b"\x01\x1b\x03\x3b"  # of .eh_frame_hdr: version 1, a table of pairs counted from the header
PC_RELATIVE = 0x1B  # DW_EH_PE_pcrel | DW_EH_PE_sdata4
MAX_CIES = 1 << 12  # each is parsed in Python; a linker joins equal ones, so a sound image has few
CHUNK_ROWS = 1 << 16


class Table(NamedTuple):
    """`length` numbers of 4 bytes, the first at offset `start` and `step` bytes apart. They count from an `anchor`."""

    start: int
    step: int
    length: int
    anchor: int

    def has(self, at: Numbers) -> NDArray[np.bool_]:
        """Which offsets are those of its numbers."""
        number, rest = np.divmod(at - self.start, self.step)
        found: NDArray[np.bool_] = (rest == 0) & (number >= 0) & (number < self.length)
        return found

    def places(self) -> Iterator[Numbers]:
        """The offsets of its numbers."""
        return _steps(self.start, self.step, self.length)


def relocations(data: Pages, image: Image) -> Iterator[Numbers]:
    """Long references of DT_RELA and DT_JMPREL: the place of each entry, and the addend of a relative one.

    Where the word at the place of a relative one holds the addend as well, that word is one, too.
    """
    start, end = image.table("dynamic")
    view = data.span(start, min(end, start + 16 * MAX_TAGS)).tobytes()
    # Of a tag that stands twice the last counts. A DT_NULL does not end the table: what follows is zeros as a rule.
    dynamic = dict(struct.iter_unpack("<qQ", view[: len(view) // 16 * 16]))
    for address, size in ((7, 8), (23, 2)):
        start, end = image.stored(dynamic.get(address, 0), dynamic.get(size, 0))
        for rows in _steps(start, 24, (end - start) // 24):
            # A relative relocation says its target in the addend. Some linkers write it into the word itself, too.
            relative = rows[np.isin(data.long(rows + 8), RELATIVE)]
            words = image.offsets(data.long(relative))
            held = (words >= 0) & (words <= data.size - 8)
            relative_held, words = relative[held], words[held]
            yield from (rows, relative + 16, words[data.long(words) == data.long(relative_held + 16)])


def symbols(data: Pages, image: Image) -> list[Table]:
    """The names in the table of symbols and in that of dynamic ones. Of each, the last in the section headers counts.

    The name of a symbol is a jump, counted from the table of names. Its value, 8 bytes behind, is a long reference.
    """
    # A symbol has an offset into a table of names, which moves whenever a name is added, and an address as its value.
    header = data.span(0, 64).tobytes()
    if len(header) < 64 or header[:4] != b"\x7fELF":
        return []
    headers, entry_bytes, count = struct.unpack_from("<40xQ10xHH", header)
    if entry_bytes != 64 or count > MAX_SECTIONS or headers + 64 * count > data.size:
        return []
    view = data.span(headers, headers + 64 * count).tobytes()
    tables = {}
    for number in range(count):
        kind, offset, size, names = struct.unpack_from("<4xI16xQQI", view, 64 * number)
        if kind in SYMBOLS and offset + size <= data.size and names < count:
            (start,) = struct.unpack_from("<24xQ", view, 64 * names)
            anchor = int(image.addresses(np.array([min(start, data.size)], np.int64))[0])
            tables[kind] = Table(offset, 24, size // 24, anchor)
    return [tables[kind] for kind in sorted(tables)]


def frames(data: Pages, image: Image) -> Table | None:
    """The table of .eh_frame_hdr: jumps to all functions and their FDEs, in turn."""
    start, end = image.table("frames")
    if end - start < 12 or data.span(start, start + 4).tobytes() != HEADER:
        return None
    count = min(int(data.unsigned(np.array([start + 8]))[0]), (end - start - 12) // 8)
    return Table(start + 12, 4, 2 * count, image.tables["frames"][0])


def described(data: Pages, image: Image, table: Table) -> Iterator[tuple[Numbers, Numbers]]:
    """(here, back): what the table leads to in .eh_frame.

    An FDE refers to its CIE, its function, and its exception table if the CIE says that there is one. A CIE refers to
    its personality.
    """
    yield np.array([table.start - 8]), NONE
    entries = PlaceSet(data.size - 23)
    for rows in _steps(table.start + 4, 8, table.length // 2):
        entries.add(image.offsets(table.anchor + data.signed(rows)))
    found = entries.places()
    del entries
    # The CIE says how the numbers of its FDEs are encoded, so each FDE's CIE is read first, once for all its FDEs.
    distinct = NONE
    for _, at in found.chunks():
        distinct = np.unique(np.concatenate([distinct, _common(data, image, at)[1]]))
        if len(distinct) > MAX_CIES:
            return
    read = [_read_cie(data.span(common, common + 64).tobytes()) for common in distinct.tolist()]
    functions, tables, personality = np.array(read, np.int64).reshape(-1, 3).T
    yield (distinct + personality)[personality > 0], NONE
    yield from _read_entries(data, image, found, (distinct, functions, tables))


def _read_entries(
    data: Pages, image: Image, found: Places, commons: tuple[Numbers, Numbers, Numbers]
) -> Iterator[tuple[Numbers, Numbers]]:
    distinct, functions, tables = commons
    for _, chunk in found.chunks():
        at, common = _common(data, image, chunk)
        of = np.searchsorted(distinct, common)
        listed = at[tables[of] == 1]
        listed = listed[data.byte(listed + 16) == 4] + 17
        yield at[functions[of] == 1] + 8, at + 4
        yield listed[data.unsigned(listed) != 0], NONE


def _common(data: Pages, image: Image, at: Numbers) -> tuple[Numbers, Numbers]:
    """(those FDEs whose CIE has a byte in the file, where it stands)."""
    commons = image.offsets(image.addresses(at + 4) - data.signed(at + 4))
    return at[commons >= 0], commons[commons >= 0]


def _steps(start: int, step: int, count: int) -> Iterator[Numbers]:
    for first in range(0, count, CHUNK_ROWS):
        yield start + step * np.arange(first, min(first + CHUNK_ROWS, count), dtype=np.int64)


def _read_cie(data: bytes) -> tuple[bool, bool, int]:
    """(its FDEs name functions, they name exception tables, where the personality stands or 0): all PC-relative."""
    if len(data) < 64 or data[4:9] != b"\0\0\0\0\x01":
        return False, False, 0
    letters, _, rest = data[9:].partition(b"\0")
    if not letters.startswith(b"z") or len(letters) > 8 or len(rest) < 40:
        return False, False, 0
    at, encodings, personality = 4, {}, 0  # behind one-byte alignments, return register and length
    for letter in letters[1:].decode("latin-1"):
        if letter in "LRP":
            encodings[letter] = rest[at]
            at += 1
        if letter == "P":
            personality = 9 + len(letters) + 1 + at
            at += 4
    signed = encodings.get("P", 0) & 0x7F == PC_RELATIVE
    functions = encodings.get("R") == PC_RELATIVE
    return functions, functions and encodings.get("L") == PC_RELATIVE, personality if signed else 0
