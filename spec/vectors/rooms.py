"""Vectors of sizes that must agree, and of what rebuilding may take: sizes of one content, room, growth, archives open.

`CASES` holds what generate.py registers, as in cases.py; those of opened archives have a base of their own.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any

from bounds import full_of
from raw import (
    BASE,
    TARGET,
    Bundle,
    Pairs,
    Section,
    Tree,
    delta,
    digest,
    draft,
    full,
    manifest,
    replaced,
    varints,
    write,
)

M, C = "malformed", "corrupt"
TAKEN = 108  # the intermediate results of raw.delta_frame
PAGE = bytes(range(100))
PAGED: Tree = [("a", 0, PAGE)]


# Sizes. The lists below say what their files have, but for one size.
def sizes(tree: Tree, place: int, more: int = 1) -> list[int]:
    found = [len(content) for _, _, content in tree]
    found[place - 1] += more
    return found


def delta_of(tree: Tree, listing: bytes) -> bytes:
    """A delta of what the base has already: its one recipe makes the manifest."""
    frame = [b"\0", [0], [], [], [], [(0, draft(listing))]]
    grown = sum(listed(listing)) - sum(len(content) for _, _, content in tree)
    size = sum(len(content) for _, _, content in tree) + grown
    return write(Bundle([delta(frame)], tree, listing, root=replaced("size", size), platform="posix"))


def listed(listing: bytes) -> list[int]:
    """The sizes in a manifest whose sizes are all below 65,536, as `pack` writes them."""
    at = listing.index(b"\xa5sizes") + 6
    count, at, found = listing[at] & 15, at + 1, []
    for _ in range(count):
        wide = {0xCC: 1, 0xCD: 2}.get(listing[at], 0)
        found.append(int.from_bytes(listing[at + 1 : at + 1 + wide], "big") if wide else listing[at])
        at += 1 + wide
    return found


HELD: Tree = [("again.txt", 0, BASE[2][2]), ("b.bin", 1, BASE[1][2]), ("link", 3, BASE[2][2])]
TWICE: Tree = [("link", 3, b"bin/run"), ("plain", 0, b"bin/run")]


def held(place: int = 0, more: int = 1) -> Callable[[], bytes]:
    return lambda: delta_of(HELD, manifest(HELD, sizes=sizes(HELD, place, more) if place else None))


def twice() -> bytes:
    listing = manifest(TWICE, sizes=sizes(TWICE, 2))
    size = sum(len(content) for _, _, content in TWICE) + 1
    return write(Bundle([full(TWICE, listing)], TWICE, listing, root=replaced("size", size), platform="posix"))


def target_twice() -> bytes:
    listing = manifest(TARGET, sizes=sizes(TARGET, 7))
    size = sum(len(content) for _, _, content in TARGET) + 1
    return write(Bundle([full(TARGET, listing)], TARGET, listing, root=replaced("size", size)))


# Room.
def room(value: int | None, **changes: Any) -> Callable[[], bytes]:
    return lambda: write(Bundle([delta(room=value, **changes)]))


def described(change: Callable[[Pairs], Pairs]) -> Callable[[], bytes]:
    return lambda: write(Bundle([delta(features=["references-1"], described=change)]))


def doubled(times: int, room: int | None) -> Callable[[], bytes]:
    """A page of which each concat makes one twice as large; the file is the front of the last."""
    kinds = b"\x80" + b"\x83" * times + b"\1"
    sources = [0, *([1, 0] * times)[1:], 1] if times else []
    columns: list[object] = [kinds, [1], [100 << n for n in range(times + 1)], sources, [2] * times + [0]]
    return lambda: full_of(PAGED, columns, PAGE, room)


def grown(*extra: int, frames: int = 1) -> Callable[[], bytes]:
    """Intermediate results that nothing uses, 104,000 bytes in all and the extra ones, for a release of 100."""

    def make() -> bytes:
        joined = [0, *[0] * 1039]
        first = [b"\0\x83" + b"\x81" * len(extra), [1], [104_000, *extra], [*joined, *[0] * len(extra)]]
        made = [[*first, [1040, *[0] * len(extra)], [(0, PAGE)]]]
        made += [[b"\x80\x81", [], [1, 1], [0], [0], [(0, b"x")]]] * (frames - 1)
        return write(Bundle([Section("full", 0, [full(PAGED).frames[0], *made])], PAGED))

    return make


# Opened archives: gzip files whose deflate streams are one stored block.
def gzipped(content: bytes) -> bytes:
    block = b"\1" + struct.pack("<HH", len(content), len(content) ^ 0xFFFF) + content
    return HEAD + block + struct.pack("<II", zlib.crc32(content), len(content))


HEAD = b"\x1f\x8b\x08\0\1\2\3\4\0\3"
SKELETON = varints(1, 0, 10) + HEAD + bytes(8)  # the last 8 bytes are differences, all 0
ONE, TWO, INNER = bytes(range(200)), bytes(range(50, 250)), bytes(range(20, 220))
HOLDERS: Tree = [
    ("nested.gz", 0, gzipped(gzipped(INNER))),
    ("one.gz", 0, gzipped(ONE)),
    ("two.gz", 0, gzipped(TWO)),
]
GIVEN = 200  # only what is used takes room: here a member
OUTER = len(gzipped(INNER))
# Each gives a skeleton, a member and a stream: one.gz 4 to 6, two.gz 7 to 9, nested.gz 10 to 12, of which 11
# gives 13 to 15.
OPENED = [2, 3, 3, 3, 1, 3, 11, 3]
MEMBER_1, MEMBER_2, MEMBER_3 = 5, 8, 14


def taken(
    *members: int, room: int, opened: list[int] = OPENED, steps: int = 0
) -> tuple[Callable[[], bytes], None, Tree]:
    """A delta that copies a file out of each of these objects, in their order; `steps` are intermediate literals."""
    objects = 4 + sum(opened[1::2])
    stretches = [(number, 60 + at) for at, number in enumerate(members)]
    plain = {MEMBER_1: ONE, MEMBER_2: TWO, MEMBER_3: INNER}
    tree: Tree = [(f"f{at}", 0, plain[number][:size]) for at, (number, size) in enumerate(stretches)]
    sources = [b - a for a, b in zip([0, *members], members, strict=False)]
    kinds = b"\0" + b"\x80" * steps + b"\1" * len(members)
    frame = [kinds, [0, *[1] * len(members)], [10] * steps, sources, [0] * len(members)]
    made = range(1, len(members) + 1)
    frame.append([(0, draft(manifest(tree), *made) + bytes(10 * steps))])
    section = Section("delta", objects, [frame], digest(manifest(HOLDERS)), opened, room=room)
    return lambda: write(Bundle([section], tree)), None, HOLDERS


def holding(content: bytes, gives: int, member: int, plain: bytes) -> tuple[Callable[[], bytes], None, Tree]:
    """A delta that copies its file out of an archive that is said to give so many objects, and has room for them."""
    base: Tree = [("archive", 0, content)]
    tree: Tree = [("file", 0, plain)]
    frame = [b"\0\1", [0, 1], [], [2 + member], [0], [(0, draft(manifest(tree), 1))]]
    section = Section("delta", 2 + gives, [frame], digest(manifest(base)), [1, gives], room=8192)
    return lambda: write(Bundle([section], tree)), None, base


def stored(text: bytes) -> bytes:
    """A deflate stream of one stored block."""
    return b"\1" + struct.pack("<HH", len(text), len(text) ^ 0xFFFF) + text


def member(text: bytes, crc: int | None = None, flags: int = 0, method: int = 8, behind: bytes = b"") -> bytes:
    """A member of a zip file, with its checksum in front; `behind`: a descriptor, or none."""
    sum_of = zlib.crc32(text) if crc is None else crc
    numbers = (20, flags, method, 0, sum_of, len(stored(text)), len(text), 1, 0)
    return b"PK\3\4" + struct.pack("<HHHIIIIHH", *numbers) + b"m" + stored(text) + behind


def followed(text: bytes, magic: bytes = b"") -> bytes:
    """A member whose checksum stands behind it, perhaps after a magic number."""
    tail = struct.pack("<III", zlib.crc32(text), len(stored(text)), len(text))
    return member(text, crc=0, flags=8, behind=magic + tail)


def in_pdf(text: bytes, line_end: bytes = b"\n") -> bytes:
    return b"%PDF-1.5 stream" + line_end + b"x\x01" + stored(text) + struct.pack(">I", zlib.adler32(text)) + b"\nend"


WHOLE = member(b"one") + member(b"") + member(b"three")
WRONG = member(b"one", crc=7) + member(b"three")
FLAGGED = HEAD[:3] + b"\x20" + HEAD[4:] + gzipped(ONE)[10:]
LEVEL = HEAD[:8] + b"\1" + HEAD[9:] + gzipped(ONE)[10:]
SYSTEM = HEAD[:9] + b"\x0e" + gzipped(ONE)[10:]
FAILING = member(b"one", crc=7)


def copied_on(room: int) -> tuple[Callable[[], bytes], None, Tree]:
    """Copies of both archives' members as intermediate results, which the file joins once these are closed."""
    tree: Tree = [("joined", 0, ONE + TWO)]
    columns = [b"\0\x81\x81\3", [0, 1], [200, 200], [5, 3, 9, 1], [0, 0, 2], [(0, draft(manifest(tree), 1))]]
    section = Section("delta", 16, [columns], digest(manifest(HOLDERS)), OPENED, room=room)
    return lambda: write(Bundle([section], tree)), None, HOLDERS


