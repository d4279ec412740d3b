"""Writes the vectors of format 1; see README.md.

    python spec/vectors/generate.py [DIRECTORY]

What a vector changes of a sound bundle is the one defect that it has. Needs the standard library and `cryptography`,
for Ed25519. The same call always writes the same bytes.
"""

import json
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import CASES
from chains import CHAINS
from heartbeats import HEARTBEATS
from keys import KEYS
from raw import (
    BASE,
    PIECE,
    STRANGER,
    TARGET,
    TRUSTED,
    Bundle,
    Raw,
    Section,
    Tree,
    compressed,
    delta,
    delta_frame,
    full,
    key_id,
    lzma2,
    manifest,
    pack,
    replaced,
    stored_section,
    varints,
    with_engine,
    with_frame,
    with_stream,
    with_tree,
    write,
)
from reaimed import ADD_LENGTHS, LAYOUTS, OLD, PLACES, SKIPS, reaimed
from sealed import SEALED, SHIP, SHIP_KEYS, Ticket
from streams import CASES as STREAM_CASES


@dataclass(frozen=True)
class Vector:
    """What stands in vectors.json about one file."""

    name: str
    expect: str
    requirements: str
    about: str
    make: Callable[[], bytes]
    ticket: Ticket | None = None


VECTORS: list[Vector] = []


def vector(
    name: str, expect: str, requirements: str, about: str, ticket: Ticket | None = None
) -> Callable[[Callable[[], bytes]], None]:
    """Registers a vector; requirements in words such as "F-5 F-9"; `ticket` lies beside it."""

    def register(make: Callable[[], bytes]) -> None:
        VECTORS.append(Vector(name, expect, cited(requirements), about, make, ticket))

    return register


def cited(requirements: str) -> str:
    return " ".join(f"[{number}]" for number in requirements.split())


def add(
    name: str, expect: str, requirements: str, about: str, make: Callable[[], bytes], ticket: Ticket | None = None
) -> None:
    vector(name, expect, requirements, about, ticket)(make)


# Accepted

add("full", "accept", "F-5 F-11 F-22 F-34", "a full release, stored packs", lambda: write(Bundle([full()])))
add("delta", "accept", "F-27 F-30 F-32 F-36 F-39", "patch, copy, literal and concat", lambda: write(Bundle([delta()])))
add("delta-and-full", "accept", "F-6 F-9", "two sections", lambda: write(Bundle([delta(), full()])))
add(
    "lzma2",
    "accept",
    "F-24 F-25",
    "packs of raw LZMA2",
    lambda: compressed(lambda description, data: (description, data)),
)
add(
    "two-signatures",
    "accept",
    "F-28",
    "one of two keys is trusted",
    lambda: write(Bundle([full()], keys=[TRUSTED, STRANGER])),
)
add("epoch", "accept", "F-5", "an optional key", lambda: write(Bundle([full()], root=lambda p: [*p, ("epoch", 7)])))
LARGE: Tree = [("large.bin", 0, struct.pack(">8192H", *range(8192)))]
add("two-levels", "accept", "F-20 F-21", "a body of five pieces under a table", lambda: with_tree(LARGE))
HUGE: Tree = [("huge.bin", 0, bytes(600_000))]
add("three-levels", "accept", "F-20", "a table of tables", lambda: write(Bundle([full(HUGE)], HUGE)))
LINKED: Tree = [("bin/run", 1, b"x"), ("run", 3, b"bin/run")]
add("link", "accept", "F-12 F-18", "a symbolic link inside the tree", lambda: with_tree(LINKED, platform="posix"))
POSIX: Tree = [("A", 0, b"1"), ("a", 0, b"2"), ("aux", 0, b"3"), ("x:y ", 0, b"4")]
add("posix-names", "accept", "F-15 F-16", "names that only POSIX holds", lambda: with_tree(POSIX, platform="posix"))
add("nothing", "accept", "F-31", "a release without any file", lambda: with_tree([]))
add(
    "unknown-section",
    "accept",
    "F-8",
    "a section of a later reader is passed over",
    lambda: write(Bundle([full(), full(described=replaced("kind", "later"))])),
)
add(
    "unknown-section-feature",
    "accept",
    "F-8",
    "a section with an unknown feature is passed over",
    lambda: write(Bundle([delta(features=["later"]), full()])),
)

