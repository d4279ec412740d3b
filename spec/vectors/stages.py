"""Stage vectors: parts of reading a bundle, each with what goes in and what comes out.

A bundle shows a rule only where something reaches it. These show it alone: MessagePack values [F-3], varints and seeks
[F-40], packed descriptions [F-24], and archives with their skeletons [F-46] [F-47] [F-59], in both directions. Archives
and their rests are written side by side: of each number that is replaced, the number here and the difference there.
"""

import struct
import zlib
from typing import Any

from raw import pack, varints

M = "malformed"
Stage = tuple[
    str, str, str, str, str, Any, Any
]  # name, stage, class, requirements, about, what goes in, what comes out

VALUES: list[tuple[str, str, Any]] = [
    ("zero", "00", 0),
    ("fix-most", "7f", 127),
    ("int-8-least", "cc80", 128),
    ("int-8-most", "ccff", 255),
    ("int-16-least", "cd0100", 256),
    ("int-16-most", "cdffff", 65_535),
    ("int-32-least", "ce00010000", 65_536),
    ("int-32-most", "ceffffffff", 2**32 - 1),
    ("int-64-least", "cf0000000100000000", 2**32),
    ("int-64-most", "cf001fffffffffffff", 2**53 - 1),
    ("negative-fix", "ff", -1),
    ("negative-fix-most", "e0", -32),
    ("negative-8-least", "d0df", -33),
    ("negative-8-most", "d080", -128),
    ("negative-16-least", "d1ff7f", -129),
    ("negative-16-most", "d18000", -32_768),
    ("negative-32-least", "d2ffff7fff", -32_769),
    ("negative-32-most", "d280000000", -(2**31)),
    ("negative-64-least", "d3ffffffff7fffffff", -(2**31) - 1),
    ("negative-64-most", "d3ffe0000000000001", -(2**53) + 1),
    ("text-empty", "a0", ""),
    ("text-fix", "bf" + "61" * 31, "a" * 31),
    ("text-8", "d920" + "61" * 32, "a" * 32),
    ("text-8-most", "d9ff" + "61" * 255, "a" * 255),
    ("text-16", "da0100" + "61" * 256, "a" * 256),
    ("bytes-empty", "c400", b""),
    ("bytes-8-most", "c4ff" + "00" * 255, bytes(255)),
    ("bytes-16", "c50100" + "00" * 256, bytes(256)),
    ("array-empty", "90", []),
    ("array-fix", "9f" + "01" * 15, [1] * 15),
    ("array-16", "dc0010" + "01" * 16, [1] * 16),
    ("map-empty", "80", ()),
    ("map-fix", "8f" + "".join(f"{n:02x}00" for n in range(15)), tuple((n, 0) for n in range(15))),
    ("map-16", "de0010" + "".join(f"{n:02x}00" for n in range(16)), tuple((n, 0) for n in range(16))),
    ("nested", "91" * 15 + "00", [[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]),
    ("nested-map", "8100" * 15 + "00", None),
]
NO_VALUES: list[tuple[str, str, str]] = [
    ("int-8-wide", "cc7f", "127 in two bytes"),
    ("int-16-wide", "cd00ff", "255 in three bytes"),
    ("int-32-wide", "ce0000ffff", "65,535 in five bytes"),
    ("int-64-wide", "cf00000000ffffffff", "2^32 - 1 in nine bytes"),
    ("int-2-53", "cf0020000000000000", "2^53"),
    ("positive-signed", "d07f", "127 as a signed number"),
    ("negative-8-wide", "d0e0", "-32 in two bytes"),
    ("negative-16-wide", "d1ff80", "-128 in three bytes"),
    ("negative-32-wide", "d2ffff8000", "-32,768 in five bytes"),
    ("negative-64-wide", "d3ffffffff80000000", "-2^31 in nine bytes"),
    ("negative-2-53", "d3ffe0000000000000", "-2^53"),
    ("text-8-wide", "d91f" + "61" * 31, "31 bytes of text in the form for 255"),
    ("text-16-wide", "da00ff" + "61" * 255, "255 bytes of text in the form for 65,535"),
    ("text-32-wide", "db00000100" + "61" * 256, "256 bytes of text in the form for 2^32 - 1"),
    ("text-no-utf-8", "a180", "a text that is not UTF-8"),
    ("bytes-16-wide", "c500ff" + "00" * 255, "255 bytes in the form for 65,535"),
    ("bytes-32-wide", "c600000100" + "00" * 256, "256 bytes in the form for 2^32 - 1"),
    ("array-16-wide", "dc000f" + "01" * 15, "an array of 15 in the form for 65,535"),
    ("array-32-wide", "dd00000010" + "01" * 16, "an array of 16 in the form for 2^32 - 1"),
    ("map-16-wide", "de0000", "a map of nothing in the form for 65,535"),
    ("map-32-wide", "df00000010" + "0000" * 16, "a map of 16 in the form for 2^32 - 1"),
    ("nil", "c0", "nil"),
    ("never", "c1", "the byte that MessagePack does not use"),
    ("false", "c2", "a boolean"),
    ("true", "c3", "the other one"),
    ("float-32", "ca00000000", "a float"),
    ("float-64", "cb0000000000000000", "a wide float"),
    ("extension", "d40000", "an extension"),
    ("extension-8", "c7000000", "another extension"),
    ("none", "", "no byte"),
    ("trailing", "0000", "a byte behind the value"),
    ("int-cut", "cd01", "a number that is cut"),
    ("text-cut", "a261", "a text that is cut"),
    ("bytes-cut", "c40200", "bytes that are cut"),
    ("array-cut", "9200", "an array that is cut"),
    ("map-cut", "8100", "a map without its value"),
    ("length-cut", "c5", "a length that is cut"),
    ("nested-deep", "91" * 16 + "00", "an array in 16 others"),
    ("nested-deep-map", "8100" * 16 + "00", "a map in 16 others"),
    ("array-huge", "ddffffffff", "an array of 2^32 - 1"),
]


def shown(value: Any) -> Any:
    """A value as JSON has it: bytes and maps, which JSON has not, in an object of one key."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, tuple):
        return {"map": [[shown(key), shown(item)] for key, item in value]}
    return [shown(item) for item in value] if isinstance(value, list) else value


def nested_map() -> Any:
    value: Any = 0
    for _ in range(15):
        value = ((0, value),)
    return value


def value_stages() -> list[Stage]:
    sound = [
        (f"value-{name}", "value", "accept", "F-3", "a value", data, shown(nested_map() if value is None else value))
        for name, data, value in VALUES
    ]
    return sound + [(f"value-{name}", "value", M, "F-3", about, data, None) for name, data, about in NO_VALUES]


# Two groups at a time: seven bits a byte, lowest first.
NUMBERS = [
    ("0", "00", 0),
    ("127", "7f", 127),
    ("128", "8001", 128),
    ("16383", "ff7f", 16_383),
    ("16384", "808001", 16_384),
    ("most", "ffffffffffffff0f", 2**53 - 1),
]
NO_NUMBERS = [
    ("padded", "8000", "a zero byte at its end"),
    ("padded-long", "ff8000", "the same of three bytes"),
    ("2-53", "8080808080808010", "2^53"),
    ("nine", "808080808080808001", "nine bytes"),
    ("nine-padded", "808080808080808000", "nine bytes, of which all are zero"),
    ("cut", "80", "one that does not end"),
    ("none", "", "no byte"),
]


def number_stages() -> list[Stage]:
    found: list[Stage] = []
    for name, data, value in NUMBERS:
        seek = value // 2 if value % 2 == 0 else -(value + 1) // 2
        found.append((f"varint-{name}", "varint", "accept", "F-40", "a number", data, value))
        found.append((f"seek-{name}", "seek", "accept", "F-40", "a signed number", data, seek))
    return found + [(f"varint-{name}", "varint", M, "F-40", about, data, None) for name, data, about in NO_NUMBERS]


def described(*numbers: Any) -> str:
    return pack(list(numbers)).hex()


def packed_stages() -> list[Stage]:
    sound = [
        (0, 5, 5),
        (1, 5, 9),
        (1, 9, 5),
        (44, 5, 9),
        (58, 1, 1),
        (108, 5, 9),
        (122, 5, 9),
        (172, 5, 9),
        (186, 5, 2**30),
    ]
    broken = {
        "codec-2": (2, 5, 5),
        "codec-43": (43, 5, 9),
        "codec-59": (59, 5, 9),
        "codec-107": (107, 5, 9),
        "codec-123": (123, 5, 9),
        "codec-171": (171, 5, 9),
        "codec-187": (187, 5, 9),
        "codec-186-large": (186, 5, 2**30 + 1),
        "codec-negative": (-1, 5, 5),
        "stored-other": (0, 5, 6),
        "no-length": (1, 0, 9),
        "no-size": (1, 5, 0),
        "nothing": (0, 0, 0),
        "length-negative": (1, -5, 9),
        "size-negative": (1, 5, -9),
        "two": (0, 5),
        "four": (0, 5, 5, 5),
        "text": (0, "5", 5),
        "bytes": (b"", 5, 5),
    }
    found: list[Stage] = [
        (f"packed-{'-'.join(map(str, n))}", "packed", "accept", "F-24", "packed bytes", described(*n), list(n))
        for n in sound
    ]
    found += [(f"packed-{name}", "packed", M, "F-24", "none", described(*n), None) for name, n in broken.items()]
    return [*found, ("packed-map", "packed", M, "F-24", "a map", "80", None)]


class Written:
    """An archive, and its rest, written side by side. Streams are stored blocks: no library decides their bytes."""

    def __init__(self) -> None:
        self.archive, self.rest = b"", b""
        self.gaps: list[int] = []
        self.members: list[bytes] = []
        self.streams: list[bytes] = []
        self.behind = 0

    @property
    def at(self) -> int:
        return len(self.archive)

    def raw(self, data: bytes) -> "Written":
        self.archive += data
        self.rest += data
        return self

    def number(self, value: int, expected: int, size: int = 4, order: Any = "little") -> "Written":
        self.archive += value.to_bytes(size, order)
        self.rest += ((value - expected) % (1 << 8 * size)).to_bytes(size, order)
        return self

    def stream(self, plain: bytes) -> "Written":
        stored = deflated(plain)
        self.gaps.append(len(self.rest) - self.behind)
        self.behind = len(self.rest)
        self.archive += stored
        self.members.append(plain)
        self.streams.append(stored)
        return self

    def skeleton(self) -> bytes:
        return varints(len(self.gaps), 0, *self.gaps) + self.rest

    def stage(self, name: str, requirements: str, about: str) -> Stage:
        parts = {
            "skeleton": self.skeleton().hex(),
            "members": [plain.hex() for plain in self.members],
            "streams": [stream.hex() for stream in self.streams],
        }
        return (f"archive-{name}", "archive", "accept", requirements, about, self.archive.hex(), parts)


def deflated(plain: bytes) -> bytes:
    """RFC 1951: one stored block."""
    return b"\1" + struct.pack("<HH", len(plain), 65_535 - len(plain)) + plain


class Zip(Written):
    """A zip file. What the rest expects is kept as the rules have it: dates, offsets and headers go on."""

    def __init__(self) -> None:
        super().__init__()
        self.stamp = 0
        self.files: list[dict[str, Any]] = []

    def file(
        self,
        name: bytes,
        plain: bytes,
        stamp: int,
        *,
        method: int = 8,
        behind: str = "",
        extra: bytes = b"",
        wide: bool = False,
    ) -> "Zip":
        """`behind`: "" for numbers in the header, "marked" or "bare" for a descriptor."""
        place, size = self.at, len(deflated(plain)) if method == 8 else len(plain)
        crc, is_stream = zlib.crc32(plain), method == 8
        full = 2**32 - 1
        self.raw(b"PK\3\4" + struct.pack("<HHH", 20, 8 if behind else 0, method)).number(stamp, self.stamp)
        self.stamp = stamp
        if behind:
            self.raw(bytes(12))
        else:
            self.number(crc, crc if is_stream else 0)
            for n in (size, len(plain)):
                self.number(full if wide else n, (full if wide else n) if is_stream else 0)
        field = 4 + 16 if wide else 0
        self.raw(struct.pack("<HH", len(name), len(extra) + field) + name)
        if wide:
            self.raw(struct.pack("<HH", 1, 16)).number(len(plain), len(plain), 8).number(size, size, 8)
        self.raw(extra)
        if is_stream:
            self.stream(plain)
        else:
            self.raw(plain)
        if behind:
            self.raw(b"PK\7\x08" if behind == "marked" else b"")
            for n, bytes_ in ((crc, 4), (size, 4), (len(plain), 4)):
                self.number(n, n, bytes_)
        self.files.append({"name": name, "stamp": stamp, "crc": crc, "size": size, "plain": len(plain), "place": place})
        self.files[-1]["method"] = method
        return self

    def end(self, *, comment: bytes = b"", entry_extra: bytes = b"", note: bytes = b"", off: int = 0) -> "Zip":
        """The directory. `off`: by how much all offsets are smaller than the places."""
        start, first, last = self.at, None, None
        for file in self.files:
            self.raw(b"PK\1\2" + struct.pack("<HHHH", 20, 20, 0, file["method"])).number(file["stamp"], file["stamp"])
            for n in (file["crc"], file["size"], file["plain"]):
                self.number(n, n)
            self.raw(struct.pack("<HHHHHI", len(file["name"]), len(entry_extra), len(note), 0, 0, 0))
            offset = file["place"] - off
            if last is None:
                self.number(offset, file["place"])
                first = (offset, file["place"])
            else:
                self.number(offset, last[0] + file["place"] - last[1])
            last = (offset, file["place"])
            self.raw(file["name"] + entry_extra + note)
        size, count = self.at - start, len(self.files)
        assert first is not None
        self.raw(b"PK\5\6" + bytes(4)).number(count, count, 2).number(count, count, 2).number(size, size)
        self.number(start - off, first[0] + start - first[1]).raw(struct.pack("<H", len(comment)) + comment)
        self.files = []
        return self


def gzipped(written: Written, plain: bytes, head: bytes = b"\x1f\x8b\x08\0\1\2\3\4\0\3") -> Written:
    crc = zlib.crc32(plain)
    return written.raw(head).stream(plain).number(crc, crc).number(len(plain), len(plain))


MORNING, NOON = 0x58210102, 0x58216000
ONE, TWO, THREE = b"one member", b"a second member, longer", b"and the third"
# All fields of a gzip head: extra, name, comment, and a checksum of the head that nobody looks at.
ALL_FIELDS = b"\x1f\x8b\x08\x1e\1\2\3\4\2\xff" + b"\5\0extra" + b"name\0" + b"a comment\0" + b"\7\7"


def archive_stages() -> list[Stage]:
    two = Zip().file(b"a", ONE, MORNING).file(b"b", TWO, NOON).end()
    plain = Zip().file(b"a", ONE, MORNING).file(b"s", THREE, NOON, method=0).file(b"b", TWO, NOON).end()
    marked = Zip().file(b"a", ONE, NOON, behind="marked").file(b"b", TWO, MORNING, behind="marked").end()
    bare = Zip().file(b"a", ONE, NOON, behind="bare").file(b"b", TWO, NOON, behind="bare").end()
    extras = Zip().file(b"name", ONE, NOON, extra=b"\7\0\2\0ab").file(b"n", TWO, NOON, extra=b"\7\0\0\0")
    extras.end(comment=b"a comment", entry_extra=b"\x09\0\1\0c", note=b"a note")
    behind = Zip()
    behind.raw(b"MZ, a program\0")
    behind.file(b"a", ONE, MORNING).file(b"b", TWO, NOON).end()
    apart = Zip()
    apart.raw(b"MZ, a program\0")
    apart.file(b"a", ONE, MORNING).file(b"b", TWO, NOON).end(off=14)
    row = Zip().file(b"a", ONE, MORNING).end().file(b"b", TWO, NOON).file(b"c", THREE, MORNING).end()
    wide = Zip().file(b"a", ONE, MORNING, wide=True)
    gzips = Written()
    gzipped(gzipped(gzipped(gzips, ONE), TWO, ALL_FIELDS).raw(b"padding"), THREE).raw(b"end")
    zlib_ = (
        Written().raw(b"%PDF-1.7 stream\nx\x9c").stream(ONE).raw(struct.pack(">I", zlib.adler32(ONE)) + b"endstream")
    )
    none = Written().raw(b"PK\3\4 a header that is cut")
    return [
        two.stage("two", "F-59* F-46 F-47", "two members of different dates"),
        plain.stage("stored", "F-59* F-46", "a member that is stored, between two others"),
        marked.stage("descriptors", "F-59* F-46", "descriptors behind the streams"),
        bare.stage("descriptors-bare", "F-59* F-46", "descriptors without their mark"),
        extras.stage("extras", "F-59* F-46", "extra fields, a note and a comment"),
        behind.stage("behind", "F-59* F-46", "behind a program, with offsets from the file's start"),
        apart.stage("apart", "F-59* F-46", "behind a program, with offsets from the zip's start"),
        row.stage("row", "F-59* F-46", "two zips in a row: dates go on, headers do not"),
        wide.stage("wide", "F-76* F-46", "a header with wide numbers"),
        gzips.stage("gzips", "F-59* F-46", "gzip members with all fields, apart and together"),
        zlib_.stage("pdf", "F-59* F-46", "a stream of a PDF file: nothing behind it is replaced"),
        none.stage("none", "F-46* F-47", "a header that is cut, and no stream"),
    ]


def png(head: bytes = b"\x78\x9c", more: int = 0, mark: bytes = b"IDAT") -> Written:
    """A picture of one chunk. `more`: what its length says too much."""
    stored = deflated(ONE)
    held = head + stored + struct.pack(">I", zlib.adler32(ONE))
    written = Written().raw(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(held) + more) + mark + head)
    written.stream(ONE).raw(held[-4:])
    crc = zlib.crc32(mark + held)
    return written.number(crc, crc, order="big").raw(b"\0\0\0\0IEND")


def no_streams() -> list[Stage]:
    """Heads that are none, and streams that do not count: all of it stays as it is."""
    stored, crc = deflated(ONE), struct.pack("<II", zlib.crc32(ONE), len(ONE))
    zip_ = Zip().file(b"a", ONE, 0).archive
    gzip = b"\x1f\x8b\x08\0\1\2\3\4\0\3" + stored + crc
    pdf = b"%PDF-1.7 stream\nx\x9c" + stored + struct.pack(">I", zlib.adler32(ONE))
    picture = png().archive
    cases = {
        "zip-stored": (zip_[:8] + b"\0" + zip_[9:], "method 0"),
        "zip-method": (zip_[:8] + b"\x09" + zip_[9:], "method 9"),
        "zip-locked": (zip_[:6] + b"\1" + zip_[7:], "bit 0 of the flags"),
        "zip-checksum": (zip_[:14] + b"\0" + zip_[15:], "another checksum"),
        "zip-cut": (zip_[:-1], "a stream that is cut"),
        "gzip-method": (gzip[:2] + b"\x07" + gzip[3:], "method 7"),
        "gzip-flag-5": (gzip[:3] + b"\x20" + gzip[4:], "reserved flag 5"),
        "gzip-flag-6": (gzip[:3] + b"\x40" + gzip[4:], "reserved flag 6"),
        "gzip-flag-7": (gzip[:3] + b"\x80" + gzip[4:], "reserved flag 7"),
        "gzip-level": (gzip[:8] + b"\1" + gzip[9:], "XFL 1"),
        "gzip-level-3": (gzip[:8] + b"\3" + gzip[9:], "XFL 3"),
        "gzip-system": (gzip[:9] + b"\x0e" + gzip[10:], "OS 14"),
        "gzip-system-254": (gzip[:9] + b"\xfe" + gzip[10:], "OS 254"),
        "gzip-checksum": (gzip[:-8] + b"\0" + gzip[-7:], "another checksum"),
        "gzip-size": (gzip[:-1] + b"\1", "another number of plain bytes"),
        "gzip-size-cut": (gzip[:-1], "a number of plain bytes that is cut"),
        "gzip-name": (gzip[:3] + b"\x08" + gzip[4:10] + b"name without an end", "a name without an end"),
        "pdf-level": (pdf.replace(b"x\x9c", b"x\x9d"), "another second byte"),
        "pdf-space": (pdf.replace(b"stream\n", b"stream "), "a space behind the word"),
        "pdf-checksum": (pdf[:-1] + b"\0", "another checksum"),
        "pdf-none": (b" " + pdf, "a space before the mark"),
        "png-method": (png(b"\x77\x9d").archive, "another method"),
        "png-window": (png(b"\x88\x1c").archive, "a window that is too large"),
        "png-preset": (png(b"\x78\xbb").archive, "a preset dictionary"),
        "png-head": (png(b"\x78\x9d").archive, "no multiple of 31"),
        "png-beyond": (png(more=100).archive, "a chunk that goes beyond the file"),
        "png-mark": (png(mark=b"IDAX").archive, "another mark"),
        "png-checksum": (picture.replace(stored, stored + b"\1"), "another checksum"),
        "empty": (b"", "no byte"),
    }
    return [Written().raw(data).stage(f"no-{name}", "F-46* F-47", about) for name, (data, about) in cases.items()]


def more_archives() -> list[Stage]:
    heads, windows = Written(), []
    for flag, level, system in ((0, 0, 0), (1, 2, 13), (2, 4, 255)):
        check = b"\7\7" if flag == 2 else b""
        gzipped(heads, b"%d%d" % (flag, level), bytes([0x1F, 0x8B, 8, flag, 0, 0, 0, 0, level, system]) + check)
    for name, head in (("fast", b"\x78\x01"), ("level", b"\x78\x5e"), ("best", b"\x78\xda"), ("small", b"\x18\x19")):
        windows.append(png(head).stage(f"png-{name}", "F-46* F-59", "a picture of one chunk, another head of zlib"))
    pdfs = Written().raw(b"%PDF-1.7")
    for between, head in ((b"\n", b"\x01"), (b"\r\n", b"\x5e"), (b"\n", b"\xda")):
        pdfs.raw(b" stream" + between + b"x" + head).stream(ONE).raw(struct.pack(">I", zlib.adler32(ONE)))
    inner = Zip().file(b"i", ONE, MORNING).end()
    outer = Zip()
    outer.raw(b"PK\3\4" + struct.pack("<HHH", 20, 0, 0)).number(NOON, 0)
    outer.raw(struct.pack("<IIIHH", zlib.crc32(inner.archive), len(inner.archive), len(inner.archive), 1, 0) + b"o")
    outer.stamp = NOON
    outer.file(b"i", ONE, MORNING).end()
    apart = Zip().file(b"a", ONE, MORNING)
    apart.raw(b"PK\1\2" + bytes(42) + b"no end record")
    short = Zip().file(b"a", ONE, MORNING).file(b"b", TWO, NOON)
    short.files = short.files[1:]
    short.end()
    empty = Written().raw(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + deflated(b"") + bytes(8))
    gzipped(empty, ONE)
    return [
        heads.stage("gzip-heads", "F-46* F-59", "all values of XFL and OS that count, and a checksum of the head"),
        *windows,
        pdfs.stage("pdfs", "F-46* F-59", "three streams of a PDF file"),
        outer.stage("inner", "F-59* F-46", "a zip that is stored in a zip: its directory takes its header"),
        apart.stage("no-end", "F-59* F-46", "a directory without an end record stays as it is"),
        short.stage("fewer", "F-59* F-46", "a directory of one entry, after two headers: the last counts"),
        empty.stage("empty-member", "F-46* F-59", "a gzip member of no bytes gives no object"),
    ]


STAGES = [*value_stages(), *number_stages(), *packed_stages(), *archive_stages(), *more_archives(), *no_streams()]