def restamped(
    member: int = 6, numbers: tuple[int, ...] = (1,), room: int = len(SKELETON)
) -> tuple[Callable[[], bytes], None, Tree]:
    """A delta whose file is one.gz with another time, made from a skeleton and an object of the base."""
    skeleton = SKELETON[:7] + b"\5" + SKELETON[8:]
    tree: Tree = [("one.gz", 0, HEAD[:4] + b"\5" + HEAD[5:] + gzipped(ONE)[10:])]
    columns = [b"\0\x80\4", [0, 1], [len(SKELETON)], [17, member - 17], list(numbers)]
    frame = [*columns, [(0, draft(manifest(tree), 1) + skeleton)]]
    section = Section("delta", 16, [frame], digest(manifest(HOLDERS)), OPENED, room=room)
    return lambda: write(Bundle([section], tree)), None, HOLDERS


def copied_often() -> bytes:
    """3,000 copies of a file of the base, which the file joins: a reader must not hold it open for each."""
    count, content = 3000, BASE[2][2]
    tree: Tree = [("joined", 0, content * count)]
    sources = [3, *[0] * (count - 1), 2, *[1] * (count - 1)]
    columns = [b"\0" + b"\x81" * count + b"\3", [0, 1], [len(content)] * count, sources, [0] * count + [count]]
    return write(Bundle([delta([*columns, [(0, draft(manifest(tree), 1))]])], tree))


