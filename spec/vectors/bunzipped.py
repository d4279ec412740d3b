"""Vectors of bzip2 files. The streams stand here in hex, as libbz2 1.0.8 wrote them."""

import struct
import zlib
from collections.abc import Callable

from raw import Tree, varints
from rooms import holding
from streams import LETTER, archive

M, C = "malformed", "corrupt"
# One letter at level 9. At level 1 the head alone is another one.
STREAM = bytes.fromhex("425a683931415926535919939b6b00000001002000200021184682ee48a70a120332736d60")
FAST = b"BZh1" + STREAM[4:]
DAMAGED = STREAM[:10] + b"\x18" + STREAM[11:]
# 100,000 zeros in 47 bytes.
ZEROS = bytes.fromhex("425a6839314159265359bea9882b0000c45000c00004000008200030cc0529a610b622178bb9229c28485f54c41580")
WITHOUT_BLOCK = bytes.fromhex("425a683917724538509000000000")
EIGHT = b"12345678"


def made(
    content: bytes, rest: bytes = b"", member: bytes = LETTER, engine: int = 109, gap: int = 0, name: str = "bzip2"
) -> Callable[[], bytes]:
    """A full bundle of a file that holds one stream, `gap` bytes from its start."""
    return archive(content, varints(1, 0, gap) + rest, engines=(engine,), member=member, features=[name])


def opened(
    content: bytes, gives: int = 3, member: int = 1, plain: bytes = LETTER
) -> tuple[Callable[[], bytes], None, Tree]:
    """A delta that takes an object of a bzip2 file of the base."""
    return holding(content, gives, member, plain)


CASES: list[tuple[object, ...]] = [
    ("bzip2", "accept", "F-45 F-48", "a bzip2 file made anew", made(STREAM)),
    ("bzip2-fast", "accept", "F-45 F-48", "the same at level 1", made(FAST, engine=101)),
    ("bzip2-level", C, "F-45 F-37", "the same at level 2 instead of 1", made(FAST, engine=102)),
    ("bzip2-behind", "accept", "F-59", "eight bytes behind it, which stay", made(STREAM + EIGHT, EIGHT)),
    (
        "bzip2-behind-gzip",
        C,
        "F-59 F-37",
        "eight bytes behind it, less what stands behind a gzip stream",
        made(STREAM + struct.pack("<II", zlib.crc32(LETTER), 1), bytes(8)),
    ),
    ("bzip2-given", "accept", "F-75", "a stream that a recipe makes", made(STREAM, member=STREAM, engine=61)),
    ("bzip2-given-cut", M, "F-75", "one without its end", made(STREAM[:-1], member=STREAM[:-1], engine=61)),
    ("bzip2-given-more", M, "F-75", "one with a byte behind its end", made(STREAM, member=STREAM + b"\0", engine=61)),
    ("bzip2-given-damaged", M, "F-75 F-87", "one with a wrong checksum", made(DAMAGED, member=DAMAGED, engine=61)),
    ("bzip2-given-other", M, "F-75", "a deflate stream", made(b"K\4\0", member=b"K\4\0", engine=61)),
    ("bzip2-given-as-deflate", M, "F-75", "as if it were of deflate", made(STREAM, member=STREAM, engine=60)),
    *((f"bzip2-engine-{n}", M, "F-45 F-48", f"engine {n}", made(STREAM, engine=n)) for n in (100, 110)),
    *((f"zopfli-engine-{n}", M, "F-45 F-48", f"engine {n}", made(STREAM, engine=n)) for n in (130, 146)),
    ("opened-bzip2", "accept", "F-46 F-87", "the plain bytes of a bzip2 file", *opened(STREAM)),
    (
        "opened-bzip2-skeleton",
        "accept",
        "F-47 F-59",
        "the skeleton of one with eight bytes behind it",
        *opened(STREAM + EIGHT, 3, 0, varints(1, 0, 0) + EIGHT),
    ),
    ("opened-bzip2-two", "accept", "F-46 F-87*", "the second of two in a row", *opened(FAST + STREAM, 5, 4, STREAM)),
    ("opened-bzip2-stream", "accept", "F-46 F-87", "the stream, with its head", *opened(b"abc" + STREAM, 3, 2, STREAM)),
    ("opened-bzip2-cut", M, "F-35 F-46", "one without its end", *opened(STREAM[:-1])),
    ("opened-bzip2-damaged", M, "F-35 F-46", "a wrong checksum", *opened(DAMAGED)),
    ("opened-bzip2-zeros", M, "F-35 F-46", "one that gives over 1,040 times its length", *opened(ZEROS)),
    ("opened-bzip2-level", M, "F-35 F-46", "level 0", *opened(b"BZh0" + STREAM[4:])),
    ("opened-bzip2-empty", M, "F-35 F-87", "one without a block", *opened(WITHOUT_BLOCK)),
]
