"""Vectors of the root and the tree manifest, each broken once.

`CASES` holds what generate.py registers, as in cases.py.
"""

import struct
from collections.abc import Callable

from cases import root
from raw import (
    TARGET,
    Bundle,
    Case,
    Raw,
    Tree,
    delta,
    digest,
    full,
    manifest,
    pack,
    replaced,
    stored_section,
    with_tree,
    write,
)
from sound import LINKED


def drafted(change: Callable[[bytes], bytes]) -> bytes:
    """The full bundle with other hashes in its draft. The last one is a label, those of places 1, 2, 4, 5 do not count.

    The root goes with the length of the draft.
    """
    section, listing = full(), manifest(TARGET)
    whole = section.frames[0][5][0][1]
    data = whole[:-226] + pack(change(whole[-224:]))
    section.frames[0][5] = [(0, data)]
    size = len(data) - len(whole) + len(listing)
    return write(Bundle([section], root=replaced("manifest_size", size)))


def swapped_labels() -> bytes:
    """Two contents of one size, each twice. The draft has the second copies the wrong way round."""
    tree: Tree = [("a", 0, b"one"), ("b", 0, b"two"), ("c", 0, b"one"), ("d", 0, b"two")]
    section = full(tree)
    data = section.frames[0][5][0][1]
    section.frames[0][5] = [(0, data[:-64] + data[-32:] + data[-64:-32])]
    return write(Bundle([section], tree))


