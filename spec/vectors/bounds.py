"""Vectors of what is small in the file and large, deep or long when evaluated: a reader bounds it first.

`CASES` holds what generate.py registers, as in cases.py.
"""

import zlib

from raw import (
    TARGET,
    Bundle,
    Case,
    Pairs,
    Raw,
    Section,
    Tree,
    delta,
    delta_frame,
    full,
    lzma2,
    replaced,
    varints,
    with_tree,
    write,
)

M = "malformed"
DEPTH = 3000
JOINED = 64 << 20


def full_of(tree: Tree, columns: list[object], literals: bytes, room: int | None = None) -> bytes:
    """A full bundle of one file, made by recipes in these columns."""
    frames = [full(tree).frames[0], [*columns, [(0, literals)]]]
    return write(Bundle([Section("full", 0, frames, room=room)], tree))


def deep_copies() -> bytes:
    """A copy of a copy of a copy: a reader that follows them one by one must not do so on its call stack.

    The file is the last one, three times, so that it is long enough for so many intermediate results [F-65].
    """
    kinds = b"\x80" + b"\x81" * DEPTH + b"\3"
    columns: list[object] = [kinds, [1], [9] * (DEPTH + 1), [0, *[1] * DEPTH, 0, 0], [0] * DEPTH + [3]]
    return full_of([("a", 0, b"copied on" * 3)], columns, b"copied on")


def nested(depth: int) -> bytes:
    """A delta that says that archives lie in each other so deep, and takes nothing from them."""
    opened = [number for level in range(depth) for number in (1 if level == 0 else 2 + 3 * level, 3)]
    frame = delta_frame()
    shift = 3 * depth
    frame[3] = [0, 1, 1, 4 + 3 + shift - 2, 1]
    return write(Bundle([delta(frame, base_objects=4 + shift, opened=opened)]))


def many_triples() -> bytes:
    """A patch for a.txt of empty triples, one over what its size allows, before those that make it."""
    frame = delta_frame()
    packs = dict(frame[5])
    size = 188
    count = 2 * size + 3
    idle = count - 1
    packs |= {1: bytes(idle), 2: packs[2][:-2] + bytes(idle) + packs[2][-1:], 3: bytes(idle)}
    frame[4], frame[5] = [1, count, 100, 2], sorted(packs.items())
    return write(Bundle([delta(frame)]))


def large_member(most: int, engine: int, release: int = 67_600) -> bytes:
    """A member a byte too large for an engine that gets it whole: 64 KiB, many times, and a byte.

    The archive is as large as 1,040 times it must be [F-65].
    """
    skeleton, page = varints(1, 0, 4) + b"headtail", 64 << 10
    parts = most // page
    columns: list[object] = [
        b"\x80\x80\x80\x83\4",
        [1],
        [len(skeleton), page, 1, most + 1],
        _differences([1] * parts + [2, 0, 3]),
        [parts + 1, 1, engine],
    ]
    tree: Tree = [("a.gz", 0, b"not what any engine makes " * (release // 26))]
    stored = lzma2(skeleton + bytes(page) + b"x")

    def packed(_: int, data: bytes) -> tuple[list[int], bytes]:
        return ([48, len(stored), len(data)], stored) if len(data) > page else ([0, len(data), len(data)], data)

    frames = [full(tree).frames[0], [*columns, [(0, skeleton + bytes(page) + b"x")]]]
    return write(Bundle([Section("full", 0, frames, packed=packed)], tree))


def many_uses() -> bytes:
    """Concats of nothing, 4,000,001 times over, in an index of 4 MB that packs to little."""
    parts, sizes = [2_000_000, 2_000_000, 1], []
    sources = Raw(b"\xdd" + sum(parts).to_bytes(4, "big") + bytes(sum(parts)))
    frames = [full([]).frames[0], [b"\x80\x83\x83\x83", [], [0] * 4, sources, parts, []]]

    def compress(data: bytes) -> bytes:
        sizes.append(len(data))
        return lzma2(data)

    def described(pairs: Pairs) -> Pairs:
        return replaced("index", [48, pairs[3][1][1], sizes[-1]])(pairs)

    return write(Bundle([Section("full", 0, frames, index=compress, described=described)], []))


def many_numbers() -> bytes:
    """Skips that nobody asks for: a byte more than all numbers of such a release may have."""
    frame = delta_frame()
    packs = dict(frame[5])
    others = sum(len(packs[stream]) for stream in (1, 2, 3))
    packs[4] += bytes((1 << 24) + 4 * sum(len(content) for _, _, content in TARGET) + 1 - others - len(packs[4]))
    frame[5] = sorted(packs.items())

    def packed(_: int, data: bytes) -> tuple[list[int], bytes]:
        stored = lzma2(data)
        return [48, len(stored), len(data)], stored

    return write(Bundle([delta(frame, packed=packed)]))


def packed_often(times: int, size: int, engine: int = 6) -> bytes:
    """Zeros of which each archive is made, and none is used: 104,000 take all that a release of 100 bytes may."""
    skeleton, page, member = varints(1, 0, 4) + b"headtail", bytes(range(100)), bytes(size)
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15, 8)
    archive = 8 + len(deflater.compress(member) + deflater.flush())
    columns: list[object] = [
        b"\x80\x80" + b"\x84" * times + b"\0",
        [1],
        [len(skeleton), len(member), *[archive] * times],
        _differences([0, 1] * times),
        [1, engine] * times,
    ]
    return full_of([("a", 0, page)], columns, skeleton + member + page)


def _differences(numbers: list[int]) -> list[int]:
    return [after - before for before, after in zip([0, *numbers], numbers, strict=False)]


CASES: list[Case] = [
    ("copies-deep", "accept", "F-33 F-38", "a copy of a copy, 3,000 deep", deep_copies),
    ("opened-eight", "accept", "F-35", "archives said to lie 8 deep, of which none is used", lambda: nested(8)),
    ("opened-nine", M, "F-35", "archives said to lie 9 deep", lambda: nested(9)),
    ("opened-deep", M, "F-35", "archives said to lie 2,000 deep", lambda: nested(2000)),
    (
        "link-huge",
        M,
        "F-18",
        "a target of 4,097 bytes",
        lambda: with_tree([("run", 3, b"x/" * 2048 + b"x")], platform="posix"),
    ),
    ("triples-many", M, "F-41", "more triples than a result so short can need", many_triples),
    ("deflated-often", "accept", "F-68* F-48", "members of 1,040 times the release", lambda: packed_often(100, 1040)),
    ("deflated-more", M, "F-68* F-48", "a member more", lambda: packed_often(101, 1040)),
    ("zopfli-work", M, "F-133", "for zopfli a member of 1,626 bytes, of 100", lambda: packed_often(1, 1626, 135)),
    ("uses-many", M, "F-68", "4,000,001 uses of an object", many_uses),
    ("numbers-many", M, "F-68", "a byte more of numbers than such a release may have", many_numbers),
    ("member-large", M, "F-45", "over 64 MiB for an engine that gets it whole", lambda: large_member(JOINED, 21)),
    ("zopfli-large", M, "F-132", "a member over 16 MiB for zopfli", lambda: large_member(1 << 24, 135, 1 << 21)),
]