# The file

add("empty", "malformed", "F-1", "no byte at all", lambda: b"")
add("magic", "malformed", "F-1", "another magic", lambda: b"UNRAP" + write(Bundle([full()]))[5:])
add(
    "format-2",
    "unsupported",
    "F-1",
    "format version 2 in the preamble",
    lambda: write(Bundle([full()], preamble=lambda p: p[:5] + b"\2" + p[6:])),
)
add(
    "root-length-0",
    "malformed",
    "F-2",
    "a root of no bytes",
    lambda: write(Bundle([full()], preamble=lambda p: p[:6] + bytes(4) + p[10:])),
)
add(
    "root-length-max",
    "malformed",
    "F-2",
    "a root of 262,145 bytes",
    lambda: write(Bundle([full()], preamble=lambda p: p[:6] + struct.pack("<I", 262_145) + p[10:])),
)
add(
    "signatures-length-max",
    "malformed",
    "F-2",
    "a signature block of 65,537 bytes",
    lambda: write(Bundle([full()], preamble=lambda p: p[:10] + struct.pack("<I", 65_537))),
)
add("header-cut", "corrupt", "F-6", "cut within the root", lambda: write(Bundle([full()], file=lambda f: f[:100])))
add("cut", "corrupt", "F-6", "the last byte is missing", lambda: write(Bundle([full()], file=lambda f: f[:-1])))
add("trailing", "malformed", "F-6", "a byte too many", lambda: write(Bundle([full()], file=lambda f: f + b"\0")))
add(
    "flipped-body",
    "corrupt",
    "F-21",
    "a bit of the body",
    lambda: write(Bundle([full()], file=lambda f: f[:-9] + b"!" + f[-8:])),
)


@vector("flipped-table", "corrupt", "F-21", "a byte of a hash table")
def _() -> bytes:
    data = bytearray(with_tree(LARGE))
    body = stored_section(full(LARGE))[1]
    data[len(data) - len(body)] ^= 1
    return bytes(data)


@vector("pieces-exchanged", "corrupt", "F-21", "two pieces of the body in each other's place")
def _() -> bytes:
    data = with_tree(LARGE)
    first, second = data[-2 * PIECE : -PIECE], data[-PIECE:]
    return data[: -2 * PIECE] + second + first


add(
    "section-hash",
    "corrupt",
    "F-20",
    "the root names another hash of the section",
    lambda: write(Bundle([full(top=lambda h: h[::-1])])),
)

# Signatures

add(
    "stranger",
    "untrusted",
    "F-28",
    "signed by a key that is not trusted",
    lambda: write(Bundle([full()], keys=[STRANGER])),
)
add(
    "no-signature",
    "malformed",
    "F-28",
    "an empty list",
    lambda: write(Bundle([full()], signatures=lambda e: (("signatures", []),))),
)
add(
    "signature-twice",
    "malformed",
    "F-28",
    "one signature twice, for a threshold of two",
    lambda: write(Bundle([full()], signatures=lambda e: (("signatures", e * 2),))),
)
add(
    "borrowed-key-id",
    "untrusted",
    "F-28",
    "a stranger's signature under the trusted key's id",
    lambda: write(
        Bundle([full()], keys=[STRANGER], signatures=lambda e: (("signatures", [[key_id(TRUSTED), e[0][1]]]),))
    ),
)
add(
    "short-signature",
    "malformed",
    "F-28",
    "a signature of 63 bytes",
    lambda: write(Bundle([full()], signatures=lambda e: (("signatures", [[e[0][0], e[0][1][:63]]]),))),
)
add(
    "other-payload-type",
    "untrusted",
    "F-10",
    "a signature for another payload type",
    lambda: write(Bundle([full()], signed=lambda r: b"DSSEv1 12 unrep/root/2 %d %s" % (len(r), r))),
)
add(
    "bare-signature",
    "untrusted",
    "F-10",
    "a signature over the root without the encoding",
    lambda: write(Bundle([full()], signed=lambda r: r)),
)
add(
    "signature-block-key",
    "malformed",
    "F-3",
    "an unknown key in the signature block",
    lambda: write(Bundle([full()], signatures=lambda e: (("signatures", e), ("x", 1)))),
)
add(
    "root-after-signing",
    "untrusted",
    "F-4",
    "the root changed after it was signed",
    lambda: write(Bundle([full()], file=lambda f: f.replace(b"vectors", b"vektors"))),
)

