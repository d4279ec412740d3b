"""Vectors of checks that nothing else backs: what they refuse, a reader without them would accept.

Mutants of the second reader showed which had none. Frames of Zstandard with compressed blocks are written by hand, too.
"""

import base64
import struct
from collections.abc import Callable
from typing import Any

from raw import (
    Bundle,
    Case,
    Raw,
    Section,
    Tree,
    delta,
    delta_frame,
    draft,
    full,
    lzma2,
    manifest,
    pack,
    replaced,
    write,
)
from rebased import OLD, STREAMS, TOOL

M, C = "malformed", "corrupt"
Stored = tuple[list[int], bytes]


# Zstandard (RFC 8878), after the magic number.
def block(kind: int, size: int, last: bool = True) -> bytes:
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3]


RAW_BLOCK, RLE_BLOCK, COMPRESSED_BLOCK = range(3)
WINDOW_1K = b"\0\0"
LETTERS = b"abcd" * 3 + b"and the end"


def raw_blocks(data: bytes) -> bytes:
    return WINDOW_1K + block(RAW_BLOCK, len(data)) + data


def single_segment(data: bytes) -> bytes:
    """A frame whose window is its content: the header says the size, of one byte, and no window."""
    return b"\x20" + bytes([len(data)]) + block(RAW_BLOCK, len(data)) + data


def run(data: bytes) -> bytes:
    """An RLE block of one byte, repeated."""
    return WINDOW_1K + block(RLE_BLOCK, len(data)) + data[:1]


def two_blocks(data: bytes) -> bytes:
    half = len(data) // 2
    first = block(RAW_BLOCK, half, last=False) + data[:half]
    return WINDOW_1K + first + block(RAW_BLOCK, len(data) - half) + data[half:]


def literals_alone(data: bytes) -> bytes:
    """A compressed block of raw literals (at most 31) and no sequence."""
    content = bytes([len(data) << 3]) + data + b"\0"
    return WINDOW_1K + block(COMPRESSED_BLOCK, len(content)) + content


def sequence(_: bytes) -> bytes:
    """LETTERS: four literals, a match of 8 at distance 4, the other literals. Each of the three codes is one symbol."""
    literals = LETTERS[:4] + LETTERS[12:]
    # One sequence, all tables of the kind RLE: 4 literals, offset code 2 (and two bits: 7 - 3), a match of 5 + 3.
    sequences = bytes([1, 0b01010100, 4, 2, 5, 0b111])
    content = bytes([len(literals) << 3]) + literals + sequences
    return WINDOW_1K + block(COMPRESSED_BLOCK, len(content)) + content


def far(_: bytes) -> bytes:
    """The same with a match at distance 5, before the first byte."""
    return sequence(b"").replace(bytes([4, 2, 5, 0b111]), bytes([4, 3, 5, 0b1000]))


WORDS = b" ".join(b"%x" % (n * n * 7919 % 65_536) for n in range(400)) + b" and the quick brown fox" * 9
# WORDS by zstd at level 19: Huffman codes of literals, tables of its own, repeated offsets.
WORDS_PACKED = base64.b85decode(
    "01)jS0NQoT4jW)c3Zf1JQ@XC>VhQ11Ns?g1gz!s52N(n?Jm3J}0N(%?(R?GMiA>n4(hLE8LENp0?NqwNoKIPrgB#PCMwO3>H%PY`$u%avQp`Y="
    "jn>JKK4R$xwYFoq!^C$=m<k13FU@u3ONiW3%x2bGc)oO;t7q#}J>NOr!Lwc04aIx}k;y9?FU<f2UrD&8VKbH+-"
    "1=BFjirrUb6ojU5tlS<N678DFC1sMvh|#a$Tx~EDrd7xS2TRXZi=3*Da}*D7m6;4+3uXH()v{5Oefe#$h4l1Mchkkv#x74zAiK`m5rs$uJaKR?"
    "m4$zN;jqTokJ!eTi2SUgfAuDwZaxgd})Qb1lbzgQ~|#u${ovW$KKHMk-$t6Z8S3=`Z~-"
    "t>uko}K$(xBOf$G~+#G>?>cS;OY^Tbt=od<wfoUu0M1tQ?;vyn8J934oZwNDm;MSgb(icd&yt7@ns{-*Uax(>JW4LJ-"
    "J_hL?GMn{W3;k+l-U>D%GCR;mlDNmZ-RMoh_|8a^7`LJ_%RpZ`;VyNX+1=IkB}HaATSX^9;XCC`LToqg5#l4|><Jr1=b5iZu61qJbnot?3DX4H"
    "c*;zxd@7`?#MmzMa;+~MF;75SNv62q8;e)0wb`9Ff}4We)-jKnFQjof#&)M%rPQZtW-2!-H0^|s;_e-"
    "^S?`({Uxk_%(#CbOMtmgPJv`ebbd&0Ll$j)vt)<Lj=}R1UUAMa|_)^m>$E}5v6n%$?n~vHp-"
    "94!vIb}8o8&~HM@fDeCOKjGAN_<3S8W9^+XBy#CELWXwckYtv3q#CvXzSn<hu^q#g&Lb(FEahc7!xJ5HIx|&`GPUG>~;iQ63(YknnQ?<ylD{nn"
    "C=EhY{t7Lpsy#*z{17=O%{Hnm>UAMUCA9se8<LAgj-"
    "GLI_XO$-9oyV@s=M@pbr>OV1RT02S5P=ya*7m8bG4~3XV7>s8)KFfUBHXY7muB2ww_lmX@uElLYsj6x?KCyAkdQ$VY~nt=WjoJaJ#mxTe--Rrl"
    "7%<1`~ShA@*EpHk;43$_d5(t<CjGY`ksPEo`+5U;q+PF-}?H^`W1rLDxwkjxj>-L7CebqV@Z5X_;{#=&V=KAv-"
    "f!z9v;VN^<|(x4Ivorxe7Q%<nX_>u*45wq1yb?!Un?jYNhH<<B}B_>7L7^oQp=4;?J>TJdvEc9`lX-"
    "eA2Fh@zB66X?ywj;Oce8D(_Fk6F~sN@?-TojDWj#q>OBB&8i+{^#0TMgi)jRTP{w*UWs2Jm+Ha4kk0k2QEKnu&QRsRj"
)


