"""Vectors of the order of steps [F-151], which need two defects each, and of a few rules that nothing else isolates."""

import struct
from collections.abc import Callable
from typing import Any

from raw import (
    STRANGER,
    TARGET,
    Bundle,
    Case,
    Section,
    Tree,
    delta,
    delta_frame,
    draft,
    full,
    lzma2,
    manifest,
    replaced,
    varints,
    write,
)
from rebased import ADD_LENGTHS, EXTRA, EXTRA_LENGTHS, LITERAL, NEW, OLD, SEEKS, STREAMS
from shapes import FIXED, HEAD, MATCH, OF_FIXED, OF_MATCH, gzipped

M, C = "malformed", "corrupt"


def bundle(*sections: Section, **changes: Any) -> Callable[[], bytes]:
    return lambda: write(Bundle(list(sections) or [full()], **changes))


def cut_in_block(data: bytes) -> bytes:
    root, block = struct.unpack_from("<II", data, 6)
    return data[: 14 + root + block - 1]


def packs_exchanged() -> bytes:
    """The pack of the second frame stands before that of the first."""
    section = full()
    first = len(section.frames[0][5][0][1])
    both = sum(len(data) for frame in section.frames for _, data in frame[5])
    section.body = lambda body: body[:-both] + body[-both:][first:] + body[-both:][:first]
    return write(Bundle([section]))


def last_said() -> bytes:
    """Both patches say what their last triple adds, and where it seeks."""
    frame = delta_frame()
    streams = dict(frame[5])
    rest = len(TARGET[0][2]) - len(b"and the end\n") - 3
    streams |= {1: varints(0, 3, rest), 3: varints(0, 0, 0)}
    frame[5] = sorted(streams.items())
    return write(Bundle([delta(frame)]))


def two_members(first: int, second: int) -> Callable[[], bytes]:
    """A file of two gzip streams, each of its own shape. The shapes are the sources of these numbers."""
    content = gzipped(FIXED, b"a") + gzipped(MATCH, b"ababa")
    tree: Tree = [("a.gz", 0, content)]
    skeleton = varints(2, 0, 10, 18) + HEAD + bytes(8) + HEAD + bytes(8)
    parts = [skeleton, b"a", b"ababa", OF_FIXED, OF_MATCH]
    sources = [0, 1, 2, first, second]
    steps = [after - before for before, after in zip([0, *sources], sources, strict=False)]
    made = [b"\x80" * 5 + b"\4", [1], [len(part) for part in parts], steps, [2, 0, 0], [(0, b"".join(parts))]]
    return lambda: write(Bundle([Section("full", 0, [full(tree).frames[0], made], features=["deflate-shape"])], tree))


def idle_triples(count: int) -> bytes:
    """A rebased patch of so many triples; all but the last two do nothing. The image is followed by zeros."""
    more, idle = 1 << 19, bytes(count - 2)
    tool: Tree = [("tool", 1, NEW + bytes(more))]
    packs = {LITERAL: OLD} | STREAMS
    packs |= {
        ADD_LENGTHS: idle + STREAMS[ADD_LENGTHS],
        EXTRA_LENGTHS: idle + varints(0x20, more),
        SEEKS: idle + STREAMS[SEEKS],
        EXTRA: STREAMS[EXTRA] + bytes(more),
    }
    made = [bytes([0x80, 5]), [1], [len(OLD)], [0], [count], [*packs.items()]]
    frames = [[b"\0", [0], [], [], [], [(LITERAL, draft(manifest(tool), 1))]], made]

    def packed(_: int, data: bytes) -> tuple[list[int], bytes]:
        stored = lzma2(data)
        return [48, len(stored), len(data)], stored

    return write(Bundle([Section("full", 0, frames, features=["references-1"], packed=packed)], tool))


PREAMBLE = lambda p: p[:5] + struct.pack("<BII", 2, 0, 0)  # noqa: E731
CASES: list[Case] = [
    ("steps-version", "unsupported", "F-1 F-151*", "format version 2, and lengths of 0", bundle(preamble=PREAMBLE)),
    (
        "steps-cut",
        C,
        "F-2 F-151*",
        "the file ends in a signature block that is none",
        bundle(signature_bytes=lambda b: b"\xc1" + b[1:], file=cut_in_block),
    ),
    (
        "steps-block",
        M,
        "F-28 F-151*",
        "no signature block, and a root of a later format",
        bundle(signature_bytes=lambda b: b"\xc1" + b[1:], root=replaced("format", 2)),
    ),
    (
        "steps-signature",
        "untrusted",
        "F-10 F-151*",
        "a stranger signed a root that is none",
        bundle(keys=[STRANGER], root_bytes=lambda r: b"\xc1" + r[1:]),
    ),
    (
        "steps-features",
        "unsupported",
        "F-8 F-151*",
        "an unknown feature, and seq 0",
        bundle(root=lambda p: replaced("features", ["later-1"])(replaced("seq", 0)(p))),
    ),
    (
        "steps-root",
        M,
        "F-9 F-151*",
        "seq 0, in an epoch that is not known",
        bundle(root=lambda p: replaced("epoch", 1)(replaced("seq", 0)(p))),
    ),
    (
        "steps-epoch",
        "untrusted",
        "R-7 F-151*",
        "an epoch that is not known, and a byte too many",
        bundle(root=replaced("epoch", 1), file=lambda f: f + b"\0"),
    ),
    (
        "steps-length",
        M,
        "F-6 F-151*",
        "a byte too many, and a body with another hash",
        bundle(full(top=lambda h: h[::-1]), file=lambda f: f + b"\0"),
    ),
    ("packs-exchanged", M, "F-22", "the pack of the second frame before that of the first", packs_exchanged),
    ("shape-members", "accept", "F-73", "two members, with their shapes in their order", two_members(3, 4)),
    ("shape-members-exchanged", M, "F-73", "the shapes of two members exchanged", two_members(4, 3)),
    ("last-said", M, "F-27 F-134*", "what the last triples add, and where they seek", last_said),
    ("reaimed-triples", M, "F-82", "1,048,577 triples for a rebased patch", lambda: idle_triples(1_048_577)),
]