CASES: list[Any] = [
    ("same-content", "accept", "F-63", "a file, a link and a file of the base with one content", held()),
    ("size-base", M, "F-63", "a byte more than the base has of that content", held(2)),
    ("size-base-less", M, "F-63", "a byte less than the base has of that content", held(2, -1)),
    ("size-base-link", M, "F-63", "a link with a byte more than its target, which the base has", held(3)),
    ("size-twice", M, "F-63", "two files of one content, of two sizes", target_twice),
    ("size-twice-link", M, "F-63", "a link and a file of one content, of two sizes", twice),
    ("room-missing", M, "F-64", "no room for two intermediate results", room(0)),
    ("room-short", M, "F-64", "a byte less room than two intermediate results take", room(TAKEN - 1)),
    ("room-more", "accept", "F-64", "more room than is taken", room(1_000_000)),
    ("room-negative", M, "F-9 F-64", "a room below 0", room(-1)),
    ("room-2-53", M, "F-3 F-64", "a room of 2^53", room(1 << 53)),
    (
        "room-default",
        M,
        "F-3",
        "a room of 0, written",
        lambda: write(Bundle([full(described=replaced("room", "0"))])),
    ),
    ("room-text", M, "F-5", "a string for the room", described(replaced("room", "108"))),
    ("room-order", M, "F-3", "room before features", described(lambda p: [*p[:-2], p[-1], p[-2]])),
    (
        "unknown-section-room",
        M,
        "F-9",
        "a room below 0 in a section that is passed over",
        lambda: write(Bundle([full(), full(features=["later"], described=replaced("room", -1))])),
    ),
    ("doubled", "accept", "F-64 F-65", "a page doubled nine times, in the room for that", doubled(9, 102_300)),
    ("doubled-room", M, "F-64", "the same in a byte less", doubled(9, 102_299)),
    ("doubled-24", M, "F-65", "a page doubled 24 times, in all the room for it", doubled(24, None)),
    ("doubled-43", M, "F-65", "a page doubled 43 times", doubled(43, (1 << 53) - 1)),
    ("grown", "accept", "F-65", "intermediate results of 1,040 times the release", grown()),
    ("grown-one", M, "F-65", "a byte more", grown(1)),
    ("grown-frames", M, "F-65", "a byte more, in another frame", grown(frames=2)),
    ("opened", "accept", "F-35 F-64", "two archives, one open after the other", *taken(5, 5, 8, 8, room=GIVEN)),
    ("opened-room", M, "F-64* F-35", "the same in a byte less", *taken(5, 5, 8, 8, room=GIVEN - 1)),
    ("opened-both", "accept", "F-64* F-35", "two archives open at one time", *taken(5, 8, 5, room=2 * GIVEN)),
    ("opened-both-room", M, "F-64* F-35", "the same in a byte less", *taken(5, 8, 5, room=2 * GIVEN - 1)),
    ("opened-nested", "accept", "F-35 F-64", "an archive in an archive", *taken(14, room=OUTER + GIVEN)),
    ("opened-nested-room", M, "F-64* F-35", "the same in a byte less", *taken(14, room=OUTER + GIVEN - 1)),
    (
        "opened-beside",
        "accept",
        "F-64* F-35",
        "an archive beside intermediate results",
        *taken(5, room=GIVEN + 20, steps=2),
    ),
    ("opened-beside-room", M, "F-64* F-35", "the same in a byte less", *taken(5, room=GIVEN + 19, steps=2)),
    ("opened-copies", "accept", "F-35 F-64", "copies of what archives held", *copied_on(GIVEN + 400)),
    ("opened-copies-room", M, "F-64* F-35", "the same in a byte less", *copied_on(GIVEN + 399)),
    ("stream-taken", "accept", "F-64 F-75", "a stream of the base, which takes no room", *restamped()),
    ("stream-engine", M, "F-30 F-75", "an engine for it", *restamped(numbers=(1, 60))),
    ("member-stream", M, "F-75", "a member of the base that is said to be a stream", *restamped(5, (1, 60), 300)),
    ("stream-other", C, "F-75 F-37", "a stream of another archive", *restamped(9)),
    ("copies-often", "accept", "F-64", "3,000 copies of a file of the base", copied_often),
    ("opened-zip", "accept", "F-46", "members of a zip file, one of no bytes", *holding(WHOLE, 5, 2, b"three")),
    ("opened-zip-more", M, "F-35 F-46", "the same, as if that counted", *holding(WHOLE, 7, 3, b"three")),
    ("opened-zip-less", M, "F-35 F-46", "the same, an object less", *holding(WHOLE, 3, 1, b"one")),
    ("opened-behind", "accept", "F-46", "a zip file behind a program", *holding(b"MZ" + WHOLE, 5, 2, b"three")),
    ("opened-row", "accept", "F-46", "two gzip files in a row", *holding(gzipped(b"one") * 2, 5, 2, b"one")),
    ("opened-followed", "accept", "F-46", "a checksum behind the member", *holding(followed(b"one"), 3, 1, b"one")),
    (
        "opened-descriptor",
        "accept",
        "F-46",
        "the same after a magic number",
        *holding(followed(b"one", b"PK\7\x08"), 3, 1, b"one"),
    ),
    ("opened-pdf", "accept", "F-46", "a stream of a PDF file", *holding(in_pdf(b"one"), 3, 1, b"one")),
    ("opened-pdf-lines", "accept", "F-46", "the same after CR LF", *holding(in_pdf(b"one", b"\r\n"), 3, 1, b"one")),
    ("opened-no-pdf", M, "F-35 F-46", "the same in another file", *holding(b" " + in_pdf(b"one"), 3, 1, b"one")),
    (
        "opened-checksum",
        "accept",
        "F-46",
        "a member with a wrong checksum before another",
        *holding(WRONG, 3, 1, b"three"),
    ),
    ("opened-checksum-more", M, "F-35 F-46", "the same, as if it counted", *holding(WRONG, 5, 2, b"three")),
    ("opened-locked", M, "F-35 F-46", "an encrypted member", *holding(member(b"one", flags=1), 3, 1, b"one")),
    ("opened-method", M, "F-35 F-46", "a member of another method", *holding(member(b"one", method=9), 3, 1, b"one")),
    (
        "opened-failures",
        "accept",
        "F-77",
        "1,025 wrong heads before a member",
        *holding(FAILING * 1025 + WHOLE, 5, 1, b"one"),
    ),
    ("opened-failures-more", M, "F-35 F-77", "1,026 of them", *holding(FAILING * 1026 + WHOLE, 5, 1, b"one")),
    ("opened-empty", M, "F-35 F-46", "a gzip file of no bytes", *holding(gzipped(b""), 3, 0, b"\0")),
    ("opened-flag", M, "F-35 F-46", "a gzip file with a reserved flag", *holding(FLAGGED, 3, 1, ONE)),
    ("opened-level", M, "F-35 F-46", "a gzip file of an unknown effort", *holding(LEVEL, 3, 1, ONE)),
    ("opened-system", M, "F-35 F-46", "a gzip file of an unknown system", *holding(SYSTEM, 3, 1, ONE)),
    ("opened-twice", M, "F-35", "an archive listed twice", *taken(5, room=4 * GIVEN, opened=[2, 3, 2, 3])),
    (
        "opened-twice-inner",
        M,
        "F-35",
        "an inner archive listed twice",
        *taken(5, room=4 * GIVEN, opened=[2, 3, 1, 3, 8, 3, 8, 3]),
    ),
]