# The root


def root_vector(name: str, expect: str, requirements: str, about: str, key: str, value: Any) -> None:
    add(name, expect, requirements, about, lambda: write(Bundle([full()], root=replaced(key, value))))


root_vector("root-format", "unsupported", "F-8", "format 2 within the root", "format", 2)
root_vector("product", "malformed", "F-5", "a product with a slash", "product", "a/b")
root_vector("version-dot", "malformed", "F-7", "a version that ends with a dot", "version", "1.0.")
root_vector("version-device", "malformed", "F-7", "a version that is a device", "version", "nul.1")
root_vector("version-up", "malformed", "F-7", "a version that leaves its directory", "version", "..")
root_vector("seq-0", "malformed", "F-5 F-9", "seq 0", "seq", 0)
root_vector("seq-negative", "malformed", "F-9", "a negative seq", "seq", -1)
root_vector("seq-bool", "malformed", "F-3", "true for seq", "seq", True)
root_vector("seq-float", "malformed", "F-3", "a float for seq", "seq", Raw(b"\xcb" + struct.pack(">d", 2.0)))
root_vector("seq-2-53", "malformed", "F-3", "2^53 for seq", "seq", 1 << 53)
root_vector("seq-wide", "malformed", "F-3", "2 in two bytes", "seq", Raw(b"\xcc\x02"))
root_vector("seq-nan", "malformed", "F-3", "not a number", "seq", Raw(b"\xcb" + struct.pack(">d", float("nan"))))
root_vector("product-surrogate", "malformed", "F-3", "a lone surrogate in a string", "product", "a\udc80")
root_vector(
    "created-time", "malformed", "F-5", "created as a MessagePack timestamp", "created", Raw(b"\xd6\xff" + bytes(4))
)
root_vector("platform", "malformed", "F-5", "an unknown platform", "platform", "beos")
root_vector("tree-short", "malformed", "F-5", "a tree hash of 31 bytes", "tree", bytes(31))
root_vector("tree-other", "corrupt", "F-37", "the hash of another manifest", "tree", bytes(32))
root_vector("manifest-size", "malformed", "F-9", "a manifest over 64 MiB", "manifest_size", (64 << 20) + 1)
root_vector("entries", "malformed", "F-31", "another number of entries than the manifest has", "entries", 8)
root_vector("size", "malformed", "F-31", "another size than the entries have", "size", 1)
root_vector("piece-size", "malformed", "F-5 F-9", "a piece size that is no power of two", "piece_size", 5000)
root_vector("piece-size-small", "malformed", "F-9", "pieces of 2,048 bytes", "piece_size", 2048)
add(
    "features",
    "unsupported",
    "F-8",
    "an unknown feature of the bundle",
    lambda: write(Bundle([full()], root=lambda p: [*p, ("features", ["later"])])),
)
add(
    "features-unsorted",
    "unsupported",
    "F-8",
    "unknown features, not even sorted",
    lambda: write(Bundle([full()], root=lambda p: [*p, ("features", ["z", "a"])])),
)
add("root-key", "malformed", "F-3", "an unknown key", lambda: write(Bundle([full()], root=lambda p: [*p, ("x", 1)])))
add(
    "root-key-missing",
    "malformed",
    "F-5",
    "no seq",
    lambda: write(Bundle([full()], root=lambda p: [x for x in p if x[0] != "seq"])),
)
add(
    "root-key-twice",
    "malformed",
    "F-3",
    "seq twice",
    lambda: write(Bundle([full()], root=lambda p: [*p[:4], p[3], *p[4:]])),
)
add(
    "root-order",
    "malformed",
    "F-3",
    "keys in another order",
    lambda: write(Bundle([full()], root=lambda p: [p[1], p[0], *p[2:]])),
)
add(
    "root-default",
    "malformed",
    "F-3",
    "a default that is written",
    lambda: write(Bundle([full()], root=lambda p: [*p, ("epoch", 0)])),
)
add(
    "root-trailing",
    "malformed",
    "F-3",
    "a byte after the root",
    lambda: write(Bundle([full()], root_bytes=lambda r: r + b"\0")),
)
add(
    "root-deep",
    "malformed",
    "F-3",
    "nested 100,000 deep",
    lambda: write(Bundle([full()], root_bytes=lambda r: b"\x91" * 100_000 + b"\0")),
)
add(
    "root-no-map",
    "malformed",
    "F-5",
    "an array for a root",
    lambda: write(Bundle([full()], root_bytes=lambda r: pack([1, 2]))),
)
add("section-twice", "malformed", "F-9", "two full sections", lambda: write(Bundle([full(), full()])))
add("section-base", "malformed", "F-5", "a base in a full section", lambda: write(Bundle([full(base=bytes(32))])))
add("section-base-missing", "malformed", "F-5", "a delta without a base", lambda: write(Bundle([delta(base=b"")])))
add(
    "section-length-0",
    "malformed",
    "F-5",
    "a body of no bytes",
    lambda: write(Bundle([full(described=replaced("length", 0))])),
)
add(
    "section-index-long",
    "malformed",
    "F-5",
    "an index longer than its body",
    lambda: write(Bundle([full(described=replaced("index", [0, 100_000, 100_000]))])),
)

