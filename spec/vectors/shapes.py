"""Vectors of shapes: deflate streams written bit by bit, their shapes byte by byte, each rule broken once."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

from raw import Bundle, Section, Tree, digest, draft, full, manifest, varints, write

M = "malformed"
HEAD = b"\x1f\x8b\x08\0\1\2\3\4\0\3"
NEWER = b"\x1f\x8b\x08\0\5\2\3\4\0\3"
END = "0000000"  # the end of a block of fixed codes
A, B = "10010001", "10010010"  # the letters a and b in fixed codes
ONE_TOKEN = b"\1\1"  # a block of fixed codes and one token
LETTER = bytes([1, 0, 0, 128])  # the record of one literal


def bits(*parts: str, padding: str = "0") -> bytes:
    """The bytes of these bits, the first one lowest."""
    text = "".join(parts)
    text += padding * (-len(text) % 8)
    return bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))


def low(value: int, count: int) -> str:
    return f"{value:0{count}b}"[::-1]


def gzipped(stream: bytes, plain: bytes, head: bytes = HEAD) -> bytes:
    return head + stream + struct.pack("<II", zlib.crc32(plain), len(plain))


def shape(records: bytes, *blocks: bytes, count: int | None = None, padding: bytes = b"\0") -> bytes:
    form = varints(len(blocks) if count is None else count) + b"".join(blocks) + padding
    return records + form + struct.pack("<I", len(form))


def restored(stream: bytes, own: bytes, plain: bytes = b"a", less: int = 0, engine: int = 0) -> Callable[[], bytes]:
    """A full bundle of a gzip file, made of skeleton, plain bytes and the shape `own`; `less` bytes are too much."""
    content = gzipped(stream, plain)
    tree: Tree = [("a.gz", 0, content[: len(content) - less])]
    skeleton = varints(1, 0, 10) + HEAD + bytes(8)
    sizes = [len(skeleton), len(plain), len(own)]
    frame = [b"\x80\x80\x80\4", [1], sizes, [0, 1, 1], [1, engine], [(0, skeleton + plain + own)]]
    return lambda: write(Bundle([Section("full", 0, [full(tree).frames[0], frame], features=["deflate-shape"])], tree))


FIXED = bits("1", "10", A, END)
PADDED = bits("1", "10", A, END, padding="1")
MATCH = bits("1", "10", A, B, "0000001", "00001", END)  # a, b, and 3 bytes from 2 before
C, D, E = "10010011", "10010100", "10010101"
FOUR = bits("1", "10", A, B, C, D, A, B, C, E, "0000010", "00101", "1", END)  # 8 letters, 4 bytes from 8 before
STORED = bits("1", "00", padding="1") + struct.pack("<HH", 1, 0xFFFE) + b"a"
TWO = bits("0", "10", A, END, "1", "10", B, END)
LONG = bits("1", "10", A * 300, END)
ORDER = bytes([0, 0, 1, 2, *bytes(13), 2])  # the codes of code lengths: 18 has one bit, 0 and 1 have two
ZEROS_86, ZEROS_127, ZEROS_9 = (f"0{low(extra, 7)}" for extra in (86, 127, 9))
OWN_BITS = ["1", "01", low(0, 5), low(0, 5), low(14, 4), *(low(length, 3) for length in ORDER)]
OWN_BITS += [ZEROS_86, "11", ZEROS_127, ZEROS_9, "11", "10", "0", "1"]
OWN = bits(*OWN_BITS)
COUNTS = bytes([0, 0, 14])
LENGTHS = bytes([28 + 86, 1, 28 + 127, 28 + 9, 1, 0])


def own_codes(lengths: bytes = LENGTHS, counts: bytes = COUNTS, order: bytes = ORDER) -> bytes:
    """The shape of a block with the literal a, and with these codes."""
    return shape(LETTER, b"\2\1" + counts + order + lengths)


def empty_blocks(count: int) -> Callable[[], bytes]:
    """Blocks of nothing but their end, and a last one with the letter."""
    stream = bits(*["0", "10", END] * (count - 1), "1", "10", A, END)
    return restored(stream, shape(LETTER, *[b"\1\0"] * (count - 1), ONE_TOKEN))


# Bundles from a base with one gzip file, which gives objects 2 (its skeleton), 3 (its member) and 4 (the stream).
def derived(
    frame: Callable[[int], list[Any]], stream: bytes = FIXED, plain: bytes = b"a", extra: Tree | None = None
) -> tuple[Callable[[], bytes], None, Tree]:
    base: Tree = [("a.gz", 0, gzipped(stream, plain))]
    tree: Tree = extra or [("a.gz", 0, gzipped(stream, plain, NEWER))]
    columns = frame(5)
    packs, made = columns.pop(), range(1, len(columns[1]))
    section = Section(
        "delta", 5, [[*columns, [(0, draft(manifest(tree), *made) + packs)]]], digest(manifest(base)), [1, 3]
    )
    section.features, section.room = ["deflate-shape"], 4096
    return lambda: write(Bundle([section], tree)), None, base


SKELETON = varints(1, 0, 10) + NEWER + bytes(8)


def of_base(member: int, size: int) -> Callable[[int], list[Any]]:
    """The skeleton, the shape of the stream of `member`, and the archive of both with object 3."""
    return lambda b: [
        b"\0\x80\x86\4",
        [0, 1],
        [len(SKELETON), size],
        [member, b + 1 - member, 3 - (b + 1), b + 2 - 3],
        [1, 0],
        SKELETON,
    ]


def plain_shape(member: int, own: bytes, **given: Any) -> tuple[Callable[[], bytes], None, Tree]:
    """A file that is the shape of a stream of the base."""
    return derived(lambda _: [b"\0\6", [0, 1], [], [member], [], b""], extra=[("shape", 0, own)], **given)


OF_FIXED = shape(LETTER, ONE_TOKEN)
OF_MATCH = shape(bytes([2, 0, 0, 0]), b"\1\3")
OF_LONG = shape(bytes([255, 0, 0, 128, 45, 0, 0, 128]), b"\1\xac\2")
OF_STORED = shape(b"", b"\0\x1f\1\0")
WRONG_258 = bits("1", "10", A, "11000100", "11111", "00000", END)

CASES: list[Any] = [
    ("shape", "accept", "F-69 F-70 F-71 F-73", "a stream of fixed codes from its shape", restored(FIXED, OF_FIXED)),
    (
        "shape-padded",
        "accept",
        "F-69 F-71",
        "padding of ones",
        restored(PADDED, shape(LETTER, ONE_TOKEN, padding=b"\x3f")),
    ),
    ("shape-match", "accept", "F-69* F-71", "a match", restored(MATCH, OF_MATCH, b"ababa")),
    ("shape-long", "accept", "F-69* F-71", "300 literals", restored(LONG, OF_LONG, b"a" * 300)),
    ("shape-stored", "accept", "F-70* F-71", "a stored block behind padding of ones", restored(STORED, OF_STORED)),
    ("shape-codes", "accept", "F-70 F-71", "a block with codes of its own", restored(OWN, own_codes())),
    (
        "shape-two",
        "accept",
        "F-69 F-71",
        "two blocks, one record",
        restored(TWO, shape(bytes([2, 0, 0, 128]), ONE_TOKEN, ONE_TOKEN), b"ab"),
    ),
    ("shape-blocks", "accept", "F-71", "16 blocks in a short stream", empty_blocks(16)),
    ("shape-blocks-many", M, "F-71", "17 blocks in a short stream", empty_blocks(17)),
    ("shape-cut", M, "F-69 F-71", "a shape of 3 bytes", restored(FIXED, b"\0\0\0")),
    ("shape-outside", M, "F-69 F-71", "blocks of more bytes than the shape", restored(FIXED, OF_FIXED[1:])),
    ("shape-records", M, "F-69 F-71", "a byte before the records", restored(FIXED, b"\0" + OF_FIXED)),
    ("shape-none", M, "F-71", "no block", restored(b"", shape(b""), b"")),
    ("shape-less", M, "F-71", "two blocks said, and one given", restored(FIXED, shape(LETTER, ONE_TOKEN, count=2))),
    (
        "shape-behind",
        M,
        "F-71",
        "a byte behind the padding",
        restored(FIXED, shape(LETTER, ONE_TOKEN, padding=b"\0\0")),
    ),
    (
        "shape-padding",
        M,
        "F-71",
        "seven bits of padding where there are six",
        restored(FIXED, shape(LETTER, ONE_TOKEN, padding=b"\x40")),
    ),
    (
        "shape-padding-stored",
        M,
        "F-70 F-71",
        "six bits of padding before a stored block, where there are five",
        restored(STORED, shape(b"", b"\0\x20\1\0")),
    ),
    (
        "shape-distance",
        M,
        "F-69 F-71",
        "a number of 32,769",
        restored(MATCH, shape(bytes([2, 0, 1, 128]), b"\1\3"), b"ababa"),
    ),
    (
        "shape-place",
        M,
        "F-69 F-71",
        "the second place before, where there is one",
        restored(MATCH, shape(bytes([2, 0, 1, 0]), b"\1\3"), b"ababa"),
    ),
    (
        "shape-place-none",
        M,
        "F-69 F-71",
        "a match of three bytes that did not stand before",
        restored(MATCH, OF_MATCH, b"abcab"),
    ),
    ("shape-nothing", M, "F-69* F-71", "a record of nothing", restored(FIXED, bytes([0, 0, 0, 128]) + OF_FIXED)),
    (
        "shape-length",
        M,
        "F-69 F-71",
        "a length without a match",
        restored(FIXED, shape(bytes([1, 1, 0, 128]), ONE_TOKEN)),
    ),
    ("shape-tokens-more", M, "F-71", "a token more than the records give", restored(FIXED, shape(LETTER, b"\1\2"))),
    (
        "shape-tokens-less",
        M,
        "F-71",
        "a record that no block takes",
        restored(FIXED, shape(LETTER + bytes([0, 0, 0, 0]), ONE_TOKEN)),
    ),
    ("shape-plain-more", M, "F-71", "a plain byte that no token takes", restored(FIXED, OF_FIXED, b"aa")),
    ("shape-plain-less", M, "F-71", "a match of more than the plain bytes", restored(MATCH, OF_MATCH, b"abab")),
    (
        "shape-stored-more",
        M,
        "F-70 F-71",
        "a stored block of more than the plain bytes",
        restored(STORED, shape(b"", b"\0\x1f\2\0")),
    ),
    (
        "shape-stream-long",
        M,
        "F-71 F-73",
        "a stream that is longer than its archive",
        restored(LONG, OF_LONG, b"a" * 300, 250),
    ),
    ("shape-kind", M, "F-70* F-71", "a block of kind 9", restored(FIXED, shape(LETTER, b"\x09\1"))),
    (
        "shape-varint",
        M,
        "F-40 F-70",
        "a number of tokens with a zero byte at its end",
        restored(FIXED, shape(LETTER, b"\1\x81\0")),
    ),
    ("shape-no-code", M, "F-71", "a literal without a code", restored(OWN, own_codes(), b"b")),
    (
        "shape-four",
        "accept",
        "F-69 F-71",
        "a match of four bytes: where three of them stood counts for nothing",
        restored(FOUR, shape(bytes([8, 1, 0, 0]), b"\1\11"), b"abcdabceabcd"),
    ),
    (
        "shape-three",
        M,
        "F-69 F-71",
        "its number as if three bytes told it",
        restored(FOUR, shape(bytes([8, 1, 1, 0]), b"\1\11"), b"abcdabceabcd"),
    ),
    (
        "shape-no-match",
        M,
        "F-71",
        "a match without a code",
        restored(OWN, shape(bytes([1, 0, 0, 0]), b"\2\2" + COUNTS + ORDER + LENGTHS), b"aaaa"),
    ),
    (
        "shape-no-end",
        M,
        "F-71",
        "no code for the end of a block",
        restored(OWN, own_codes(bytes([114, 1, 155, 38, 0]))),
    ),
    (
        "shape-overlap",
        M,
        "F-69 F-71",
        "three codes of one bit",
        restored(OWN, own_codes(bytes([114, 1, 1, 155, 36, 1, 0]))),
    ),
    (
        "shape-overlap-lengths",
        M,
        "F-69 F-71",
        "codes of lengths that overlap",
        restored(OWN, own_codes(order=ORDER[:3] + b"\1\1" + ORDER[5:])),
    ),
    ("shape-repeat", M, "F-69 F-71", "a repeat before the first length", restored(OWN, own_codes(b"\x10" + LENGTHS))),
    ("shape-lengths", M, "F-69 F-71", "a code length too many", restored(OWN, own_codes(LENGTHS[:-1] + b"\x14"))),
    ("shape-zeros", M, "F-70* F-71", "139 zeros at once", restored(OWN, own_codes(b"\x9c" + LENGTHS))),
    ("shape-hlit", M, "F-70 F-71", "HLIT 32", restored(OWN, own_codes(counts=bytes([32, 0, 14])))),
    ("shape-hdist", M, "F-70 F-71", "HDIST 32", restored(OWN, own_codes(counts=bytes([0, 32, 14])))),
    ("shape-hclen", M, "F-70 F-71", "HCLEN 16", restored(OWN, own_codes(counts=bytes([0, 0, 16])))),
    (
        "shape-order",
        M,
        "F-70 F-71",
        "a code length of 8 among those of three bits",
        restored(OWN, own_codes(order=b"\x08" + ORDER[1:])),
    ),
    ("shape-length-code", M, "F-71", "a code length that has no code", restored(OWN, own_codes(LENGTHS[:-1] + b"\2"))),
    ("shape-unused", M, "F-30 F-73", "a shape that no engine asks for", restored(FIXED, OF_FIXED, engine=6)),
    ("shape-base", "accept", "F-72 F-73", "the shape of a stream of the base", *derived(of_base(3, len(OF_FIXED)))),
    ("shape-file", "accept", "F-72", "a file that is a shape", *plain_shape(3, OF_MATCH, stream=MATCH, plain=b"ababa")),
    ("shape-of-file", M, "F-72", "the shape of a file", *derived(of_base(1, len(OF_FIXED)))),
    ("shape-of-skeleton", M, "F-72", "the shape of a skeleton", *derived(of_base(2, len(OF_FIXED)))),
    ("shape-of-result", M, "F-72", "the shape of a result", *derived(of_base(6, len(OF_FIXED)))),
    ("shape-of-stream", M, "F-72 F-75", "the shape of a stream", *derived(of_base(4, len(OF_FIXED)))),
    (
        "shape-of-none",
        M,
        "F-69 F-72",
        "a match of 258 as no encoder writes it",
        *plain_shape(3, OF_MATCH, stream=WRONG_258, plain=b"a" * 259),
    ),
    ("shape-size", M, "F-37 F-72", "a shape that is longer than its size", *derived(of_base(3, len(OF_FIXED) - 1))),
]
