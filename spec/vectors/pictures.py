"""Vectors of PNG files: streams that stand in several stretches, and skeletons with cuts."""

import struct
import zlib
from collections.abc import Callable, Sequence

from raw import Tree, varints
from rooms import holding, stored
from streams import LETTER, STREAM, archive

M, C = "malformed", "corrupt"
HEAD = b"\x89PNG\r\n\x1a\n"
ZLIB = b"x\x01"


def chunk(data: bytes, crc: int | None = None, kind: bytes = b"IDAT") -> bytes:
    """A chunk of a PNG file, with its checksum."""
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def chunks(packed: bytes, sizes: Sequence[int], kind: bytes = b"IDAT") -> bytes:
    """IDAT chunks of these sizes, and one with the rest; `kind`: of all but the first."""
    made, at = HEAD, 0
    for number, size in enumerate([*sizes, len(packed)]):
        made += chunk(packed[at : at + size], kind=kind if number else b"IDAT")
        at += size
    return made + chunk(b"", kind=b"IEND")


def zipped(text: bytes, head: bytes = ZLIB, adler: int | None = None) -> bytes:
    """A zlib stream of one stored block."""
    return head + stored(text) + struct.pack(">I", zlib.adler32(text) if adler is None else adler)


TEXT = bytes(range(256)) * 3
PACKED = zipped(TEXT)
STREAM_BYTES = len(TEXT) + 5
CUT = chunks(PACKED, [258, 256])
# The skeleton of CUT: the checksums of the chunks are differences of 0.
LAST = STREAM_BYTES - 512
KEPT = varints(1, 2, 18, 0, 256, 12, 0, 256, 12) + HEAD + struct.pack(">I", 258) + b"IDAT" + ZLIB
KEPT += bytes(4) + struct.pack(">I", 256) + b"IDAT" + bytes(4) + struct.pack(">I", LAST + 4) + b"IDAT"
KEPT += PACKED[-4:] + bytes(4) + chunk(b"", kind=b"IEND")
# The same where the Adler-32 stands in a chunk of its own: that chunk's checksum stays.
SPREAD = chunks(PACKED, [258, len(PACKED) - 260])
SPREAD_KEPT = varints(1, 1, 18, 0, 256, 12) + HEAD + struct.pack(">I", 258) + b"IDAT" + ZLIB
SPREAD_KEPT += bytes(4) + struct.pack(">I", len(PACKED) - 260) + b"IDAT" + PACKED[-4:-2] + bytes(4)
SPREAD_KEPT += chunk(PACKED[-2:]) + chunk(b"", kind=b"IEND")

SMALL = HEAD + chunk(ZLIB + STREAM[:1]) + chunk(STREAM[1:] + struct.pack(">I", zlib.adler32(LETTER)))
SMALL_REST = HEAD + struct.pack(">I", 3) + b"IDAT" + ZLIB + bytes(4) + struct.pack(">I", 6) + b"IDAT"
SMALL_REST += struct.pack(">I", zlib.adler32(LETTER)) + bytes(4)
WRONG = HEAD + chunk(ZLIB + STREAM[:1], crc=7) + SMALL[8 + 15 :]
WRONG_REST = (
    SMALL_REST[:18] + struct.pack(">I", (7 - zlib.crc32(b"IDAT" + ZLIB + STREAM[:1])) % 2**32) + SMALL_REST[22:]
)
FAR = SMALL_REST[:22] + struct.pack(">I", 6) + b"jDAT" + SMALL_REST[30:]
FAR_FILE = SMALL[:27] + b"jDAT" + SMALL[31:-4] + bytes(4)


def made(content: bytes, *cuts: int, rest: bytes = SMALL_REST, count: int = -1) -> Callable[[], bytes]:
    """A full bundle of a PNG file, made of a skeleton with these cuts and one member."""
    return archive(content, varints(1, len(cuts) // 3 if count < 0 else count, 18, *cuts) + rest)


def opened(
    content: bytes, gives: int = 3, member: int = 1, plain: bytes = TEXT
) -> tuple[Callable[[], bytes], None, Tree]:
    """A delta that takes the plain bytes of a PNG file of the base."""
    return holding(content, gives, member, plain)


CASES: list[tuple[object, ...]] = [
    ("png", "accept", "F-47 F-59", "a PNG file of two chunks, made anew", made(SMALL, 0, 1, 12)),
    ("png-checksum", "accept", "F-59", "a chunk with a wrong checksum", made(WRONG, 0, 1, 12, rest=WRONG_REST)),
    (
        "png-number",
        C,
        "F-59 F-37",
        "a checksum in place of its difference",
        made(SMALL, 0, 1, 12, rest=SMALL[:18] + SMALL[19:31] + SMALL[33:]),
    ),
    (
        "png-kind",
        "accept",
        "F-59",
        "a second chunk of another type: its checksum stays",
        made(FAR_FILE, 0, 1, 12, rest=FAR),
    ),
    ("png-cut-stream", M, "F-47", "a cut of a stream that is not there", made(SMALL, 1, 1, 12)),
    ("png-cut-nothing", M, "F-47", "a cut behind no bytes", made(SMALL, 0, 0, 12)),
    ("png-cut-no-gap", M, "F-47", "a cut before no bytes", made(SMALL, 0, 1, 0)),
    ("png-cut-long", M, "F-47", "a cut at the end of its stream", made(SMALL, 0, 3, 12)),
    ("png-cut-gap", M, "F-47", "a cut whose stream goes on behind the end", made(SMALL, 0, 1, 999)),
    ("png-cut-short", M, "F-47", "a skeleton that ends within its cuts", archive(SMALL, varints(1, 1, 18, 0, 1))),
    ("png-cuts", M, "F-47", "262,145 cuts", made(SMALL, *[0, 1, 12] * 262_145)),
    ("opened-png", "accept", "F-46 F-74", "a stream of a PNG file, in three stretches", *opened(CUT)),
    ("opened-png-stream", "accept", "F-74", "the stream as it stands there", *opened(CUT, 3, 2, PACKED[2:-4])),
    ("opened-png-skeleton", "accept", "F-47 F-59 F-74", "the skeleton of it", *opened(CUT, 3, 0, KEPT)),
    ("opened-png-spread", "accept", "F-46 F-59", "an Adler-32 in two chunks", *opened(SPREAD, 3, 0, SPREAD_KEPT)),
    ("opened-png-short", M, "F-35 F-74", "a stretch of 255 bytes before another", *opened(chunks(PACKED, [258, 255]))),
    ("opened-png-other", M, "F-35 F-74", "a second chunk of another type", *opened(chunks(PACKED, [258], b"fdAT"))),
    ("opened-png-adler", M, "F-35 F-46", "a wrong Adler-32", *opened(chunks(zipped(TEXT, adler=7), [258]))),
    (
        "opened-png-window",
        "accept",
        "F-46",
        "a stream for a window of 256 bytes",
        *opened(chunks(zipped(TEXT, b"\x08\x1d"), [])),
    ),
    (
        "opened-png-head",
        M,
        "F-35 F-46",
        "two bytes that are no multiple of 31",
        *opened(chunks(zipped(TEXT, b"x\x02"), [])),
    ),
    ("opened-png-preset", M, "F-35 F-46", "a preset dictionary", *opened(chunks(zipped(TEXT, b"x\x20"), []))),
    ("opened-png-cut", M, "F-35 F-46", "a chunk that goes beyond the file", *opened(HEAD + chunk(PACKED)[:-5])),
]