# The tree manifest

add("manifest-version", "malformed", "F-11", "version 2", lambda: with_tree(TARGET, version=2))
add("manifest-columns", "malformed", "F-11", "fewer hashes than paths", lambda: with_tree(TARGET, hashes=bytes(32)))
add("manifest-order", "malformed", "F-13", "paths not in order", lambda: with_tree([("b", 0, b"1"), ("a", 0, b"2")]))
add("manifest-same", "malformed", "F-13", "a path twice", lambda: with_tree([("a", 0, b"1"), ("a", 0, b"2")]))
add("manifest-kind", "malformed", "F-12", "kind 4", lambda: with_tree([("a", 4, b"1")]))
add(
    "manifest-empty-hash",
    "malformed",
    "F-19",
    "an empty file with another hash",
    lambda: with_tree([("a", 0, b"")], hashes=bytes(32)),
)
add("manifest-directory", "malformed", "F-19", "an empty directory with content", lambda: with_tree([("a", 2, b"x")]))
add("manifest-link", "malformed", "F-18", "a symbolic link for any platform", lambda: with_tree(LINKED))
for number, (path, requirement, about) in enumerate(
    (
        ("../x", "F-14", "leaves the tree"),
        ("a/../../x", "F-14", "leaves the tree by a detour"),
        ("/etc/x", "F-14", "absolute"),
        ("a//b", "F-14", "an empty component"),
        ("./a", "F-14", "a component that is a dot"),
        ("a/", "F-14", "a slash at the end"),
        ("a\0b", "F-14", "a NUL"),
        ("x" * 256, "F-14", "a component of 256 units"),
        ("/".join(["x" * 200] * 6), "F-14", "a path of over 1,024 units"),
        ("e\u0301", "F-14", "not in normal form C"),
        (".unrep/x", "F-14", "reserved"),
        (".UNREP", "F-14", "reserved, in capitals"),
        ("a\\..\\x", "F-15", "backslashes"),
        ("C:x", "F-15", "a drive"),
        ("\\\\srv\\share\\x", "F-15", "a share"),
        ("f:ads", "F-15", "an alternate stream"),
        ("CON", "F-15", "a device"),
        ("a/nul.txt", "F-15", "a device with an extension"),
        ("COM\u00b9", "F-15", "a device with a superscript"),
        ("LPT9 .txt", "F-15", "a device with a space before its extension"),
        ("conin$", "F-15", "the console"),
        ("a.", "F-15", "a dot at the end"),
        ("a ", "F-15", "a space at the end"),
        ("a?b", "F-15", "a question mark"),
        ("a\x1fb", "F-15", "a control character"),
        ("LONGFI~1.TXT", "F-15", "an 8.3 alias"),
    ),
    1,
):
    add(
        f"path-{number:02}",
        "malformed",
        requirement,
        f"a path: {about}",
        lambda path=path: with_tree([(path, 0, b"x")]),
    )
