"""The byte tables of the specification are right: real archives and images are read by the tables alone."""

import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from typing import Any

import pytest

from tests.support.contents.second_reader import second
from tests.support.repository import REPOSITORY

SPEC = REPOSITORY / "spec"
Table = dict[str, tuple[int, int]]
PLAIN = b"plain bytes of a member " * 40


def table(page: str, title: str) -> Table:
    """The rows of the first table behind a title: field to offset and size, where both are single numbers."""
    text = (SPEC / page).read_text("utf-8")
    rows = text.split(f"\n*{title}*")[1].split("\n\n")[1].splitlines()
    found: Table = {}
    for row in rows[2:]:
        offset, size, field = (cell.strip() for cell in row.strip("|").split("|")[:3])
        if re.fullmatch(r"(0x)?[0-9A-F]+", offset) and size.isdigit():
            found[field] = (int(offset, 0), int(size))
    return found


def read(data: bytes, at: int, fields: Table, field: str) -> int:
    """The number of the first field that begins so."""
    offset, size = next(place for name, place in fields.items() if name.startswith(field))
    assert at + offset + size <= len(data)
    return int.from_bytes(data[at + offset : at + offset + size], "little")


def test_zip() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("first.txt", "second.txt"):
            entry = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, PLAIN)
    data = made.getvalue()
    local, entry_table = table("format.md", "Local header of zip"), table("format.md", "Directory entry")
    end = table("format.md", "End record")
    tail = data.rindex(b"PK\x05\x06")
    assert read(data, tail, end, "number of entries") == 2
    at = read(data, tail, end, "offset of the directory")
    assert at + read(data, tail, end, "size of the directory") == tail
    for info in zipfile.ZipFile(made).infolist():
        stamp = (2024 - 1980) << 25 | 5 << 21 | 6 << 16 | 7 << 11 | 8 << 5 | 10 // 2
        told = {"time and date": stamp, "CRC-32": info.CRC, "packed size": info.compress_size}
        told |= {"plain size": len(PLAIN), "n, the name": len(info.filename), "m, the extra": 0}
        assert told == {field: read(data, at, entry_table, field) for field in told}
        here = read(data, at, entry_table, "offset of the local header")
        assert here == info.header_offset
        assert told == {field: read(data, here, local, field) for field in told}
        stream = here + 30 + len(info.filename)
        assert zlib.decompress(data[stream : stream + info.compress_size], -15) == PLAIN
        at += 46 + len(info.filename)


def test_gzip_and_xz() -> None:
    made = io.BytesIO()
    with gzip.GzipFile("name.txt", "wb", mtime=0, fileobj=made) as packing:
        packing.write(PLAIN)
    fields = table("format.md", "gzip")
    assert read(made.getvalue(), 0, fields, "flags") == 8
    assert read(made.getvalue(), 0, fields, "XFL") in (0, 2, 4)
    head = table("format.md", "Head of xz")
    data = lzma.compress(PLAIN, check=lzma.CHECK_SHA256)
    assert read(data, 0, head, "flags") == 10 << 8
    assert read(data, 0, head, "CRC-32") == zlib.crc32(data[6:8])


IMAGES: list[dict[str, Any]] = json.loads((SPEC / "vectors" / "images.json").read_text("utf-8"))["images"]


def test_images() -> None:
    """The stretches of each sound image of the vectors, by the tables alone."""
    images, tried = second("images"), set()
    for one in IMAGES:
        data = bytes.fromhex(one["image"])
        if (image := images.parse_image(data)) is None:
            continue
        found = stretches_of_pe(data) if data[:2] == b"MZ" else stretches_of_elf(data)
        kept = [s for s in image.stretches if s.address != (1 << 39) + s.offset]  # but what no segment has
        assert found == [(s.offset, s.size, s.address, s.room, s.executable) for s in kept], one["name"]
        tried.add(image.machine)
    assert tried == {"x86-64", "AArch64", "x86"}


def stretches_of_pe(data: bytes) -> list[tuple[int, int, int, int, bool]]:
    at = read(data, 0, table("references.md", "PE"), "offset of the PE header")
    header, fields = table("references.md", "PE header"), table("references.md", "Section header of PE")
    at_sections = at + 24 + read(data, at, header, "h")
    found = []
    for n in range(read(data, at, header, "number of sections")):
        here = at_sections + 40 * n
        offset, size = read(data, here, fields, "offset of raw data"), read(data, here, fields, "size of raw data")
        size = min(size, len(data) - offset)
        room = max(read(data, here, fields, "virtual size"), size)
        address, flags = read(data, here, fields, "virtual address"), read(data, here, fields, "flags")
        if size > 0:
            found.append((offset, size, address, room, bool(flags & 0x20000000)))
    return found


def stretches_of_elf(data: bytes) -> list[tuple[int, int, int, int, bool]]:
    header, fields = table("references.md", "ELF header"), table("references.md", "Program header of ELF")
    at, found = read(data, 0, header, "offset of the program headers"), []
    for n in range(read(data, 0, header, "number of program headers")):
        here = at + read(data, 0, header, "size of a program header") * n
        size = read(data, here, fields, "size in the file")
        if read(data, here, fields, "type") == 1 and size:
            offset, address = read(data, here, fields, "offset"), read(data, here, fields, "virtual address")
            room, flags = read(data, here, fields, "size in memory"), read(data, here, fields, "flags")
            found.append((offset, min(size, len(data) - offset), address, room, bool(flags & 1)))
    return found


@pytest.mark.parametrize(("length", "code"), [(3, 257), (10, 264), (11, 265), (130, 280), (131, 281), (257, 284)])
def test_lengths_of_deflate(length: int, code: int) -> None:
    """A match by the table, in fixed codes, is what zlib understands."""
    text = (SPEC / "format.md").read_text("utf-8").split("\n*Lengths*")[1]
    rows = re.findall(r"^\| (\d+)(?: to \d+)? \| (\d) \| ([\d ]+) \|$", text, re.MULTILINE)
    least = {int(first) + n: (int(low), int(more)) for first, more, lows in rows for n, low in enumerate(lows.split())}
    assert set(least) == set(range(257, 286))
    low, more = least[code]
    assert low <= length < low + (1 << more)
    bits = "1" + "10"  # the last block, fixed codes
    bits += f"{0x30 + ord('a'):08b}"
    bits += f"{code - 256:07b}" if code < 280 else f"{0xC0 + code - 280:08b}"
    bits += f"{length - low:0{more}b}"[::-1] if more else ""
    bits += "00000" + "0000000"  # the distance 1, and the end of the block
    packed = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")
    assert zlib.decompress(packed, -15) == b"a" * (length + 1)
