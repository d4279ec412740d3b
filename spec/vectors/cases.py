"""Vectors that are one line each: the header, manifests, links, columns and streams, each rule's near side broken once.

`CASES` holds what generate.py registers: name, class, requirements, what is wrong, how to make the file.
"""

import struct
from collections.abc import Callable
from typing import Any

from raw import (
    BASE,
    DRAFT,
    TARGET,
    TRUSTED,
    Bundle,
    Case,
    Pairs,
    Raw,
    Section,
    Tree,
    delta,
    delta_frame,
    digest,
    draft,
    full,
    key_id,
    manifest,
    pack,
    replaced,
    varints,
    with_frame,
    with_stream,
    with_tree,
    write,
)

WHOLE = len(manifest(TARGET))
DRAFT_HASHES = draft(manifest(TARGET), 1, 2, 4, 5)[-224:]  # of the full section
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group of Ed25519's base point


def root(key: str, value: Any) -> Callable[[], bytes]:
    return lambda: write(Bundle([full()], root=replaced(key, value)))


def section(change: Callable[[Pairs], Pairs], make: Callable[..., Section] = full) -> Callable[[], bytes]:
    return lambda: write(Bundle([make(described=change)]))


def passed_over(change: Callable[[Pairs], Pairs]) -> Callable[[], bytes]:
    """A full section that serves, and one of a later reader that breaks a rule."""
    return lambda: write(Bundle([full(), full(features=["later"], described=change)]))


def signatures(change: Callable[[list[Any]], Any]) -> Callable[[], bytes]:
    return lambda: write(Bundle([full()], signatures=change))


def listing(change: Callable[[Pairs], Pairs]) -> Callable[[], bytes]:
    """The full bundle whose manifest has other columns, and is signed so."""

    def changed(hashes: bytes) -> bytes:
        pairs: Pairs = [
            ("tree", 1),
            ("paths", [path for path, _, _ in TARGET]),
            ("kinds", bytes(kind for _, kind, _ in TARGET)),
            ("sizes", [len(content) for _, _, content in TARGET]),
            ("hashes", hashes),
        ]
        return pack(tuple(change(pairs)))

    data = changed(b"".join(digest(content) for _, _, content in TARGET))
    section = full(TARGET)
    section.frames[0][5] = [(0, changed(DRAFT_HASHES))]
    return lambda: write(Bundle([section], TARGET, data))


def link(target: bytes) -> Callable[[], bytes]:
    tree: Tree = [("bin/run", 1, b"x"), ("run", 3, target)]
    return lambda: with_tree(tree, platform="posix")


def path(*names: str) -> Callable[[], bytes]:
    return lambda: with_tree([(name, 0, b"%d" % n) for n, name in enumerate(names)])