CASES: list[Case] = [
    # The root
    ("root-format", "unsupported", "F-8", "format 2 within the root", root("format", 2)),
    ("product", "malformed", "F-5", "a product with a slash", root("product", "a/b")),
    ("version-dot", "malformed", "F-7", "a version that ends with a dot", root("version", "1.0.")),
    ("version-device", "malformed", "F-7", "a version that is a device", root("version", "nul.1")),
    ("version-up", "malformed", "F-7", "a version that leaves its directory", root("version", "..")),
    ("seq-0", "malformed", "F-5 F-9", "seq 0", root("seq", 0)),
    ("seq-negative", "malformed", "F-9", "a negative seq", root("seq", -1)),
    ("seq-bool", "malformed", "F-3", "true for seq", root("seq", True)),
    ("seq-float", "malformed", "F-3", "a float for seq", root("seq", Raw(b"\xcb" + struct.pack(">d", 2.0)))),
    ("seq-2-53", "malformed", "F-3", "2^53 for seq", root("seq", 1 << 53)),
    ("seq-wide", "malformed", "F-3", "2 in two bytes", root("seq", Raw(b"\xcc\x02"))),
    ("seq-nan", "malformed", "F-3", "not a number", root("seq", Raw(b"\xcb" + struct.pack(">d", float("nan"))))),
    ("product-surrogate", "malformed", "F-3", "a lone surrogate in a string", root("product", "a\udc80")),
    (
        "created-time",
        "malformed",
        "F-5",
        "created as a MessagePack timestamp",
        root("created", Raw(b"\xd6\xff" + bytes(4))),
    ),
    ("tree-short", "malformed", "F-5", "a tree hash of 31 bytes", root("tree", bytes(31))),
    ("tree-other", "corrupt", "F-37", "the hash of another manifest", root("tree", bytes(32))),
    ("manifest-size", "malformed", "F-9", "a manifest over 256 MiB", root("manifest_size", (256 << 20) + 1)),
    ("entries", "malformed", "F-31", "another number of entries than the manifest has", root("entries", 8)),
    ("size", "malformed", "F-31", "another size than the entries have", root("size", 1)),
    ("piece-size-small", "malformed", "F-9", "pieces of 2,048 bytes", root("piece_log", 11)),
    (
        "features",
        "unsupported",
        "F-8",
        "an unknown feature of the bundle",
        lambda: write(Bundle([full()], root=replaced("features", ["later"]))),
    ),
    (
        "python-times",
        "accept",
        "F-8",
        "compiled Python that fits its sources, of which there is none",
        lambda: write(Bundle([full()], root=replaced("features", ["python-times-1"]))),
    ),
    (
        "features-unsorted",
        "unsupported",
        "F-8",
        "unknown features, not even sorted",
        lambda: write(Bundle([full()], root=replaced("features", ["z", "a"]))),
    ),
    (
        "root-more",
        "malformed",
        "F-5",
        "a field too many",
        lambda: write(Bundle([full()], root=lambda p: [*p, ("x", 1)])),
    ),
    (
        "root-less",
        "malformed",
        "F-5",
        "no seq",
        lambda: write(Bundle([full()], root=lambda p: [x for x in p if x[0] != "seq"])),
    ),
    (
        "root-order",
        "malformed",
        "F-5",
        "fields in another order",
        lambda: write(Bundle([full()], root=lambda p: [*p[:3], p[4], p[3], *p[5:]])),
    ),
    (
        "root-trailing",
        "malformed",
        "F-3",
        "a byte after the root",
        lambda: write(Bundle([full()], root_bytes=lambda r: r + b"\0")),
    ),
    (
        "root-deep",
        "malformed",
        "F-3",
        "nested 100,000 deep",
        lambda: write(Bundle([full()], root_bytes=lambda r: b"\x91" * 100_000 + b"\0")),
    ),
    (
        "root-no-map",
        "malformed",
        "F-5",
        "an array for a root",
        lambda: write(Bundle([full()], root_bytes=lambda r: pack([1, 2]))),
    ),
    ("section-twice", "malformed", "F-9", "two full sections", lambda: write(Bundle([full(), full()]))),
    (
        "section-base-missing",
        "malformed",
        "F-32",
        "recipes that use a base, in a section without one",
        lambda: write(Bundle([delta(base=b"")])),
    ),
    ("inner", "accept", "F-100", "a body in the root", lambda: write(Bundle([full(inner=True)]))),
    ("inner-delta", "accept", "F-100", "a delta's body in the root", lambda: write(Bundle([delta(inner=True)]))),
    (
        "inner-and-behind",
        "accept",
        "F-100 F-6",
        "a body in the root, and one behind it",
        lambda: write(Bundle([delta(inner=True), full()])),
    ),
    (
        "inner-empty",
        "malformed",
        "F-100",
        "a body of no bytes",
        lambda: write(Bundle([full(inner=True, described=replaced("content", b""))])),
    ),
    (
        "inner-large",
        "malformed",
        "F-100",
        "a body of 4,097 bytes in the root",
        lambda: write(Bundle([full(inner=True, described=replaced("content", bytes(4097)))])),
    ),
    (
        "inner-most",
        "accept",
        "F-100",
        "one of 4,096 in a section that is passed over",
        lambda: write(
            Bundle([full(), full(inner=True, features=["later"], described=replaced("content", bytes(4096)))])
        ),
    ),
    (
        "inner-behind",
        "malformed",
        "F-6 F-100",
        "the same body behind the root, too",
        lambda: write(Bundle([full(inner=True)])) + stored_section(full())[1],
    ),
    (
        "section-index-long",
        "malformed",
        "F-5",
        "an index longer than its body",
        lambda: write(Bundle([full(described=replaced("index", [0, 100_000, 100_000]))])),
    ),
    # The tree manifest
    ("manifest-version", "malformed", "F-11", "version 2", lambda: with_tree(TARGET, version=2)),
    (
        "manifest-columns",
        "malformed",
        "F-11 F-101",
        "a draft with a hash less than there are entries",
        lambda: drafted(lambda rows: rows[:-32]),
    ),
    (
        "draft-more",
        "malformed",
        "F-101",
        "a draft with a hash more",
        lambda: drafted(lambda rows: rows + bytes(32)),
    ),
    (
        "draft-passed-over",
        "accept",
        "F-101",
        "other bytes in the rows of places that are made, a label and the hash of nothing among them",
        lambda: drafted(lambda rows: bytes(31) + b"\5" + digest(b"") + rows[64:96] + b"\xff" * 64 + rows[160:]),
    ),
    (
        "draft-hash",
        "malformed",
        "F-31 F-101",
        "a true hash in the place of a label: nothing makes that content",
        lambda: drafted(lambda rows: rows[:-32] + digest(TARGET[6][2])),
    ),
    (
        "draft-label-later",
        "malformed",
        "F-31 F-101",
        "a label of a place that no recipe makes",
        lambda: drafted(lambda rows: rows[:-32] + bytes(31) + b"\7"),
    ),
    (
        "draft-label-beyond",
        "malformed",
        "F-31 F-101",
        "a label of a place that the release has not",
        lambda: drafted(lambda rows: rows[:-32] + bytes(31) + b"\x09"),
    ),
    (
        "draft-label-other",
        "malformed",
        "F-63 F-101",
        "a label of a place whose content has another size",
        lambda: drafted(lambda rows: rows[:-32] + bytes(31) + b"\1"),
    ),
    (
        "draft-label-none",
        "malformed",
        "F-31 F-101",
        "a label of place 0",
        lambda: drafted(lambda rows: rows[:-32] + bytes(32)),
    ),
    (
        "draft-label-same-size",
        "corrupt",
        "F-37 F-101",
        "a label of another content of the same size",
        swapped_labels,
    ),
    ("manifest-order", "malformed", "F-13", "paths not in order", lambda: with_tree([("b", 0, b"1"), ("a", 0, b"2")])),
    ("manifest-same", "malformed", "F-13", "a path twice", lambda: with_tree([("a", 0, b"1"), ("a", 0, b"2")])),
    ("manifest-kind", "malformed", "F-12", "kind 4", lambda: with_tree([("a", 4, b"1")])),
    (
        "manifest-empty-hash",
        "malformed",
        "F-19",
        "an empty file with another hash",
        lambda: with_tree([("a", 0, b"")], hashes=digest(b"a")),
    ),
    ("manifest-directory", "malformed", "F-19", "an empty directory with content", lambda: with_tree([("a", 2, b"x")])),
    ("manifest-link", "malformed", "F-18", "a symbolic link for any platform", lambda: with_tree(LINKED)),
    *(
        (
            f"path-{number:02}",
            "malformed",
            requirement,
            f"a path: {about}",
            lambda path=path: with_tree([(path, 0, b"x")]),
        )
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
        )
    ),
    *(
        (
            f"paths-{number}",
            "malformed",
            requirement,
            f"{one!r} beside {other!r}",
            lambda one=one, other=other: with_tree([(one, 0, b"1"), (other, 0, b"2")]),
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
        )
    ),
    *(
        (
            f"link-{number}",
            "malformed",
            "F-18",
            f"a symbolic link to {target!r}",
            lambda target=target: with_tree([("run", 3, target)], platform="posix"),
        )
        for number, target in enumerate((b"../x", b"/etc/passwd", b"bin/../../x", b"a\0b", b"\xff"), 1)
    ),
]
