"""Vectors of xz files. The streams stand here in hex, as liblzma 5.4.1 wrote them."""

import struct
import zlib
from collections.abc import Callable

from bunzipped import made, opened
from raw import varints
from streams import LETTER

M, C = "malformed", "corrupt"
# One letter at preset 6: by one thread, by several, and without a check.
STREAM = bytes.fromhex(
    "fd377a585a000004e6d6b4460200210116000000742fe5a30100006100000000052b652e7784023300011901a52c81cc1fb6"
    "f37d010000000004595a"
)
THREADS = bytes.fromhex(
    "fd377a585a000004e6d6b44604c005012101160000000000000000000482698d0100006100000000052b652e778402330001"
    "21015e901edb1fb6f37d010000000004595a"
)
UNCHECKED = bytes.fromhex(
    "fd377a585a000000ff12d9410200210116000000742fe5a3010000610000000000011101ada6580406729e7a010000000000595a"
)
CHECK = STREAM.index(LETTER) + 4  # behind the chunk, its end and two zeros
DAMAGED = STREAM[:CHECK] + bytes([STREAM[CHECK] ^ 1]) + STREAM[CHECK + 1 :]


def with_header(header: bytes) -> bytes:
    """The stream with another header of its block."""
    header = bytes([len(header) // 4]) + header
    return STREAM[:12] + header + struct.pack("<I", zlib.crc32(header)) + STREAM[24:]


def xz(content: bytes, engine: int, member: bytes = LETTER) -> Callable[[], bytes]:
    return made(content, member=member, engine=engine, name="xz")


def chunks(count: int) -> bytes:
    """A sound stream of so many chunks of one byte, without a check."""
    packed = b"\1\0\0a" + b"\2\0\0a" * (count - 1) + b"\0"
    index = b"\0" + varints(1, 12 + len(packed), count)
    index += bytes(-len(index) % 4)
    footer = struct.pack("<I", len(index) // 4) + bytes(2)
    made = UNCHECKED[:24] + packed + bytes(-len(packed) % 4) + index + struct.pack("<I", zlib.crc32(index))
    return made + struct.pack("<I", zlib.crc32(footer)) + footer + b"YZ"


CASES: list[tuple[object, ...]] = [
    ("xz", "accept", "F-45 F-89", "an xz file made anew", xz(STREAM, 238)),
    ("xz-threads", "accept", "F-45 F-89", "the same, as several threads write it", xz(THREADS, 302)),
    ("xz-unchecked", "accept", "F-89", "the same without a check", xz(UNCHECKED, 206)),
    ("xz-preset", C, "F-89 F-37", "preset 0 instead of 6", xz(STREAM, 232)),
    ("xz-given", "accept", "F-75", "a stream that a recipe makes", xz(STREAM, 62, STREAM)),
    ("xz-given-cut", M, "F-75", "one without its end", xz(STREAM[:-1], 62, STREAM[:-1])),
    ("xz-given-more", M, "F-75", "one with padding behind its end", xz(STREAM, 62, STREAM + bytes(4))),
    ("xz-given-damaged", M, "F-75 F-88", "one with a wrong check", xz(DAMAGED, 62, DAMAGED)),
    *((f"xz-engine-{n}", M, "F-45 F-48", f"engine {n}", xz(STREAM, n)) for n in (63, 199, 207, 328)),
    ("opened-xz", "accept", "F-46 F-88", "the plain bytes of an xz file", *opened(STREAM)),
    ("opened-xz-threads", "accept", "F-46 F-88", "of one that several threads wrote", *opened(THREADS)),
    ("opened-xz-stream", "accept", "F-46 F-88", "a stream as it stands", *opened(b"abc" + STREAM, 3, 2, STREAM)),
    ("opened-xz-two", "accept", "F-46 F-88", "the second of two", *opened(THREADS + bytes(4) + STREAM, 5, 4, STREAM)),
    ("opened-xz-cut", M, "F-35 F-46", "one without its end", *opened(STREAM[:-1])),
    ("opened-xz-damaged", M, "F-35 F-46", "a wrong check", *opened(DAMAGED)),
    ("opened-xz-kind", M, "F-35 F-88", "an unknown kind of check", *opened(STREAM[:7] + b"\2" + STREAM[8:])),
    (
        "opened-xz-dictionary",
        M,
        "F-35 F-88",
        "a dictionary of 12 MiB",
        *opened(with_header(b"\0\x21\1\x17" + bytes(3))),
    ),
    (
        "opened-xz-filters",
        M,
        "F-35 F-88",
        "the filter for x86 before LZMA2",
        *opened(with_header(b"\1\4\0\x21\1\x16" + bytes(1))),
    ),
    (
        "opened-xz-header",
        M,
        "F-35 F-88",
        "a wrong CRC-32 of a block's header",
        *opened(STREAM[:20] + STREAM[24:28] + STREAM[24:]),
    ),
    ("opened-xz-chunks", "accept", "F-88", "63 chunks and their end", *opened(chunks(63), plain=LETTER * 63)),
    ("opened-xz-chunks-many", M, "F-35 F-88", "64 and their end", *opened(chunks(64), plain=LETTER * 64)),
]