def stream(number: int, change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: with_stream(number, change(dict(delta_frame()[5])[number]))


def index(
    change: Callable[[list[Any]], Any], base_objects: int = 4, opened: list[Any] | None = None
) -> Callable[[], bytes]:
    """The delta bundle with another frame in its index."""
    frame = change(delta_frame())
    return lambda: write(Bundle([delta(frame, base_objects=base_objects, opened=opened or [])]))


def high_s(entries: list[Any]) -> Any:
    (name, signature), *_ = entries
    s = int.from_bytes(signature[32:], "little") + ORDER
    return (("s", [[name, signature[:32] + s.to_bytes(32, "little")]]),)


def foreign_result() -> bytes:
    """A second frame that uses the result of the first one."""
    tree: Tree = [("a", 0, manifest(BASE))]
    frames = [full(tree).frames[0], [b"\1", [1], [], [0], [0], []]]
    return write(Bundle([Section("full", 0, frames)], tree))


def _replaced_column(column: int, value: Any) -> Callable[[], bytes]:
    return lambda: with_frame(column, value)


M, C, U, T = "malformed", "corrupt", "unsupported", "untrusted"
OLD_A, NEW_A, LISTED = len(BASE[0][2]), len(TARGET[0][2]), len(DRAFT)
SKIPS = dict(delta_frame()[5])[4]

HEADER: list[Case] = [
    ("preamble-cut", M, "F-1 F-150*", "cut within the preamble", lambda: write(Bundle([full()]))[:13]),
    (
        "format-0",
        U,
        "F-1",
        "format version 0",
        lambda: write(Bundle([full()], preamble=lambda p: p[:5] + b"\0" + p[6:])),
    ),
    ("magic-case", M, "F-1", "the magic in small letters", lambda: b"unrep" + write(Bundle([full()]))[5:]),
    (
        "signatures-length-0",
        M,
        "F-2",
        "a signature block of no bytes",
        lambda: write(Bundle([full()], preamble=lambda p: p[:10] + bytes(4))),
    ),
    (
        "signature-key-id",
        M,
        "F-28",
        "a key id of 7 bytes",
        signatures(lambda e: (("s", [[e[0][0][:7], e[0][1]]]),)),
    ),
    ("signature-alone", M, "F-28", "a signature without key id", signatures(lambda e: (("s", [e[0][1:]]),))),
    ("signature-three", M, "F-28", "a signature of three parts", signatures(lambda e: (("s", [[*e[0], 1]]),))),
    (
        "signature-text",
        M,
        "F-28",
        "a key id that is a string",
        signatures(lambda e: (("s", [["12345678", e[0][1]]]),)),
    ),
    (
        "signatures-65",
        M,
        "F-28",
        "65 signatures",
        signatures(lambda e: (("s", [*e, *([struct.pack(">Q", n), bytes(64)] for n in range(64))]),)),
    ),
    ("signatures-none", M, "F-28", "an empty map", signatures(lambda e: ())),
    ("signature-high-s", T, "F-10", "s not reduced, as RFC 8032 forbids", signatures(high_s)),
    (
        "signatures-trailing",
        M,
        "F-3",
        "a byte after the signature block",
        lambda: write(Bundle([full()], signature_bytes=lambda b: b + b"\0")),
    ),
    (
        "signatures-64",
        "accept",
        "F-28",
        "63 signatures that nobody here knows, and one that counts",
        signatures(lambda e: (("s", [*e, *([struct.pack(">Q", n), bytes(64)] for n in range(63))]),)),
    ),
    (
        "key-id-other",
        T,
        "F-28",
        "the trusted key's signature under another id",
        signatures(lambda e: (("s", [[key_id(TRUSTED)[::-1], e[0][1]]]),)),
    ),
]

ROOT: list[Case] = [
    ("root-format-missing", M, "F-5", "no format", lambda: write(Bundle([full()], root=lambda p: p[1:]))),
    ("root-empty", U, "F-8", "a root without any field", lambda: write(Bundle([full()], root=lambda p: []))),
    ("product-empty", M, "F-5", "no product", root("product", "")),
    ("product-long", M, "F-5", "a product of 65 letters", root("product", "p" * 65)),
    ("product-first", M, "F-5", "a product that starts with a dot", root("product", ".p")),
    ("product-newline", M, "F-5", "a line end after the product", root("product", "p\n")),
    ("product-bytes", M, "F-5", "bytes for the product", root("product", b"vectors")),
    ("version-empty", M, "F-7", "no version", root("version", "")),
    ("version-long", M, "F-7", "a version of 65 digits", root("version", "1" * 65)),
    ("version-first", M, "F-7", "a version that starts with a plus", root("version", "+1")),
    ("version-digit", M, "F-7", "a digit that is not ASCII", root("version", "1\u0661")),
    ("version-newline", M, "F-7", "a line end after the version", root("version", "1.1\n")),
    ("version-com", M, "F-7", "a version that is a port", root("version", "com1")),
    ("created-negative", M, "F-5", "a time before 1970", root("created", -1)),
    ("entries-negative", M, "F-9", "entries below 0", root("entries", -1)),
    ("entries-many", M, "F-9", "1,000,001 entries", root("entries", 1_000_001)),
    ("size-negative", M, "F-9", "a size below 0", root("size", -1)),
    ("manifest-size-0", M, "F-9", "a manifest of no bytes", root("manifest_size", 0)),
    (
        "manifest-size-other",
        M,
        "F-101",
        "a byte less than the manifest has",
        root("manifest_size", WHOLE - 1),
    ),
    ("piece-size-large", M, "F-9", "pieces of 8 MiB", root("piece_log", 23)),
    ("piece-size-negative", M, "F-9", "pieces of half a byte", root("piece_log", -1)),
    ("tree-text", M, "F-5", "a string for the tree hash", root("tree", "t" * 32)),
    ("sections-map", M, "F-5", "a map for the sections", root("sections", ())),
    ("epoch-negative", M, "F-9", "an epoch below 0", root("epoch", -1)),
    ("epoch-null", M, "F-3", "nil for the epoch", root("epoch", Raw(b"\xc0"))),
    (
        "features-and-more",
        U,
        "F-8",
        "an unknown feature, and fields that nobody knows",
        lambda: write(Bundle([full()], root=lambda p: [p[0], ("features", ["x"]), ("later", ())])),
    ),
    ("features-number", M, "F-5", "a number for the features", root("features", 0)),
    ("string-wide", M, "F-3", "a short string with its length in a byte", root("product", Raw(b"\xd9\x01p"))),
    (
        "bytes-wide",
        M,
        "F-3",
        "32 bytes with their length in two",
        root("tree", Raw(b"\xc5\0\x20" + digest(manifest(TARGET)))),
    ),
    ("array-wide", M, "F-3", "no sections, counted in two bytes", root("sections", Raw(b"\xdc\0\0"))),
    ("seq-signed", M, "F-3", "2 as a signed byte", root("seq", Raw(b"\xd0\x02"))),
    ("seq-2-63", M, "F-3", "2^63 for seq", root("seq", 1 << 63)),
    ("seq-text", M, "F-5", "a string for seq", root("seq", "2")),
    (
        "root-array-wide",
        M,
        "F-3",
        "the root's fields counted in two bytes",
        lambda: write(Bundle([full()], root_bytes=lambda r: b"\xdc\0\x0d" + r[1:])),
    ),
    (
        "root-cut",
        M,
        "F-3",
        "the root without its last byte",
        lambda: write(Bundle([full()], root_bytes=lambda r: r[:-1])),
    ),
    ("section-more", M, "F-5", "a section with a field too many", section(lambda p: [*p, ("x", 1)])),
    ("section-order", M, "F-5", "features before the base", section(lambda p: [p[1], p[0], *p[2:]])),
    ("section-less", M, "F-5", "a section without content", section(lambda p: p[:-1])),
    (
        "section-features-order",
        M,
        "F-5",
        "a section's features not sorted",
        section(replaced("features", ["b", "a"])),
    ),
    (
        "section-features-twice",
        M,
        "F-5",
        "a section's feature twice",
        section(replaced("features", ["a", "a"])),
    ),
    ("section-features-int", M, "F-5", "a number for a feature", section(replaced("features", [1]))),
    ("section-hash-short", M, "F-5", "a section's hash of 31 bytes", section(replaced("content", bytes(31)))),
    ("section-length-negative", M, "F-9", "a length below 0", section(replaced("length", -1))),
    ("section-index-two", M, "F-5", "an index of two numbers", section(replaced("index", [0, 100]))),
    ("section-index-codec", M, "F-24", "an index in codec 2", section(replaced("index", [2, 100, 100]))),
    (
        "section-index-unpacked",
        M,
        "F-5",
        "an index of over 64 MiB",
        section(replaced("index", [48, 100, (64 << 20) + 1])),
    ),
    ("section-index-stored", M, "F-24", "a stored index of two lengths", section(replaced("index", [0, 100, 101]))),
    ("section-index-negative", M, "F-24", "an index of length -1", section(replaced("index", [48, -1, 10]))),
    ("delta-base-short", M, "F-5", "a base of 31 bytes", lambda: write(Bundle([delta(base=bytes(31))]))),
    ("delta-twice", M, "F-9", "two deltas from one base", lambda: write(Bundle([delta(), delta()]))),
    (
        "unknown-section-base",
        M,
        "F-9",
        "a base of 31 bytes in a section that is passed over",
        passed_over(replaced("base", bytes(31))),
    ),
    (
        "unknown-section-codec",
        M,
        "F-9 F-24",
        "an index that nobody can name",
        passed_over(replaced("index", [7, 1, 1])),
    ),
]

TREE: list[Case] = [
    ("manifest-key", M, "F-3* F-11", "an unknown key of the manifest", listing(lambda p: [*p, ("x", 1)])),
    ("manifest-key-twice", M, "F-3* F-11", "paths twice", listing(lambda p: [*p[:2], p[1], *p[2:]])),
    ("manifest-key-order", M, "F-3* F-11", "kinds before paths", listing(lambda p: [p[0], p[2], p[1], *p[3:]])),
    ("manifest-key-missing", M, "F-11", "a manifest without kinds", listing(lambda p: [*p[:2], *p[3:]])),
    ("manifest-kinds-short", M, "F-11", "a kind too few", listing(replaced("kinds", bytes(6)))),
    ("manifest-sizes-long", M, "F-11", "a size too many", listing(replaced("sizes", [1] * 8))),
    (
        "manifest-hash-byte",
        M,
        "F-11",
        "a byte after the hashes",
        listing(lambda p: [*p[:4], ("hashes", p[4][1] + b"\0")]),
    ),
    ("manifest-path-number", M, "F-11", "a number for a path", listing(replaced("paths", [1] * 7))),
    ("manifest-size-negative", M, "F-11", "a size below 0", listing(lambda p: [*p[:3], ("sizes", [-1] * 7), p[4]])),
    (
        "manifest-size-wide",
        M,
        "F-3* F-11",
        "a size in two bytes",
        listing(lambda p: [*p[:3], ("sizes", [*p[3][1][:6], Raw(b"\xcc\x13")]), p[4]]),
    ),
    (
        "manifest-size-zero",
        M,
        "F-19",
        "size 0 with a hash of something",
        listing(lambda p: [*p[:3], ("sizes", [0, *p[3][1][1:]]), p[4]]),
    ),
    (
        "manifest-size-one",
        M,
        "F-19",
        "the hash of nothing with size 1",
        listing(lambda p: [*p[:3], ("sizes", [*p[3][1][:5], 1, 19]), p[4]]),
    ),
    ("path-empty", M, "F-14", "an empty path", path("")),
    ("path-up", M, "F-14", "two dots alone", path("..")),
    ("path-inside", M, "F-14", "a detour that stays inside", path("a/../b")),
    ("path-reserved-mixed", M, "F-14", "reserved, in mixed letters", path(".UnRep/a")),
    ("path-units", M, "F-14", "a component of 256 units, 128 characters", path("\U0001f600" * 128)),
    ("path-form-within", M, "F-14", "a later component not in normal form C", path("a/e\u0301/b")),
    ("path-device-arc", M, "F-15", "a device with two extensions", path("aux.tar.gz")),
    ("path-device-0", M, "F-15", "COM0", path("COM0")),
    ("path-device-directory", M, "F-15", "a directory that is a device", path("a/prn/b")),
    ("path-console-out", M, "F-15", "the console's output, with an extension", path("CONOUT$.txt")),
    ("path-space-within", M, "F-15", "a directory that ends with a space", path("a /b")),
    ("path-delete", M, "F-15", "the character U+007F", path("a\x7f")),
    ("path-quote", M, "F-15", "a quotation mark", path('a"b')),
    ("path-pipe", M, "F-15", "a pipe", path("a|b")),
    ("path-star", M, "F-15", "an asterisk", path("a*")),
    ("path-less", M, "F-15", "a less-than sign", path("a<b")),
    ("path-alias-short", M, "F-15", "an 8.3 alias of one letter", path("a~1")),
    ("path-alias-directory", M, "F-15", "a directory that is an 8.3 alias", path("PROGRA~1/x")),
    ("paths-file-directory", M, "F-17", "'A' beside 'a/b'", path("A", "a/b")),
    ("paths-long-s", M, "F-16", "'s' beside a long s", path("s", "\u017f")),
    ("paths-ligature", M, "F-16", "'FF' beside its ligature", path("FF", "\ufb00")),
    ("paths-deep", M, "F-16", "'a/B/x' beside 'a/b/y'", path("a/B/x", "a/b/y")),
    ("names", "accept", "F-14 F-15", "names at the edge", path("abcdefg~1", "com", "con1", "nul_", "\u0080")),
    ("link-empty", M, "F-18", "a symbolic link to nothing", link(b"")),
    ("link-dot", M, "F-18", "a target with a dot", link(b"./bin/run")),
    ("link-double", M, "F-18", "a target with an empty component", link(b"bin//run")),
    ("link-slash", M, "F-18", "a target that ends with a slash", link(b"bin/")),
    ("link-back", M, "F-18", "two dots after a name, which may be another link", link(b"bin/../run2")),
    ("link-long", M, "F-18", "a target with a component of 256 units", link(b"x" * 256)),
    ("link-form", M, "F-18", "a target not in normal form C", link("e\u0301".encode())),
]

INDEX: list[Case] = [
    ("opened-odd", M, "F-35", "an opened archive without a count", index(lambda f: f, 4, [1])),
    ("opened-manifest", M, "F-35", "the base's manifest opened", index(lambda f: f, 7, [0, 3])),
    ("opened-itself", M, "F-35", "an archive within itself", index(lambda f: f, 7, [4, 3])),
    ("opened-one", M, "F-35", "an archive that gives one object", index(lambda f: f, 5, [1, 1])),
    ("opened-four", M, "F-35", "an archive that gives a member more than streams", index(lambda f: f, 8, [1, 4])),
    (
        "opened-many",
        M,
        "F-35",
        "an archive that gives 1,000,003 objects",
        index(lambda f: f, 1_000_007, [1, 1_000_003]),
    ),
    ("base-objects-negative", M, "F-32", "-1 base objects", index(lambda f: f, -1)),
    ("base-objects-0", M, "F-32", "no base objects in a delta", index(lambda f: f, 0)),
    ("frame-five", M, "F-30", "a frame of five columns", index(lambda f: [*f[:2], *f[3:]])),
    ("frame-seven", M, "F-30", "a frame of seven columns", index(lambda f: [*f[:5], [], f[5]])),
    (
        "frame-empty",
        M,
        "F-31",
        "a first frame without a recipe",
        lambda: write(Bundle([Section("full", 0, [[b"", [], [], [], [], []], *full().frames])])),
    ),
    ("frame-foreign", M, "F-32 F-33", "the result of another frame", foreign_result),
    ("places-short", M, "F-30", "a place too few", _replaced_column(1, [0, 1, 1])),
    ("places-long", M, "F-30", "a place too many", _replaced_column(1, [0, 1, 1, 2, 1])),
    ("places-negative", M, "F-31", "place -1", _replaced_column(1, [0, 1, 1, -3])),
    ("sizes-short", M, "F-30", "a size too few", _replaced_column(2, [100])),
    ("sizes-long", M, "F-30", "a size too many", _replaced_column(2, [100, 8, 1])),
    ("sizes-negative", M, "F-30", "a size below 0", _replaced_column(2, [100, -8])),
    ("sources-long", M, "F-30", "a source too many", _replaced_column(3, [0, 1, 1, 5, 1, 0])),
    ("numbers-short", M, "F-30", "a number too few", _replaced_column(4, [1, 1, 100])),
    ("numbers-negative", M, "F-30", "an offset below 0", _replaced_column(4, [1, 1, -1, 2])),
    ("kinds-text", M, "F-30", "a string for the kinds", _replaced_column(0, "abcdef")),
    ("kind-7", M, "F-26", "recipe kind 7", _replaced_column(0, bytes([2, 2, 7, 0x81, 0x80, 3]))),
    ("stream-11", M, "F-26", "stream 11", lambda: with_frame(5, [*delta_frame()[5], (11, b"x")])),
    ("stream-twice", M, "F-30", "one stream in two packs", lambda: with_frame(5, [(0, b"x"), *delta_frame()[5]])),
    (
        "stream-unused",
        M,
        "F-27",
        "a stream that no recipe uses",
        lambda: with_frame(5, [*delta_frame()[5], (7, b"\0")]),
    ),
    ("stream-missing", M, "F-27", "no literal stream", lambda: with_frame(5, delta_frame()[5][1:])),
    ("triples-more", M, "F-36", "three triples, of which two are there", _replaced_column(4, [1, 3, 100, 2])),
    ("triples-none", M, "F-41", "no triple for a patch", _replaced_column(4, [1, 0, 100, 2])),
    ("add-left", M, "F-27 F-134", "an add length for the last triple", stream(1, lambda s: s + b"\0")),
    ("seek-left", M, "F-27 F-134", "a seek for the last triple", stream(3, lambda s: s + b"\0")),
    ("skip-left", M, "F-27", "a skip too many", stream(4, lambda s: s + b"\0")),
    ("change-left", M, "F-27", "a change too many", stream(5, lambda s: s + b"\1")),
    ("change-short", M, "F-36", "a change too few", stream(5, lambda s: s[:-1])),
    ("extra-left", M, "F-27", "an extra byte too many", stream(6, lambda s: s + b"\1")),
    ("extra-short", M, "F-36", "an extra byte too few", stream(6, lambda s: s[:-1])),
    ("changes-many", M, "F-36", "2^53 - 1 changes", stream(4, lambda s: varints(0, 2**53 - 1))),
    (
        "patch-short",
        M,
        "F-41 F-134",
        "a last triple that reads beyond the source, for its extra bytes are too few",
        stream(2, lambda s: varints(LISTED, 0, NEW_A - OLD_A - 1)),
    ),
    ("patch-left-behind", M, "F-41", "a seek behind the source", stream(3, lambda s: varints(2 * (OLD_A - 2)))),
    ("varint-nine", M, "F-40", "a varint of nine bytes", stream(3, lambda s: b"\x80" * 8 + b"\1")),
    ("change-hash", C, "F-37", "a change to another letter", stream(5, lambda s: bytes([s[0] ^ 1]) + s[1:])),
    (
        "manifest-hash",
        C,
        "F-37",
        "a manifest that differs in a byte",
        stream(6, lambda s: s.replace(b"g.t", b"g.u")),
    ),
]

CASES = HEADER + ROOT + TREE + INDEX