for number, (one, other, requirement) in enumerate(
    (
        ("A.txt", "a.txt", "F-16"),
        ("STRASSE", "stra\u00dfe", "F-16"),
        ("I", "\u0131", "F-16"),
        ("A/x", "a/y", "F-16"),
        ("a", "a/b", "F-17"),
    ),
    1,
):
    add(
        f"paths-{number}",
        "malformed",
        requirement,
        f"{one!r} beside {other!r}",
        lambda one=one, other=other: with_tree([(one, 0, b"1"), (other, 0, b"2")]),
    )
for number, target in enumerate((b"../x", b"/etc/passwd", b"bin/../../x", b"a\0b", b"\xff"), 1):
    add(
        f"link-{number}",
        "malformed",
        "F-18",
        f"a symbolic link to {target!r}",
        lambda target=target: with_tree([("run", 3, target)], platform="posix"),
    )

# Packs and index

add("codec", "malformed", "F-24", "codec 2", lambda: compressed(lambda d, data: ([2, *d[1:]], data)))
add(
    "codec-window",
    "malformed",
    "F-24",
    "a dictionary of 2^27 bytes",
    lambda: compressed(lambda d, data: ([59, *d[1:]], data)),
)
add(
    "stored-lengths",
    "malformed",
    "F-24",
    "stored bytes of two lengths",
    lambda: write(Bundle([full(packed=lambda s, d: ([0, len(d), len(d) + 1], d))])),
)
add(
    "pack-longer",
    "corrupt",
    "F-25",
    "unpacks to more than it says",
    lambda: compressed(lambda d, data: ([d[0], d[1], d[2] - 1], data)),
)
add(
    "pack-shorter",
    "corrupt",
    "F-25",
    "unpacks to less than it says",
    lambda: compressed(lambda d, data: ([d[0], d[1], d[2] + 1], data)),
)
add(
    "pack-cut",
    "corrupt",
    "F-25",
    "without its end",
    lambda: compressed(lambda d, data: ([d[0], d[1] - 1, d[2]], data[:-1])),
)
add(
    "pack-trailing",
    "corrupt",
    "F-25",
    "a byte after its end",
    lambda: compressed(lambda d, data: ([d[0], d[1] + 1, d[2]], data + b"\0")),
)
add(
    "pack-bomb",
    "corrupt",
    "F-25",
    "64 MiB out of 10 KB",
    lambda: compressed(lambda d, data: ([d[0], len(BOMB), d[2]], BOMB)),
)
BOMB = lzma2(bytes(64 << 20))
add(
    "packs-short",
    "malformed",
    "F-23",
    "packs that leave a byte of the body",
    lambda: write(Bundle([full(body=lambda b: b + b"\0")])),
)
add(
    "index-trailing",
    "malformed",
    "F-3",
    "a byte after the index",
    lambda: write(Bundle([full(index=lambda i: i + b"\0")])),
)
add(
    "index-wide",
    "malformed",
    "F-3",
    "0 in two bytes",
    lambda: write(Bundle([full(index=lambda i: i[:1] + b"\xcc\0" + i[2:])])),
)
add(
    "base-objects",
    "malformed",
    "F-32",
    "made for a base of five entries",
    lambda: write(Bundle([delta(base_objects=6)])),
)
add("no-frames", "malformed", "F-31", "an index without a recipe", lambda: write(Bundle([Section("full", 0, [])])))
add("column-short", "malformed", "F-30", "too few sources", lambda: with_frame(3, [0, 1]))
add("column-long", "malformed", "F-30", "a number too many", lambda: with_frame(4, [1, 1, 100, 2, 9]))
add(
    "streams-order",
    "malformed",
    "F-30",
    "packs not in order of their streams",
    lambda: with_frame(5, delta_frame()[5][::-1]),
)
add("pack-empty", "malformed", "F-30", "a pack of no bytes", lambda: with_stream(0, b""))
add("stream-unknown", "malformed", "F-26", "stream 99", lambda: with_frame(5, [*delta_frame()[5], (99, b"x")]))
add("kind-unknown", "malformed", "F-26", "recipe kind 100", lambda: with_frame(0, bytes([2, 2, 100, 0x81, 0x80, 3])))
add("engine-unknown", "malformed", "F-48", "deflate engine 55", lambda: with_engine(55))
add("cycle", "malformed", "F-33", "a concat of itself", lambda: with_frame(3, [0, 1, 1, 5, 2]))
add(
    "later-object",
    "malformed",
    "F-33",
    "a copy from a result that comes later",
    lambda: with_frame(3, [0, 1, 8, -2, 1]),
)
add("source-negative", "malformed", "F-33", "object -1", lambda: with_frame(3, [-1, 2, 1, 5, 1]))
add("manifest-first", "malformed", "F-31", "the first recipe makes a file", lambda: with_frame(1, [1, -1, 2, 2]))
add("place-twice", "malformed", "F-31", "one place made twice", lambda: with_frame(1, [0, 1, 0, 3]))
add(
    "place-missing",
    "malformed",
    "F-31",
    "a place that no recipe makes",
    lambda: write(Bundle([Section("full", 0, full().frames[:1])])),
)
add("place-beyond", "malformed", "F-31", "a place beyond the manifest", lambda: with_frame(1, [0, 1, 1, 90]))
add("copy-beyond", "malformed", "F-38", "a copy beyond its source", lambda: with_frame(4, [1, 1, 101, 2]))
add("copy-overflow", "malformed", "F-38", "an offset of 2^53 - 1", lambda: with_frame(4, [1, 1, (1 << 53) - 1, 2]))
add("concat-size", "malformed", "F-39", "parts that make too much", lambda: with_frame(2, [100, 7]))
add(
    "literal-left",
    "malformed",
    "F-27 F-34",
    "a literal stream that is not used up",
    lambda: with_stream(0, TARGET[1][2] + b"and more!"),
)
add(
    "literal-short",
    "malformed",
    "F-34",
    "a literal stream that ends too early",
    lambda: with_stream(0, TARGET[1][2] + b"and mor"),
)
add(
    "patch-beyond",
    "malformed",
    "F-41",
    "a patch that reads beyond its source",
    lambda: with_stream(1, varints(0, len(BASE[0][2]) + 1)),
)
add(
    "patch-before", "malformed", "F-41", "a position before the source", lambda: with_stream(3, varints(0, 2 * 500 - 1))
)
add(
    "patch-long",
    "malformed",
    "F-41",
    "a patch that makes too much",
    lambda: with_stream(2, varints(len(manifest(TARGET)), 13)),
)
add(
    "change-beyond",
    "malformed",
    "F-36",
    "a change behind the last copied byte",
    lambda: with_stream(4, varints(0, 1, len(BASE[0][2]))),
)
add("skip-short", "malformed", "F-36", "fewer skips than changes", lambda: with_stream(4, varints(0, 5, 4)))
add("varint-padded", "malformed", "F-40", "a zero byte at a varint's end", lambda: with_stream(3, b"\x80\x00\x00"))
add("varint-huge", "malformed", "F-40", "2^53", lambda: with_stream(1, varints(0, 1 << 53)))
add("varint-cut", "malformed", "F-40", "a varint that does not end", lambda: with_stream(3, b"\x00\x80"))
add(
    "result-hash",
    "corrupt",
    "F-37",
    "a literal of the right length and the wrong bytes",
    lambda: with_stream(0, b"#!/bin/sh\necho ran\n" + b"and more"),
)

