"""Executables of which one number of their tables differs: what counts at each bound [F-50] [F-54] [F-55] [F-56]."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from executable_codes import AT, LOWEST, ROOM, code
from executables import BASE, NOP, Image, pe, pe_32, without, x86

Found = list[int]


def changed(make: Callable[[], Image], left: Callable[[Found], bool], *puts: tuple[Any, ...]) -> Callable[[], Image]:
    """An image with other numbers, in which these references are none."""

    def made() -> Image:
        image = without(make(), left)
        for offset, form, *values in puts:
            image.put(offset, form, *values)
        return image

    return made


def none(_: Found) -> bool:
    return False


def at(*offsets: int) -> Callable[[Found], bool]:
    return lambda found: found[0] in offsets


def of_frames(found: Found) -> bool:
    """In the rows of the frame header, the FDEs and the CIEs."""
    return found[0] in range(0x300, 0x420) or found[0] == 0x8ED


def of_symbols(found: Found) -> bool:
    return found[0] in (0x900, 0x908, 0x918, 0x920, 0x2C0, 0x2C8)


# F-50
def pe_arm() -> Image:
    """AArch64: no exceptions, no patterns of x86."""
    image = without(pe(), lambda found: found[0] not in (0x700, 0x710))
    image.expected["relative"] = image.expected["jump"] = image.expected["short"] = []
    image.put(0x44, "H", 0xAA64)
    image.data[0x200:0x300] = struct.pack("<I", NOP) * 64
    image.branch(0x200, 0x94000000, 0x1040)
    return image


def pe_high() -> Image:
    """The largest base. Pointers of 8 bytes, less the base."""
    image = pe()
    image.put(0x70, "Q", (1 << 52) - 1)
    image.expected["long"] = [[offset, target + BASE - (1 << 52) + 1] for offset, target in image.expected["long"]]
    return image


def many(count: int) -> Image:
    """ELF of so many program headers, of which all but two are of no kind that counts."""
    image = code(62, 0x40)
    before = bytes(image.data[:64]) + bytes(56 * (count - 2)) + bytes(image.data[64 : 64 + 112])
    grown = Image(0x1000 + 0x80, [(0, 0), (0x1000, LOWEST - AT)], (0x1000, 0x1040, b"\x90"))
    grown.data[: len(before)] = before
    grown.put(56, "H", count)
    for number, (offset, size) in enumerate(((0x1000, 0x40), (0x1040, 0x40))):
        row = 64 + 56 * (count - 2 + number)
        grown.put(row + 8, "QQQQ", offset, grown.address(offset), 0, size)
    grown.relative(0x1000, "e8", grown.address(0x1010))
    return grown


def high(address: int) -> Image:
    """Data at this address."""
    image = code(62, 0x40)
    image.relative(AT, "e8", LOWEST + 0x10)
    image.put(64 + 56 + 16, "Q", address)
    return image


def room(size: int) -> Image:
    """Rooms of so many bytes together."""
    image = code(62, 0x40)
    image.relative(AT, "e8", LOWEST + 0x10)
    image.put(64 + 56 + 40, "Q", size - 0x40)
    return image


def pe_of(sections: int) -> Image:
    """PE of so many sections; the last is the code."""
    image = Image(0xE00 + 0x40, [(0, 0), (0xE00, 0x200)], (0xE00, 0xE40, b"\x90"))
    image.put(0, "2s58xI", b"MZ", 0x40)
    image.put(0x40, "4sHH12xHH", b"PE\0\0", 0x8664, sections, 240, 0)
    image.put(0x58, "H22xQ", 0x20B, BASE)
    for number in range(sections):  # without a byte in the file
        image.put(0x148 + 40 * number, "8xIIII12xI", 0x40, 0x200, 0, 0, 0)
    image.put(0x148 + 40 * (sections - 1), "8xIIII12xI", 0x40, 0x1000, 0x40, 0xE00, 0x60000020)
    image.relative(0xE00, "e8", 0x1010)
    return image


# F-54
def pe_handler() -> Image:
    """A byte more at the end of the file: the seventh row's unwinding is read."""
    image = pe()
    image.data += b"\0"
    image.expected["short"].append([0x7F4, 0x1020])
    return image


