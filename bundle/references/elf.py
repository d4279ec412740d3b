"""References in the tables of an ELF image. spec/format.md, section 9 [F-55], [F-56].

Every table is bounded before it is read, by the file or by a constant: a header can declare any size.
"""

import struct

import numpy as np

from bundle.references.image import Image
from bundle.references.kinds import Group
from bundle.references.words import NONE, Bytes, Numbers, joined, read_long, read_signed, read_unsigned

RELATIVE = (8, 1027)  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
SYMBOLS = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
MAX_SECTIONS = 128  # their headers are read one by one
HEADER = b"\x01\x1b\x03\x3b"  # of .eh_frame_hdr: version 1, a table of pairs counted from the header
PC_RELATIVE = 0x1B  # DW_EH_PE_pcrel | DW_EH_PE_sdata4
MAX_CIES = 1 << 12  # each is parsed in Python; a linker joins equal ones, so a sound image has few


def relocations(data: Bytes, image: Image) -> Numbers:
    """Long references of DT_RELA and DT_JMPREL: the place of each entry, and the addend of a relative one.

    Where the word at the place of a relative one holds the addend as well, that word is one, too.
    """
    start, end = image.table("dynamic")
    view = data[start:end].tobytes()
    # Of a tag that stands twice the last counts. A DT_NULL does not end the table: what follows is zeros as a rule.
    dynamic = dict(struct.iter_unpack("<qQ", view[: len(view) // 16 * 16]))
    found = []
    for address, size in ((7, 8), (23, 2)):
        start, end = image.stored(dynamic.get(address, 0), dynamic.get(size, 0))
        rows = np.arange(start, start + (end - start) // 24 * 24, 24, dtype=np.int64)
        # A relative relocation says its target in the addend. Some linkers write it into the word itself, too.
        relative = rows[np.isin(read_long(data, rows + 8), RELATIVE)]
        words = image.offsets(read_long(data, relative))
        held = (words >= 0) & (words <= len(data) - 8)
        relative_held, words = relative[held], words[held]
        words = words[read_long(data, words) == read_long(data, relative_held + 16)]
        found += [rows, relative + 16, words]
    return joined(*found)


def symbols(data: Bytes, image: Image) -> tuple[Group, Numbers]:
    """(jumps, long) in the table of symbols and that of dynamic ones. Of each, the last in the section headers counts.

    A jump is the name of a symbol, counted from the table of names. A long reference is its value.
    """
    # A symbol has an offset into a table of names, which moves whenever a name is added, and an address as its value.
    if len(data) < 64 or data[:4].tobytes() != b"\x7fELF":
        return Group(), NONE
    headers, entry_bytes, count = struct.unpack_from("<40xQ10xHH", data.data)
    if entry_bytes != 64 or count > MAX_SECTIONS or headers + 64 * count > len(data):
        return Group(), NONE
    tables = {}
    for number in range(count):
        kind, offset, size, names = struct.unpack_from("<4xI16xQQI", data.data, headers + 64 * number)
        if kind in SYMBOLS and offset + size <= len(data) and names < count:
            rows = np.arange(offset, offset + size // 24 * 24, 24, dtype=np.int64)
            (start,) = struct.unpack_from("<24xQ", data.data, headers + 64 * names)
            tables[kind] = rows, image.addresses(np.full(len(rows), min(start, len(data)), np.int64))
    where, anchor = map(np.concatenate, zip((NONE, NONE), *(tables[kind] for kind in sorted(tables)), strict=True))
    return Group(where, anchor + read_signed(data, where), anchor), where + 8


def frames(data: Bytes, image: Image) -> tuple[Group, Numbers, Numbers]:
    """(jumps, here, back): the table of .eh_frame_hdr, and what it leads to in .eh_frame.

    An FDE refers to its CIE, its function, and its exception table if the CIE says that there is one. A CIE refers to
    its personality.
    """
    start, end = image.table("frames")
    if data[start : start + 4].tobytes() != HEADER or end - start < 12:
        return Group(), NONE, NONE
    # The header is a sorted table of (function, FDE) for all functions: two references each, and a way to every FDE.
    count = min(int(read_unsigned(data, np.array([start + 8]))[0]), (end - start - 12) // 8)
    rows = start + 12 + 8 * np.arange(count, dtype=np.int64)
    anchor = image.tables["frames"][0]
    described = image.offsets(anchor + read_signed(data, rows + 4))
    described = joined(described[(described >= 0) & (described <= len(data) - 24)])
    entries = start + 12 + 4 * np.arange(2 * count, dtype=np.int64)
    jumps = Group(entries, anchor + read_signed(data, entries), np.full(2 * count, anchor, np.int64))
    here, back = _described(data, image, described)
    return jumps, joined(np.array([start + 4]), *here), back


def _described(data: Bytes, image: Image, described: Numbers) -> tuple[list[Numbers], Numbers]:
    """(what counts from its own place, what counts back to a CIE) in FDEs at these offsets."""
    # The CIE says how the numbers of its FDEs are encoded, so each FDE's CIE is read first, once for all its FDEs.
    commons = image.offsets(image.addresses(described + 4) - read_signed(data, described + 4))
    described, commons = described[commons >= 0], commons[commons >= 0]
    distinct, of = np.unique(commons, return_inverse=True)
    if not 0 < len(distinct) <= MAX_CIES:
        return [], NONE
    read = [_read_cie(data[common : common + 64].tobytes()) for common in distinct.tolist()]
    functions, tables, personality = np.array(read, np.int64).T
    listed = described[tables[of] == 1]
    listed = listed[data[listed + 16] == 4] + 17
    here = [
        described[functions[of] == 1] + 8,
        listed[read_unsigned(data, listed) != 0],
        (distinct + personality)[personality > 0],
    ]
    return here, described + 4


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