# Re-aimed references

add("reaimed", "accept", "F-50 F-51 F-52 F-53 F-58", "two calls that follow their function", reaimed)
add("reaimed-source", "malformed", "F-50 F-52", "the source is no image", lambda: reaimed(b"\0" + OLD[1:]))
add(
    "reaimed-beyond",
    "malformed",
    "F-52 F-41",
    "a block beyond the source",
    lambda: reaimed(streams={ADD_LENGTHS: varints(0x98, 0x19)}),
)
add(
    "reaimed-layout",
    "malformed",
    "F-50 F-53",
    "a new layout with a stretch of no bytes",
    lambda: reaimed(streams={LAYOUTS: varints(5, 0, 0, 2 * 0xC0 - 1, 0, 32, 32)}),
)
add(
    "reaimed-room",
    "malformed",
    "F-50 F-53",
    "a new layout with a stretch that ends at 2^40",
    lambda: reaimed(streams={LAYOUTS: varints(5, 0, 0, 32, 0, 2 * ((1 << 40) - 0x1000 - len(OLD)), 32)}),
)
add(
    "reaimed-layout-count",
    "malformed",
    "F-53",
    "a layout with a number more than the old image's has",
    lambda: reaimed(streams={LAYOUTS: varints(6, 0, 0, 32, 0, 32, 0, 32)}),
)
add(
    "reaimed-layout-short",
    "malformed",
    "F-53",
    "a shift that is missing",
    lambda: reaimed(streams={LAYOUTS: varints(5, 0, 0, 32, 0, 32)}),
)
add(
    "reaimed-place",
    "malformed",
    "F-53",
    "a shift of an address that is not known",
    lambda: reaimed(streams={PLACES: varints(1, 1)}),
)
add(
    "reaimed-shift",
    "malformed",
    "F-53",
    "a shift by 2^24",
    lambda: reaimed(streams={LAYOUTS: varints(5, 0, 0, 32, 0, 32, 1 << 25)}),
)
add(
    "reaimed-change",
    "malformed",
    "F-53",
    "a change behind the last covered byte",
    lambda: reaimed(streams={SKIPS: varints(2, 96, 79)}),
)

