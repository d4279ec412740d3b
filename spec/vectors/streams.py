"""Vectors of packs in Zstandard and behind the x86 filter, of a compressed index, and of archives, written by hand.

The Zstandard frames hold raw blocks alone, and the one deflate stream is of a single letter, which every deflater
writes alike; so no library decides what the files are.
"""

import lzma
import struct
import zlib
from collections.abc import Callable

from raw import Bundle, Case, Pairs, Section, Tree, full, lzma2, replaced, varints, write
from rebased import LAYOUTS, PLACES, counted, rebased

Stored = tuple[list[int], bytes]
M, C = "malformed", "corrupt"


def zstandard(data: bytes, *, head: bytes = b"\0\0", tail: bytes = b"", last: int = 1) -> bytes:
    """A frame of one raw block without the magic number; `head` is its header, a window of 1 KiB."""
    return head + struct.pack("<I", len(data) << 3 | last)[:3] + data + tail


def window(exponent: int, mantissa: int) -> bytes:
    return bytes([0, exponent << 3 | mantissa])


def packs(make: Callable[[bytes], bytes], codec: int = 1, grow: int = 0) -> Callable[[], bytes]:
    """The full bundle, all packs made so; `grow` is what their sizes are off."""

    def packed(_: int, data: bytes) -> Stored:
        stored = make(data)
        return [codec, len(stored), len(data) + grow], stored

    return lambda: write(Bundle([full(packed=packed)]))