def pe_last_block() -> Image:
    """A second block of 8 bytes, which is enough, and a third of 7."""
    image = pe()
    image.put(0x814, "IIII", 0x2000, 8, 0x2000, 7)
    return image


def pe_types() -> Image:
    """Entries of types 9, 11 and 10."""
    image = pe()
    image.put(0x808, "HHHH", 0x9400, 0xB408, 0xA410, 0)
    return without(image, at(0x700))


FUNC_INFO = (*range(0x440, 0x470), *range(0x4A0, 0x510))


def pe_magic(magic: int) -> Callable[[], Image]:
    """The first FuncInfo with another word at its start; what hangs on it is gone if that is none."""
    is_one = 0x19930520 <= magic <= 0x19930527
    gone = none if is_one else lambda found: found[0] == 0x3B8 or found[0] in FUNC_INFO
    return changed(pe, gone, (0x440, "I", magic))


# F-55
def rows(count: int) -> Image:
    """The table of relocations stands in the last of so many rows of the dynamic table."""
    image = code(62, 0x40, 16 * count + 0x40)
    start = AT + 0x40
    image.put(56, "H", 3)
    image.put(64 + 112, "IIQQQQQQ", 2, 6, start, image.address(start), 0, 16 * count, 16 * count, 8)
    table = start + 16 * count
    image.put(start, "QQ", 8, 24)
    image.put(start + 16 * (count - 1), "QQ", 7, image.address(table))
    if count <= 4096:
        image.refer("long", table, 0x99)
    image.put(table, "QQ", 0x99, 6)
    return image


def symbols_at_the_end() -> Image:
    """The dynamic symbols end with the file."""
    image = without(x86(), at(0x2C0, 0x2C8))
    image.put(0x980 + 64 * 2 + 24, "Q", 0xB00 - 24)
    image.refer("jump", 0xAE8, 0x2E0 + 1, 0x2E0)
    image.refer("long", 0xAF0, 0x1610)
    return image


def symbols_headers(count: int, *, found: bool) -> Image:
    """So many section headers, and nothing behind them."""
    image = x86()
    image.put(60, "H", count)
    image.data += bytes(max(0, 0x980 + 64 * count - len(image.data)))
    del image.data[0x980 + 64 * count :]
    return image if found else without(image, of_symbols)


def symbols_headers_cut() -> Image:
    """A byte of the last header is missing."""
    image = without(x86(), of_symbols)
    del image.data[0x980 + 64 * 5 - 1 :]
    return image


def symbols_anchor() -> Image:
    """The names stand behind the end of the file: its size counts in place of their offset."""
    image = without(x86(), at(0x2C0))
    image.put(0x980 + 64 * 4 + 24, "Q", 0xC00)
    image.refer("jump", 0x2C0, 0xB00 + 1, 0xB00)
    return image


# F-56
def frames_near_end() -> Image:
    """An FDE 24 bytes before the end of the file counts."""
    image = x86()
    del image.data[0x8ED + 24 :]
    return without(image, lambda found: found[0] in (0x918, 0x920, 0x2C0, 0x2C8) or found[0] in (0x900, 0x908))


def cie(*puts: tuple[Any, ...]) -> Callable[[], Image]:
    """The first CIE says nothing then: no personality, no functions, no table of its two FDEs."""
    return changed(x86, at(0x353, 0x388, 0x391, 0x3A8), *puts)


def cie_letters(letters: bytes, *, found: bool) -> Image:
    """The second CIE has these letters, and R is the only one that says something."""
    image = x86() if found else without(x86(), at(0x3C8))
    size = len(letters)
    image.put(0x360, f"II1s{size}s6s", 20, 0, b"\1", letters, b"\0\1\x78\x10\1\x1b")
    return image