def packed_by(make: Callable[[bytes], bytes], content: bytes) -> Callable[[], bytes]:
    """A full bundle of one file, whose pack is made so."""
    tree: Tree = [("f", 0, content)]

    def packed(_: int, data: bytes) -> Stored:
        stored = make(data) if data == content else raw_blocks(data)
        return [1, len(stored), len(data)], stored

    return lambda: write(Bundle([full(tree, packed=packed)], tree))


def noise(count: int) -> bytes:
    """As in the corpus of F-45."""
    made, x = bytearray(), 1
    for _ in range(count):
        x = (1_103_515_245 * x + 12_345) % 2**31
        made.append(x // 65_536 % 256)
    return bytes(made)


NOISE = noise(20_000)


def far_back() -> bytes:
    """A match 20,000 bytes back, within a dictionary of 2^15."""
    tree: Tree = [("f", 0, NOISE + NOISE[:500])]

    def packed(_: int, data: bytes) -> Stored:
        stored = lzma2(data, 15)
        return [47, len(stored), len(data)], stored

    return write(Bundle([full(tree, packed=packed)], tree))


# Index and frames
def index_of(change: Callable[[list[Any]], list[Any]]) -> Callable[[], bytes]:
    """The full bundle, the parts of whose index are changed."""
    section = full()
    frames = [
        [*columns, [n for stream, data in packs for n in (stream, len(data))]] for *columns, packs in section.frames
    ]
    section.index = lambda _: pack(change([0, [], frames]))
    return lambda: write(Bundle([section]))


def frame_of(column: int, value: Any) -> Callable[[], bytes]:
    """The last frame of the full bundle with one column that is something else."""

    def change(parts: list[Any]) -> list[Any]:
        parts[2][-1][column] = value
        return parts

    return index_of(change)


def opened(*pairs: int) -> Callable[[], bytes]:
    """The delta with archives that are said to be opened, and that no recipe uses."""
    grown = 4 + sum(pairs[1::2])
    frame = delta_frame()
    sources = [0, 1, 2, grown + 3, grown + 4]
    frame[3] = [b - a for a, b in zip([0, *sources], sources, strict=False)]
    return lambda: write(Bundle([delta(frame, base_objects=grown, opened=list(pairs))]))


def all_packed() -> bytes:
    """A rebased patch whose nine packs are of LZMA2: 36 numbers."""
    packs = {0: OLD} | STREAMS
    made = [bytes([0x80, 5]), [1], [len(OLD)], [0], [2], [*packs.items()]]
    frames = [[b"\0", [0], [], [], [], [(0, draft(manifest(TOOL), 1))]], made]

    def packed(_: int, data: bytes) -> Stored:
        stored = lzma2(data)
        return [48, len(stored), len(data)], stored

    return write(Bundle([Section("full", 0, frames, features=["references-1"], packed=packed)], TOOL))


# A manifest with every width: paths of over 31 and 255 bytes, sizes of 1 to 4 bytes, over 2,047 hashes.
WIDE: Tree = [(f"{n:04}.txt", 0, b"%d" % n) for n in range(2_050)]
WIDE += [("long/" + "n" * 40, 0, b"x" * 200), ("longer/" + "n" * 250 + "/" + "m" * 90, 0, b"y" * 300)]
WIDE += [("run", 1, bytes(70_000))]
WIDE.sort(key=lambda entry: entry[0])


def wide() -> bytes:
    def packed(_: int, data: bytes) -> Stored:
        stored = lzma2(data)
        return [48, len(stored), len(data)], stored

    return write(Bundle([full(WIDE, packed=packed)], WIDE))


def root_of(size: int) -> bytes:
    """A root of so many bytes: a section with a long name of a feature is passed over."""

    def made(letters: int) -> bytes:
        return write(
            Bundle([full(), full(features=["x" * letters], inner=True, described=replaced("content", bytes(4096)))])
        )

    spare = size - int.from_bytes(made(70_000)[6:10], "little")
    return made(70_000 + spare)


A_MAP = Raw(b"\x80")

CASES: list[Case] = [
    (
        "zstandard-single",
        "accept",
        "F-24",
        "a single segment: the window is the content",
        packed_by(single_segment, LETTERS),
    ),
    ("zstandard-run", "accept", "F-25", "an RLE block", packed_by(run, b"\7" * 1_000)),
    ("zstandard-run-large", C, "F-25", "a block that is larger than the window", packed_by(run, b"\7" * 1_025)),
    ("zstandard-blocks", "accept", "F-25", "two blocks", packed_by(two_blocks, LETTERS)),
    (
        "zstandard-literals",
        "accept",
        "F-25",
        "a compressed block without a sequence",
        packed_by(literals_alone, LETTERS),
    ),
    ("zstandard-sequence", "accept", "F-25", "a compressed block with a match", packed_by(sequence, LETTERS)),
    ("zstandard-far", C, "F-25", "a match before the first byte", packed_by(far, LETTERS)),
    (
        "zstandard-tables",
        "accept",
        "F-25",
        "Huffman codes and tables of its own",
        packed_by(lambda _: WORDS_PACKED, WORDS),
    ),
    ("lzma2-far", "accept", "F-24", "a match 20,000 bytes back", far_back),
    ("wide", "accept", "F-3* F-11", "a manifest with texts, numbers and hashes of every width", wide),
    ("root-largest", "accept", "F-2", "a root of 262,144 bytes", lambda: root_of(262_144)),
    ("root-larger", M, "F-2", "a root of a byte more", lambda: root_of(262_145)),
    ("index-four", M, "F-30", "an index of four parts", index_of(lambda parts: [*parts, 0])),
    ("index-two", M, "F-30", "an index of two parts", index_of(lambda parts: parts[:2])),
    ("index-map", M, "F-30", "frames in a map", index_of(lambda parts: [*parts[:2], A_MAP])),
    ("frame-packs-map", M, "F-30", "packs in a map", frame_of(5, A_MAP)),
    ("frame-sizes-map", M, "F-30", "sizes in a map", frame_of(2, A_MAP)),
    ("column-text", M, "F-30", "a text among the numbers", frame_of(4, ["1"])),
    ("opened-even-unused", M, "F-35", "an archive of four objects that nothing uses", opened(2, 4)),
    ("opened-one-unused", M, "F-35", "an archive of one object that nothing uses", opened(2, 1)),
    ("opened-manifest-unused", M, "F-35", "the manifest as an archive that nothing uses", opened(0, 3)),
    ("opened-later-unused", M, "F-35", "an archive in itself that nothing uses", opened(5, 3)),
    ("opened-large-unused", M, "F-35", "an archive of 1,000,003 objects that nothing uses", opened(2, 1_000_003)),
    ("opened-unused", "accept", "F-35", "archives that nothing uses stay closed", opened(1, 1_000_001, 2, 3)),
    (
        "base-objects-most",
        "accept",
        "F-30* F-35",
        "4,000,000 base objects",
        opened(1, 1_000_001, 2, 1_000_001, 3, 1_000_001, 5, 999_993),
    ),
    (
        "base-objects-more",
        M,
        "F-30* F-35",
        "two more",
        opened(1, 1_000_001, 2, 1_000_001, 3, 1_000_001, 5, 999_995),
    ),
    ("reaimed-packed", "accept", "F-30* F-52", "nine packs of four numbers each", all_packed),
]