def filtered(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
    return compressor.compress(data) + compressor.flush()


def without_operands(data: bytes) -> bytes:
    """What the filter of code makes of bytes [F-143]: of calls E8, and of MOV from memory (8B 05, 0F 10 05)."""
    made, at, size = bytearray(data), 0, len(data)
    reach = 1 << max(16, (size * 3 // 2).bit_length())
    while at < size:
        length = next((len(one) for one in (b"\xe8", b"\x8b\x05", b"\x0f\x10\x05") if data.startswith(one, at)), 0)
        end = at + length + 4
        if not length or end > size:
            at += 1
            continue
        (v,) = struct.unpack_from("<I", data, end - 4)
        t = (v + end) % (1 << 32)
        w = t if t < reach else (v - reach) % (1 << 32) if v < reach else v
        struct.pack_into(">I", made, end - 4, w)
        at = end
    return bytes(made)


def behind_filter(codec: int, grow: int = 0) -> Callable[[], bytes]:
    """Calls and loads behind the filter of code, and by `codec` so or not."""

    def packed(_: int, data: bytes) -> Stored:
        stored = lzma2(without_operands(data))
        return [codec, len(stored), len(data) + grow], stored

    return lambda: write(Bundle([full(LOADS, packed=packed)], LOADS))


# Near and far, back and forth, below and above what is near, one operand in another's place, and one cut at the end.
NEAR = [3000, -4, 0xFFFF, 0x10000, 0xF000, 0x7FFFFFFF, -0x80000000, -0x10000, 0, 0x5058B]
LOADS: Tree = [
    (
        "code.bin",
        1,
        b"".join(
            pattern + struct.pack("<I", (far - 11 * at) % (1 << 32)) + b"\x90" * (at % 3)
            for at, far in enumerate(NEAR * 20)
            for pattern in (b"\xe8", b"\x8b\x05", b"\x0f\x10\x05")
        )
        + b"\xe8\x8b\x05\xe8\1",
    )
]
CODE: Tree = [("code.bin", 1, b"".join(b"\xe8" + struct.pack("<i", 4000 - 5 * n) for n in range(200)))]


def code(codec: int) -> Callable[[], bytes]:
    """Calls of one function, behind the x86 filter, and by `codec` so or not."""

    def packed(_: int, data: bytes) -> Stored:
        stored = filtered(data)
        return [codec, len(stored), len(data)], stored

    return lambda: write(Bundle([full(CODE, packed=packed)], CODE))


def compressed_index(grow: int = 0) -> Callable[[], bytes]:
    section = full()
    sizes: list[int] = []

    def compress(data: bytes) -> bytes:
        sizes.append(len(data))
        return lzma2(data)

    section.index = compress
    section.described = lambda pairs: replaced("index", [48, pairs[3][1][1], sizes[-1] + grow])(pairs)
    return lambda: write(Bundle([section]))


def many_recipes() -> bytes:
    """2,000,001 recipes: concats of nothing, in an index of 6 MB that packs to little."""
    count, sizes = 2_000_001, []
    frames = [full([]).frames[0], [b"\x83" * count, [], [0] * count, [], [0] * count, []]]

    def compress(data: bytes) -> bytes:
        sizes.append(len(data))
        return lzma2(data)

    def described(pairs: Pairs) -> Pairs:
        return replaced("index", [48, pairs[3][1][1], sizes[-1]])(pairs)

    return write(Bundle([Section("full", 0, frames, index=compress, described=described)], []))


# An archive of one letter: its deflate stream is the same of every engine.
LETTER, STREAM = b"a", b"K\x04\0"
CHECKED = struct.pack("<II", zlib.crc32(LETTER), 1)
GZIP_HEAD = b"\x1f\x8b\x08\0\1\2\3\4\0\3"
GZIP = GZIP_HEAD + STREAM + CHECKED
NAME = b"m"
STAMP = b"\x21\x58\x01\x02"
LOCAL = b"PK\3\4\x14\0\0\0\x08\0" + STAMP + struct.pack("<III", zlib.crc32(LETTER), 3, 1) + b"\1\0\0\0" + NAME
ENTRY = b"PK\1\2\x14\0\x14\0\0\0\x08\0" + STAMP + struct.pack("<III", zlib.crc32(LETTER), 3, 1) + b"\1\0" + bytes(12)
ENTRY += struct.pack("<I", 0) + NAME
ZIP = LOCAL + STREAM + ENTRY + b"PK\5\6" + bytes(4) + struct.pack("<HHIIH", 1, 1, len(ENTRY), len(LOCAL) + 3, 0)
# What the skeleton keeps of these: differences, all 0 but the first time [F-59].
ZIP_REST = LOCAL[:14] + bytes(12) + LOCAL[26:] + ENTRY[:12] + bytes(16) + ENTRY[28:42] + bytes(4) + NAME
ZIP_REST += b"PK\5\6" + bytes(16) + b"\0\0"


def archive(
    content: bytes = GZIP,
    skeleton: bytes = varints(1, 0, 10) + GZIP_HEAD + bytes(8),
    members: int = 1,
    engines: tuple[int, ...] = (6,),
    numbers: list[int] | None = None,
    member: bytes = LETTER,
    features: list[str] | None = None,
) -> Callable[[], bytes]:
    """A full bundle whose one file is an archive: skeleton, members, the archive recipe."""
    tree: Tree = [("a.gz", 0, content)]
    kinds = b"\x80" + b"\x80" * members + b"\4"
    sizes = [len(skeleton), *[len(member)] * members]
    sources = [0, *[1] * members]
    columns = [kinds, [1], sizes, sources, [members, *engines] if numbers is None else numbers]
    frame = [*columns, [(0, skeleton + member * members)]]
    section = Section("full", 0, [full(tree).frames[0], frame], features=features or ["deflate-zlib"])
    return lambda: write(Bundle([section], tree))


def skeleton(count: int, *gaps: int, rest: bytes = GZIP_HEAD + bytes(8)) -> bytes:
    return varints(count, 0, *gaps) + rest


TWO = GZIP_HEAD + STREAM + STREAM + CHECKED
BEHIND = b"#!x\n\n"
# Behind five bytes the zip's own offsets count from the start of the file.
FAR = BEHIND + LOCAL + STREAM + ENTRY[:42] + struct.pack("<I", 5) + NAME + b"PK\5\6" + bytes(4)
FAR += struct.pack("<HHIIH", 1, 1, len(ENTRY), len(LOCAL) + 8, 0)

# With zip64 fields: sizes of 8 bytes in the header, all three numbers of 8 bytes in the directory, wide end records.
FULL = b"\xff" * 4
FIELD = struct.pack("<HHQQ", 1, 16, 1, 3)
LOCAL64 = LOCAL[:18] + FULL * 2 + b"\1\0" + struct.pack("<H", len(FIELD)) + NAME + FIELD
FIELDS = struct.pack("<HHQQQ", 1, 24, 1, 3, 0)
ENTRY64 = ENTRY[:20] + FULL * 2 + b"\1\0" + struct.pack("<H", len(FIELDS)) + ENTRY[32:42] + FULL + NAME + FIELDS
END64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(ENTRY64), len(LOCAL64) + 3)
END64 += b"PK\6\7" + struct.pack("<IQI", 0, len(LOCAL64) + 3 + len(ENTRY64), 1)
WIDE = LOCAL64 + STREAM + ENTRY64 + END64 + b"PK\5\6" + bytes(4)
WIDE += struct.pack("<HHIIH", 1, 1, len(ENTRY64), len(LOCAL64) + 3, 0)
WIDE_REST = LOCAL64[:14] + bytes(12) + LOCAL64[26:35] + bytes(16)
WIDE_REST += ENTRY64[:12] + bytes(16) + ENTRY64[28:42] + bytes(4) + NAME + FIELDS[:4] + bytes(24)
WIDE_REST += END64[:24] + bytes(32) + END64[56:64] + bytes(8) + END64[72:] + b"PK\5\6" + bytes(16) + b"\0\0"
# The sizes behind the stream have 8 bytes each where the header has such a field, whatever it holds.
FOLLOWED = LOCAL[:6] + b"\x08\0" + LOCAL[8:14] + bytes(12) + LOCAL64[26:31] + FIELD[:4] + bytes(16)
TAIL = b"PK\7\x08" + struct.pack("<IQQ", zlib.crc32(LETTER), 3, 1)
# Two entries for one header: the directory is passed over, and its numbers stay.
DOUBLE = LOCAL + STREAM + ENTRY * 2 + b"PK\5\6" + bytes(4) + struct.pack("<HHIIH", 2, 2, 94, len(LOCAL) + 3, 0)
DOUBLE_REST = LOCAL[:14] + bytes(12) + LOCAL[26:] + DOUBLE[len(LOCAL) + 3 :]

CASES: list[Case] = [
    ("zstandard", "accept", "F-24 F-25", "packs of Zstandard", packs(zstandard)),
    ("zstandard-window", "accept", "F-24 F-25", "a window of 2^27", packs(lambda d: zstandard(d, head=window(17, 0)))),
    (
        "zstandard-wide",
        C,
        "F-24 F-25",
        "a window of 2^27 and an eighth",
        packs(lambda d: zstandard(d, head=window(17, 1))),
    ),
    (
        "zstandard-magic",
        C,
        "F-24 F-25",
        "a frame with its magic number",
        packs(lambda d: b"\x28\xb5\x2f\xfd" + zstandard(d)),
    ),
    ("zstandard-two", C, "F-25", "two frames", packs(lambda d: zstandard(d[:9]) + zstandard(d[9:]))),
    ("zstandard-open", C, "F-25", "no last block", packs(lambda d: zstandard(d, last=0))),
    ("zstandard-cut", C, "F-25", "a block that is cut", packs(lambda d: zstandard(d)[:-1])),
    ("zstandard-trailing", C, "F-25", "a byte after the frame", packs(lambda d: zstandard(d, tail=b"\0"))),
    ("zstandard-more", C, "F-25", "a byte more than its size", packs(zstandard, grow=-1)),
    ("zstandard-less", C, "F-25", "a byte less than its size", packs(zstandard, grow=1)),
    ("zstandard-checksum", C, "F-25", "a wrong checksum", packs(lambda d: zstandard(d, head=b"\4\0", tail=bytes(4)))),
    ("zstandard-dictionary", C, "F-25", "a dictionary", packs(lambda d: zstandard(d, head=b"\1\0\7"))),
    (
        "zstandard-reserved",
        C,
        "F-25",
        "a reserved bit of the frame's header",
        packs(lambda d: zstandard(d, head=b"\x08\0")),
    ),
    ("zstandard-block", C, "F-25", "a reserved kind of block", packs(lambda d: zstandard(d, last=7))),
    ("x86-filter", "accept", "F-24 F-25", "LZMA2 behind the x86 filter", code(96 + 16)),
    ("x86-filter-missing", C, "F-37", "the filter, without being named", code(32 + 16)),
    ("lzma2-small", M, "F-24", "a dictionary of 2^11 bytes", packs(lzma2, 32 + 11)),
    ("x86-filter-small", M, "F-24", "a dictionary of 2^11 bytes behind the filter", packs(filtered, 96 + 11)),
    ("x86-filter-large", M, "F-24", "a dictionary of 2^27 bytes behind the filter", packs(filtered, 96 + 27)),
    ("code-filter", "accept", "F-24 F-143", "LZMA2 behind the filter of code", behind_filter(160 + 16)),
    ("code-filter-missing", C, "F-37 F-143", "the filter of code, without being named", behind_filter(32 + 16)),
    ("code-filter-small", M, "F-24", "a dictionary of 2^11 bytes behind the filter of code", behind_filter(160 + 11)),
    ("code-filter-large", M, "F-24", "a dictionary of 2^27 bytes behind the filter of code", behind_filter(160 + 27)),
    ("code-filter-more", C, "F-25 F-143", "a byte less than it says", behind_filter(160 + 16, 1)),
    ("code-filter-size", M, "F-143", "a size over 2^30", behind_filter(160 + 16, 1 << 30)),
    ("codec-negative", M, "F-24", "codec -1", packs(lzma2, -1)),
    ("index-packed", "accept", "F-24 F-25", "an index in LZMA2", compressed_index()),
    ("index-packed-more", C, "F-25", "an index that unpacks to more than it says", compressed_index(-1)),
    ("index-packed-less", C, "F-25", "an index that unpacks to less than it says", compressed_index(1)),
    ("archive-gzip", "accept", "F-45 F-47 F-48 F-59", "a gzip file made anew", archive()),
    (
        "archive-zip",
        "accept",
        "F-45 F-47 F-48 F-59",
        "a zip file made anew",
        archive(ZIP, skeleton(1, 31, rest=ZIP_REST)),
    ),
    (
        "archive-behind",
        "accept",
        "F-47 F-48 F-59",
        "a zip file behind five bytes",
        archive(FAR, skeleton(1, 36, rest=BEHIND + ZIP_REST)),
    ),
    (
        "archive-row",
        "accept",
        "F-47 F-48 F-59",
        "two gzip files in a row",
        archive(GZIP * 2, skeleton(2, 10, 18, rest=(GZIP_HEAD + bytes(8)) * 2), 2, (6, 6)),
    ),
    (
        "archive-zip64",
        "accept",
        "F-47 F-76",
        "a zip file with wide fields, made anew",
        archive(WIDE, skeleton(1, len(LOCAL64), rest=WIDE_REST)),
    ),
    (
        "archive-zip64-behind",
        "accept",
        "F-76",
        "sizes of 8 bytes behind the stream",
        archive(FOLLOWED + STREAM + TAIL, skeleton(1, len(FOLLOWED), rest=FOLLOWED + TAIL[:4] + bytes(20))),
    ),
    (
        "archive-zip64-short",
        C,
        "F-76 F-37",
        "the same, as if they had 4",
        archive(FOLLOWED + STREAM + TAIL, skeleton(1, len(FOLLOWED), rest=FOLLOWED + TAIL[:4] + bytes(12) + TAIL[16:])),
    ),
    (
        "archive-entries",
        "accept",
        "F-59",
        "two directory entries for one member",
        archive(DOUBLE, skeleton(1, 31, rest=DOUBLE_REST)),
    ),
    ("stream-given", "accept", "F-75", "a stream that a recipe makes", archive(engines=(60,), member=STREAM)),
    ("stream-cut", M, "F-75", "one without its end", archive(engines=(60,), member=STREAM[:-1])),
    ("stream-more", M, "F-75", "one with a byte behind its end", archive(engines=(60,), member=STREAM + b"\0")),
    ("stream-none", M, "F-75", "bytes that are no stream", archive(engines=(60,), member=b"\7")),
    ("archive-filtered", "accept", "F-45", "zlib with the strategy Z_FILTERED", archive(engines=(89,))),
    ("archive-mem", "accept", "F-45", "zlib at level 1 with memLevel 9", archive(engines=(11,))),
    (
        "archive-number",
        C,
        "F-59 F-37",
        "a size in place of its difference",
        archive(skeleton=skeleton(1, 10, rest=GZIP_HEAD + bytes(4) + CHECKED[4:])),
    ),
    (
        "archive-two",
        "accept",
        "F-47 F-48 F-59",
        "two streams in a row, of which the last has its checksum put back",
        archive(TWO, skeleton(2, 10, 0), 2, (6, 9)),
    ),
    (
        "archive-plain",
        "accept",
        "F-47 F-48",
        "a skeleton without streams",
        archive(GZIP_HEAD, skeleton(0, rest=GZIP_HEAD), 0, ()),
    ),
    ("archive-members", M, "F-48", "two members for one stream", archive(members=2, engines=(6, 6))),
    ("archive-streams", M, "F-48", "two streams for one member", archive(skeleton=skeleton(2, 10, 0))),
    ("archive-gap", M, "F-47", "a stream behind the end", archive(skeleton=skeleton(1, 19))),
    ("archive-gaps", M, "F-47", "a skeleton that ends within its numbers", archive(skeleton=varints(9, 0, 1))),
    ("archive-count", M, "F-47", "2^53 - 1 streams", archive(skeleton=skeleton(2**53 - 1))),
    (
        "archive-padded",
        M,
        "F-40 F-47",
        "a zero byte at a varint's end",
        archive(skeleton=b"\x81\0\0\x0a" + GZIP_HEAD + bytes(8)),
    ),
    ("archive-no-skeleton", M, "F-47", "a skeleton of no bytes", archive(skeleton=b"")),
    ("archive-long", M, "F-48 F-37", "an archive that is longer than its entry says", archive(GZIP[:-1])),
    ("archive-engines", M, "F-30", "an engine too few", archive(numbers=[1])),
    *((f"engine-{n}", M, "F-45 F-48", f"deflate engine {n}", archive(engines=(n,))) for n in (10, 20, 40, 54, 77, 90)),
    ("recipes-many", M, "F-30", "2,000,001 recipes", many_recipes),
    (
        "reaimed-place-twice",
        M,
        "F-53",
        "two shifts of one address",
        lambda: rebased(streams={PLACES: varints(2, 0, 0), LAYOUTS: counted(5, 0, 0, 32, 0, 32, 32, 0)}),
    ),
]