FOUND: Sequence[tuple[str, str, Callable[[], Image]]] = (
    ("pe-aarch64", "F-50", pe_arm),
    ("pe-high", "F-50", pe_high),
    ("pe-64-sections", "F-50", lambda: pe_of(64)),
    ("elf-64-headers", "F-50", lambda: many(64)),
    ("elf-high", "F-50", lambda: high((1 << 40) - 1 - ROOM)),
    ("elf-largest", "F-50", lambda: room(1 << 29)),
    ("pe-handler", "F-54", pe_handler),
    ("pe-last-block", "F-54", pe_last_block),
    ("pe-types", "F-54", pe_types),
    ("pe-func-info-19", "F-54", pe_magic(0x19930519)),
    ("pe-func-info-20", "F-54", pe_magic(0x19930520)),
    ("pe-func-info-27", "F-54", pe_magic(0x19930527)),
    ("pe-func-info-28", "F-54", pe_magic(0x19930528)),
    ("elf-dynamic-4096", "F-55", lambda: rows(4096)),
    ("elf-dynamic-4097", "F-55", lambda: rows(4097)),
    ("elf-symbols-row", "F-55", changed(x86, of_symbols, (58, "H", 65))),
    ("elf-symbols-link", "F-55", changed(x86, at(0x2C0, 0x2C8), (0x980 + 64 * 2 + 40, "I", 5))),
    ("elf-symbols-beyond", "F-55", changed(x86, at(0x2C0, 0x2C8), (0x980 + 64 * 2 + 24, "Q", 0xB00 - 23))),
    ("elf-symbols-type", "F-55", changed(x86, at(0x2C0, 0x2C8), (0x980 + 64 * 2 + 4, "I", 10))),
    ("elf-symbols-at-the-end", "F-55", symbols_at_the_end),
    ("elf-symbols-anchor", "F-55", symbols_anchor),
    ("elf-headers-5", "F-55", lambda: symbols_headers(5, found=True)),
    ("elf-headers-128", "F-55", lambda: symbols_headers(128, found=True)),
    ("elf-headers-129", "F-55", lambda: symbols_headers(129, found=False)),
    ("elf-headers-cut", "F-55", symbols_headers_cut),
    (
        "elf-relocations-none",
        "F-55",
        changed(x86, at(0x200, 0x210, 0x218, 0x228, 0x230, 0x240, 0x248, 0x780), (0x720, "q", 9)),
    ),
    ("elf-frames-near-end", "F-56", frames_near_end),
    *(
        (f"elf-frames-magic-{number}", "F-56", changed(x86, of_frames, (0x300 + number, "B", 0x7F)))
        for number in range(4)
    ),
    *((f"elf-cie-byte-{number}", "F-56", cie((0x340 + number, "B", 2))) for number in range(4 + 4, 9)),
    ("elf-cie-no-z", "F-56", cie((0x349, "B", 0x79))),
    ("elf-cie-letters-8", "F-56", lambda: cie_letters(b"zSSSSSSR", found=True)),
    ("elf-cie-letters-9", "F-56", lambda: cie_letters(b"zSSSSSSSR", found=False)),
    ("elf-cie-no-letter", "F-56", lambda: cie_letters(b"", found=False)),
    ("elf-cie-function", "F-56", changed(x86, at(0x388, 0x391, 0x3A8), (0x358, "B", 0x1A))),
    ("elf-cie-table", "F-56", changed(x86, at(0x391), (0x357, "B", 0x1A))),
    ("elf-cie-personality", "F-56", changed(x86, at(0x353), (0x352, "B", 0x9A))),
    ("elf-fde-size", "F-56", changed(x86, at(0x391), (0x390, "B", 5))),
)
NO_IMAGES: Sequence[tuple[str, Callable[[], Image], tuple[Any, ...]]] = (
    ("pe-65-sections", lambda: pe_of(65), (0xDF0, "B", 0)),
    ("elf-65-headers", lambda: many(65), (15, "B", 0)),
    ("elf-too-high", lambda: high((1 << 40) - ROOM), (15, "B", 0)),
    ("elf-too-large", lambda: room((1 << 29) + 1), (15, "B", 0)),
    ("elf-offsets", lambda: code(62, 0x40), (64 + 56 + 8, "Q", AT + 0x3F)),
    ("elf-addresses", lambda: code(62, 0x40), (64 + 56 + 16, "Q", LOWEST + 0x3F)),
    ("elf-version", x86, (6, "B", 2)),
    ("elf-headers-outside", x86, (32, "Q", 0xB00 - 56 * 6 + 1)),
    ("pe-arm-magic", pe, (0x44, "HH12xHHH", 0xAA64, 3, 240, 0, 0x10B)),
    ("pe-x86-net", pe_32, (0x44, "H", 0xFD1D)),
)
