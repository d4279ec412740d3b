"""A bundle's bytes from the text of spec/format.md alone, with a hook wherever a vector may break something.

Nothing of the product's encoder is used: MessagePack, hash tables and signatures are written here.
"""

import hashlib
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PIECE = 4096
TRUSTED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
CREATED = 1_700_000_000

Pairs = list[tuple[str, Any]]
# A vector: name, class, requirements, what is wrong, how to make the file.
Case = tuple[str, str, str, str, Callable[[], bytes]]


@dataclass(frozen=True)
class Raw:
    """MessagePack that is written as it stands."""

    data: bytes


def pack(value: Any) -> bytes:
    """MessagePack in its smallest form; a list of pairs in a tuple is a map with its keys in that order."""
    match value:
        case Raw(data):
            return data
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return pack_integer(value)
        case str():
            data = value.encode("utf-8", "surrogatepass")
            return header(len(data), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + data
        case bytes():
            return header(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value
        case list():
            return header(len(value), 0x90, 16, (None, 0xDC, 0xDD)) + b"".join(map(pack, value))
        case tuple():
            return header(len(value), 0x80, 16, (None, 0xDE, 0xDF)) + b"".join(pack(k) + pack(v) for k, v in value)
    raise TypeError(value)


def pack_integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack("b" if value < 0 else "B", value)
    first, forms = (0xCC, (">B", ">H", ">I", ">Q")) if value >= 0 else (0xD0, (">b", ">h", ">i", ">q"))
    for code, form in enumerate(forms, first):
        try:
            return bytes([code]) + struct.pack(form, value)
        except struct.error:
            continue
    raise ValueError(value)


def header(length: int, fix: int, fixes: int, codes: tuple[int | None, int, int]) -> bytes:
    if length < fixes:
        return bytes([fix | length])
    for code, form, limit in zip(codes, (">B", ">H", ">I"), (1 << 8, 1 << 16, 1 << 32), strict=True):
        if code is not None and length < limit:
            return bytes([code]) + struct.pack(form, length)
    raise ValueError(length)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def varints(*values: int) -> bytes:
    """F-40."""
    out = bytearray()
    for value in values:
        rest = value
        while rest >= 128:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


# The releases: (path, kind, content), sorted by path. Kinds: 0 file, 1 executable, 2 empty directory, 3 link.
Tree = list[tuple[str, int, bytes]]
BASE: Tree = [
    ("a.txt", 0, b"the quick brown fox jumps over the lazy dog\n" * 4),
    ("b.bin", 0, bytes(range(200))),
    ("c.txt", 0, b"goes away\n"),
]
CHANGED = bytearray(BASE[0][2])
CHANGED[4:9] = b"quiet"
TARGET: Tree = [
    ("a.txt", 0, bytes(CHANGED) + b"and the end\n"),
    ("bin/run", 1, b"#!/bin/sh\necho run\n"),
    ("empty", 2, b""),
    ("joined.bin", 0, bytes(range(100, 200)) + b"and more"),
    ("moved.bin", 0, bytes(range(200))),
    ("nothing.txt", 0, b""),
    ("twice.sh", 0, b"#!/bin/sh\necho run\n"),
]


def manifest(tree: Tree, *, version: int = 1, hashes: bytes | None = None, sizes: list[int] | None = None) -> bytes:
    """F-11: columns of paths, kinds, sizes and hashes."""
    listed = [len(content) for _, _, content in tree]
    return pack(
        (
            ("tree", version),
            ("paths", [path for path, _, _ in tree]),
            ("kinds", bytes(kind for _, kind, _ in tree)),
            ("sizes", listed if sizes is None else sizes),
            ("hashes", b"".join(digest(content) for _, _, content in tree) if hashes is None else hashes),
        )
    )


def draft(listing: bytes, *made: int) -> bytes:
    """F-101: what a section brings of a manifest if its recipes make these places. Without hashes it stays as it is."""
    at = listing.rfind(b"\xa6hashes") + 7
    wide = {0xC4: 1, 0xC5: 2, 0xC6: 4}.get(listing[at], 0) if at > 6 else 0
    if not wide:
        return listing
    column = listing[at + 1 + wide :]
    rows = [column[n : n + 32] for n in range(0, len(column), 32)]
    labels = {rows[place - 1]: bytes(28) + struct.pack(">I", place) for place in made if 0 < place <= len(rows)}
    kept = [bytes(32) if place in made else labels.get(row, row) for place, row in enumerate(rows, 1)]
    return listing[:at] + pack(b"".join(kept))


@dataclass
class Section:
    """One section before it is bytes. `frames` holds the six columns of each frame, packs as (stream, content)."""

    kind: str
    base_objects: int
    frames: list[list[Any]]
    base: bytes = b""
    opened: list[int] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    room: int | None = None  # none: what the intermediate results take
    index: Callable[[bytes], bytes] = lambda data: data
    packed: Callable[[int, bytes], tuple[list[int], bytes]] = lambda stream, data: ([0, len(data), len(data)], data)
    body: Callable[[bytes], bytes] = lambda data: data
    described: Callable[[Pairs], Pairs] = lambda pairs: pairs
    top: Callable[[bytes], bytes] = lambda data: data
    inner: bool = False  # whether the body stands in the root [F-100]


@dataclass
class Bundle:
    """One bundle before it is bytes, with a hook wherever a vector may break something."""

    sections: list[Section]
    tree: Tree = field(default_factory=lambda: TARGET)
    manifest: bytes = b""
    root: Callable[[Pairs], Pairs] = lambda pairs: pairs
    root_bytes: Callable[[bytes], bytes] = lambda data: data
    signatures: Callable[[list[Any]], Any] = lambda entries: (("s", entries),)
    signature_bytes: Callable[[bytes], bytes] = lambda data: data
    signed: Callable[[bytes], bytes] = lambda data: b"DSSEv1 12 unrep/root/1 %d %s" % (len(data), data)
    preamble: Callable[[bytes], bytes] = lambda data: data
    file: Callable[[bytes], bytes] = lambda data: data
    keys: list[Ed25519PrivateKey] = field(default_factory=lambda: [TRUSTED])
    platform: str = "any"


def described_pack(stream: int, codec: int, length: int, size: int) -> list[int]:
    """F-102: of stored bytes one length is enough."""
    return [stream, length] if codec == 0 and length == size else [16 + stream, codec, length, size]


def stored_section(section: Section) -> tuple[Any, bytes]:
    """F-20, F-22, F-64: (what the root says of a section, hash tables and body)."""
    frames, contents = [], b""
    for *columns, packs in section.frames:
        listed = []
        for stream, content in packs:
            description, stored = section.packed(stream, content)
            listed += described_pack(stream, *description)
            contents += stored
        frames.append([*columns, listed])
    index = section.index(pack([section.base_objects, section.opened, frames]))
    body = section.body(index + contents)
    level, tables = body, b""
    while len(level) > PIECE:
        level = b"".join(digest(level[at : at + PIECE]) for at in range(0, len(level), PIECE))
        tables = level + tables
    pairs: Pairs = [
        ("base", section.base),
        ("features", section.features),
        ("room", intermediate(section) if section.room is None else section.room),
        ("index", [0, len(index), len(index)]),
        ("length", 0 if section.inner else len(body)),
        ("content", body if section.inner else section.top(digest(level))),
    ]
    return values(section.described(pairs)), b"" if section.inner else tables + body


def values(pairs: Pairs) -> list[Any]:
    """Root and sections are arrays: vectors name their fields all the same."""
    return [value for _, value in pairs]


def intermediate(section: Section) -> int:
    """F-64: the bytes of a frame's intermediate results, at most; columns that are broken have none."""
    sizes = [frame[2] if type(frame[2]) is list else [] for frame in section.frames]
    return max((sum(size for size in column if size > 0) for column in sizes), default=0)


def key_id(key: Ed25519PrivateKey) -> bytes:
    return digest(key.public_key().public_bytes_raw())[:8]


WRITTEN: list[Tree] = []  # the releases of all bundles that were written, in their order


def write(bundle: Bundle) -> bytes:
    """F-1 to F-6, F-10, F-28: the whole file."""
    WRITTEN.append(bundle.tree)
    listing = bundle.manifest or manifest(bundle.tree)
    stored = [stored_section(section) for section in bundle.sections]
    root = bundle.root_bytes(
        pack(
            values(
                bundle.root(
                    [
                        ("format", 1),
                        ("features", ["posix-1"] if bundle.platform == "posix" else []),
                        ("product", "vectors"),
                        ("version", "1.1"),
                        ("epoch", 0),
                        ("seq", 2),
                        ("created", CREATED),
                        ("tree", digest(listing)),
                        ("manifest_size", len(listing)),
                        ("entries", len(bundle.tree)),
                        ("size", sum(len(content) for _, _, content in bundle.tree)),
                        ("piece_log", PIECE.bit_length() - 1),
                        ("sections", [description for description, _ in stored]),
                    ]
                )
            )
        )
    )
    message = bundle.signed(root)
    entries = [[key_id(key), key.sign(message)] for key in sorted(bundle.keys, key=key_id)]
    block = bundle.signature_bytes(pack(bundle.signatures(entries)))
    preamble = bundle.preamble(b"UNREP" + struct.pack("<BII", 1, len(root), len(block)))
    return bundle.file(preamble + root + block + b"".join(data for _, data in stored))


def full(tree: Tree = TARGET, listing: bytes = b"", **changes: Any) -> Section:
    """A full section: the manifest in a frame of its own, all other content in a second one, as literals."""
    needed, seen = [], set()
    for place, (_, _, content) in enumerate(tree, 1):
        if content and content not in seen:
            needed.append((place, content))
            seen.add(content)
    places = [place for place, _ in needed]
    frames = [[b"\0", [0], [], [], [], [(0, draft(listing or manifest(tree), *places))]]]
    if needed:
        steps = [b - a for a, b in zip([0, *places], places, strict=False)]
        frames.append([bytes(len(needed)), steps, [], [], [], [(0, b"".join(content for _, content in needed))]])
    return Section("full", 0, frames, **changes)


DRAFT = draft(manifest(TARGET), 1, 2, 4)  # in the delta below all of it is extra bytes, none is of the base's manifest


def delta_frame() -> list[Any]:
    """Base objects 0 to 3; the manifest by a patch of the base's, a.txt by a patch, bin/run and the tail as literals,
    joined.bin by a concat of a copy from b.bin and the tail. moved.bin, nothing.txt and twice.sh need no recipe."""
    listing, old, new = DRAFT, BASE[0][2], TARGET[0][2]
    places = [at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    changes = bytes((new[at] - old[at]) & 255 for at in places)
    skips = [b - a - 1 for a, b in zip([-1, *places], places, strict=False)]
    kinds = bytes([2, 2, 0, 0x81, 0x80, 3])
    sources = [0, 1, 2, 4 + 3, 4 + 4]  # manifest, a.txt, b.bin for the copy, then the copy and the tail for the concat
    return [
        kinds,
        [0, 1, 1, 2],
        [100, 8],
        [b - a for a, b in zip([0, *sources], sources, strict=False)],
        [1, 2, 100, 2],
        [
            (0, TARGET[1][2] + b"and more"),
            (1, varints(3)),
            (2, varints(len(listing), 0, len(new) - len(old))),
            (3, varints(0)),
            (4, varints(0, len(places), *skips)),
            (5, changes),
            (6, listing + new[len(old) :]),
        ],
    ]


def delta(frame: list[Any] | None = None, **changes: Any) -> Section:
    given: dict[str, Any] = {"base_objects": 4, "base": digest(manifest(BASE))} | changes
    return Section("delta", frames=[delta_frame() if frame is None else frame], **given)


def replaced(key: str, value: Any) -> Callable[[Pairs], Pairs]:
    return lambda pairs: [(k, value if k == key else v) for k, v in pairs]


def with_tree(tree: Tree, *, platform: str = "any", **listing: Any) -> bytes:
    """A full bundle of another tree, whose manifest may lie."""
    encoded = manifest(tree, **listing)
    return write(Bundle([full(tree, encoded)], tree, encoded, platform=platform))


def with_frame(column: int, value: Any, **changes: Any) -> bytes:
    """The delta bundle with one column of its frame exchanged."""
    frame = delta_frame()
    frame[column] = value
    return write(Bundle([delta(frame, **changes)]))


def with_stream(stream: int, content: bytes) -> bytes:
    """The delta bundle with the content of one stream exchanged."""
    return with_frame(5, [(s, content if s == stream else c) for s, c in delta_frame()[5]])


def with_engine(engine: int) -> bytes:
    """A full bundle whose one file is an archive: a skeleton with one member, deflated by that engine."""
    tree: Tree = [("a.gz", 0, b"not what any engine makes")]
    skeleton, member = varints(1, 0, 4) + b"headtail", b"member" * 20
    archive = [b"\x80\x80\4", [1], [len(skeleton), len(member)], [0, 1], [1, engine], [(0, skeleton + member)]]
    return write(Bundle([Section("full", 0, [full(tree).frames[0], archive])], tree))


def lzma2(data: bytes, log: int = 16) -> bytes:
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << log}])
    return compressor.compress(data) + compressor.flush()


def compressed(change: Callable[[list[int], bytes], tuple[list[int], bytes]]) -> bytes:
    """The full bundle with LZMA2 packs, description and bytes of which `change` may spoil."""

    def packed(stream: int, data: bytes) -> tuple[list[int], bytes]:
        stored = lzma2(data)
        return change([32 + 16, len(stored), len(data)], stored)

    return write(Bundle([full(packed=packed)]))