# Whom to trust

for chain in CHAINS:
    add(*chain)
for case in (*CASES, *STREAM_CASES):
    add(*case)

# Encrypted to ships

for sealed in SEALED:
    add(*sealed)


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    listing = []
    for item in VECTORS:
        data = item.make()
        (directory / f"{item.name}.unrep").write_bytes(data)
        listing.append(
            {
                "name": item.name,
                "expect": item.expect,
                "requirements": item.requirements,
                "about": item.about,
            }
            | ({"ticket": item.ticket.write(data).hex()} if item.ticket else {})
        )
    document = {
        "trusted": TRUSTED.public_key().public_bytes_raw().hex(),
        "ship": SHIP.private_bytes_raw().hex(),
        "base": {path: content.hex() for path, _, content in BASE},
        "vectors": listing,
        "keys": [dict(zip(("name", "expect", "key", "about"), key, strict=True)) for key in KEYS],
        "heartbeats": [
            {
                "name": name,
                "expect": expect,
                "requirements": cited(requirements),
                "about": about,
                "heartbeat": data.hex(),
            }
            for name, expect, requirements, about, data in HEARTBEATS
        ],
        "ship_keys": [dict(zip(("name", "expect", "key", "about"), key, strict=True)) for key in SHIP_KEYS],
    }
    text = json.dumps(document, indent=1, ensure_ascii=True) + "\n"
    (directory / "vectors.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
