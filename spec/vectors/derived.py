"""Vectors of derived objects, written from the text of spec/rules.md alone: each rule sound, then broken once."""

import base64
import struct
from collections.abc import Callable

from raw import Bundle, Case, Section, Tree, digest, draft, lzma2, manifest, varints, write

M = "malformed"
SOURCE = (
    b'# a comment\nmsgid ""\nmsgstr ""\n"Language: de\\n"\n"POT-Creation-Date: 2024\\n"\n\n'
    b'#, fuzzy\nmsgid "off"\nmsgstr "aus"\n\n'
    b'msgctxt "menu"\nmsgid "on"\nmsgstr "an"\n\n'
    b'msgid "mile"\nmsgid_plural "miles"\nmsgstr[0] "Meile"\nmsgstr[1] "Meilen"\n\n'
    b'msgid "none"\nmsgstr ""\n'
)
HEADER = b"Language: de\nPOT-Creation-Date: 2024\n"
STRINGS = [(b"", HEADER), (b"menu\4on", b"an"), (b"mile\0miles", b"Meile\0Meilen")]


def catalogue(strings: list[tuple[bytes, bytes]], table: list[int]) -> bytes:
    """A .mo file of these strings, with a hash table that was worked out by hand."""
    count = len(strings)
    words = [0x950412DE, 0, count, 28, 28 + 8 * count, len(table), 28 + 16 * count]
    at = 28 + 16 * count + 4 * len(table)
    texts = [key for key, _ in strings] + [value for _, value in strings]
    for text in texts:
        words += [len(text), at]
        at += len(text) + 1
    words += table
    return struct.pack(f"<{len(words)}I", *words) + b"".join(text + b"\0" for text in texts)


# 3 entries: a table of 5 places. The hashes modulo 5 are 0, 2 ("menu", 04, "on") and 3 ("mile").
TABLE = [1, 0, 2, 3, 0]
COMPILED = catalogue(STRINGS, TABLE)
UNDATED = catalogue([(b"", b"Language: de\n"), *STRINGS[1:]], TABLE)
PLAIN = catalogue(STRINGS, [])


def derived(
    rule: int,
    source: bytes,
    result: bytes,
    streams: dict[int, bytes] = {},  # noqa: B006 - never written to
    triples: int = 0,
    objects: tuple[int, ...] = (),
    others: Tree = [],  # noqa: B006 - never written to
) -> Callable[[], bytes]:
    """A full bundle: what `others` hold, then the source as an intermediate result, then what is derived from it."""
    tree: Tree = [*others, ("z", 0, result)]
    count = len(others)
    sources = [count, *objects]
    frame = [
        bytes([*[0] * count, 0x80, 7]),
        [1] * (count + 1),
        [len(source)],
        [b - a for a, b in zip([0, *sources], sources, strict=False)],
        [rule, triples, len(objects)],
        [(0, b"".join(content for _, _, content in others) + source), *streams.items()],
    ]
    places = range(1, len(tree) + 1)
    frames = [[b"\0", [0], [], [], [], [(0, draft(manifest(tree), *places))]], frame]
    section = Section("full", 0, frames, features=["derived-1"])
    if len(source) > 65_536:
        section.packed = lambda _, data: ([32 + 16, len(stored := lzma2(data)), len(data)], stored)
    return lambda: write(Bundle([section], tree))


def compiled(text: bytes, strings: list[tuple[bytes, bytes]]) -> Callable[[], bytes]:
    return derived(3, text, catalogue(strings, []))


def listed(*contents: bytes) -> bytes:
    """Rows as RECORD has them, then rows as sha256sum writes them."""
    rows = [
        b"f%d,sha256=%s,%d\n" % (at, base64.urlsafe_b64encode(digest(one)).rstrip(b"="), len(one))
        for at, one in enumerate(contents)
    ]
    return b"".join(rows) + b"".join(b"%s  f%d\n" % (digest(one).hex().encode(), at) for at, one in enumerate(contents))


FILES: Tree = [("a", 0, b"one\n"), ("b", 0, b"and two\n")]
LIST = listed(*(content for _, _, content in FILES))
BLANK = b"f0,\2\nf1,\2\n\1  f0\n\1  f1\n"
OLDER = listed(b"other", b"files")
DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def key(name: bytes, further: int = 0) -> bytes:
    value = (int.from_bytes(digest(name)[:3], "big") + further) % (1 << 18)
    return bytes([DIGITS[value >> 12], DIGITS[value >> 6 & 63], DIGITS[value & 63]])


def mapped(names: bytes, mappings: bytes) -> bytes:
    return b'{"version":3,"names":[' + names + b'],"mappings":"' + mappings + b'"}'


def long(size: int) -> Callable[[], bytes]:
    """A source filled up with blanks, in a release that may have so long an intermediate result."""
    return derived(3, SOURCE.ljust(size), PLAIN, {}, 0, (), [("a", 0, bytes(5000))])


MAP = mapped(b'"b","c","b"', b"AAAAA,CAACE;EAACAC,GAAGD,GAAG")
FORM = mapped(
    b'"a","b","c","b"',
    b"AAAA=%s,CAAC=%s;EAACAC,GAAG=%s,GAAG" % (key(b"b"), key(b"b", 1), key(b"c")),
)
LONGER = mapped(b'"a","b","c","b"', b"AAAAC,CAACE;EAACAC,GAAGD,GAAG")


def replaced(result: bytes, patched: bytes) -> Callable[[], bytes]:
    """A source map whose patch replaces the whole form."""
    return derived(5, MAP, result, {1: b"\0", 2: varints(len(patched)), 3: b"\0", 4: b"\0", 6: patched}, 1)


def alike(count: int) -> Callable[[], bytes]:
    """So many names that are alike, each of which goes on once more than the one before."""
    names = mapped(b",".join([b'""'] * count), b"AAAAA")
    return derived(5, names, names)


def forms(source_bytes: int) -> Callable[[], bytes]:
    """Four files of 1,200 bytes, each a stretch of one source, which stands in a frame beside them."""
    tree: Tree = [(f"z{n}", 0, (b"%d" % n) * 1200) for n in range(4)]
    source = b"".join(content for _, _, content in tree).ljust(source_bytes)
    frame = [
        bytes([0x80, 7, 7, 7, 7]),
        [1, 1, 1, 1],
        [len(source)],
        [0, 0, 0, 0],
        [4, 1, 0, *[4, 2, 0] * 3],
        [
            (0, source),
            (1, varints(1200, *[0, 1200] * 3)),
            (2, bytes(7)),
            (3, b"\0" + b"".join(varints(2 * 1200 * n, 0) for n in range(1, 4))),
            (4, bytes(4)),
        ],
    ]
    frames = [[b"\0", [0], [], [], [], [(0, draft(manifest(tree), 1, 2, 3, 4))]], frame]
    section = Section("full", 0, frames, features=["derived-1"])
    section.packed = lambda _, data: ([32 + 16, len(stored := lzma2(data)), len(data)], stored)
    return lambda: write(Bundle([section], tree))


def listed_often(count: int) -> Callable[[], bytes]:
    """A list whose rows all show its own source, of 100,000 bytes. Once for each row would be too much."""
    source = (b"\1\n" * count).ljust(100_000)
    result = (digest(source).hex().encode() + b"\n") * count
    streams = {1: varints(2 * count), 2: b"\0", 3: b"\0", 4: b"\0"}
    return derived(4, source, result, streams, 1, (0,) * count)


def same_keys(count: int) -> Callable[[], bytes]:
    """So many entries with the key a: its hash is 97."""
    size = 47
    table = [0] * size
    for entry in range(count):
        table[(97 + entry * (1 + 97 % (size - 2))) % size] = entry + 1
    return derived(1, b'msgid "a"\nmsgstr "b"\n' * count, catalogue([(b"a", b"b")] * count, table))


CASES: list[Case] = [
    ("derived-catalogue", "accept", "F-103 F-105", "a catalogue of its source", derived(1, SOURCE, COMPILED)),
    ("derived-undated", "accept", "F-105", "the same without its date", derived(2, SOURCE, UNDATED)),
    ("derived-plain", "accept", "F-105", "the same without a hash table", derived(3, SOURCE, PLAIN)),
    (
        "derived-patched",
        "accept",
        "F-103",
        "a catalogue that was changed behind",
        derived(1, SOURCE, COMPILED + b"!", {1: varints(len(COMPILED)), 2: b"\1", 3: b"\0", 4: b"\0", 6: b"!"}, 1),
    ),
    (
        "derived-digests",
        "accept",
        "F-106",
        "a list of two files that are made before it",
        derived(4, OLDER, LIST, {}, 0, (0, 1, 0, 1), FILES),
    ),
    ("derived-rule", M, "F-103", "rule 6", derived(6, SOURCE, COMPILED)),
    ("derived-rule-0", M, "F-103", "rule 0", derived(0, SOURCE, COMPILED)),
    (
        "derived-later",
        M,
        "F-33* F-103",
        "a further object that comes later",
        derived(4, OLDER, LIST, {}, 0, (0, 1, 0, 3), FILES),
    ),
    ("derived-fewer", M, "F-106", "an object too few", derived(4, OLDER, LIST, {}, 0, (0, 1, 0), FILES)),
    ("derived-more", M, "F-106", "an object too many", derived(4, OLDER, LIST, {}, 0, (0, 1, 0, 1, 1), FILES)),
    (
        "derived-objects",
        M,
        "F-103",
        "an object that no mark stands for",
        derived(1, SOURCE, COMPILED, {}, 0, (0,), FILES),
    ),
    ("derived-size", M, "F-37* F-103", "a catalogue of another length", derived(1, SOURCE, COMPILED[:-1])),
    ("derived-hash", "corrupt", "F-37* F-103", "a catalogue that differs", derived(1, SOURCE, COMPILED[:-1] + b"!")),
    (
        "derived-long",
        M,
        "F-104",
        "a source of 4 MiB and a byte",
        long(4_194_305),
    ),
    (
        "derived-whole",
        "accept",
        "F-104",
        "a source of 4 MiB",
        long(4_194_304),
    ),
    (
        "derived-forms",
        "accept",
        "F-68 F-104",
        "four sources and patched forms of 16,777,216 bytes and 4 times the release",
        forms(4_197_904),
    ),
    ("derived-forms-more", M, "F-68 F-104", "the same with a source of a byte more", forms(4_197_905)),
    (
        "derived-once",
        "accept",
        "F-68 F-104",
        "a list of a hundred times one intermediate result, which counts once",
        listed_often(100),
    ),
    (
        "derived-triples",
        M,
        "F-104",
        "1,048,577 triples",
        derived(1, SOURCE, COMPILED, {1: b"\0", 2: b"\0", 3: b"\0"}, 1048577),
    ),
    (
        "derived-beyond",
        M,
        "F-41* F-103",
        "a patch beyond the form",
        derived(1, SOURCE, COMPILED + b"!", {1: varints(len(COMPILED) + 1), 2: b"\0", 3: b"\0", 4: b"\0"}, 1),
    ),
    (
        "derived-grown",
        M,
        "F-104",
        "a patched form of over 16 MiB",
        derived(1, SOURCE, COMPILED, {1: varints(0), 2: varints((1 << 24) + 1), 3: b"\0", 4: b"\0", 6: b"!"}, 1),
    ),
    ("catalogue-empty", "accept", "F-105", "a source of nothing but a comment", compiled(b"# nothing", [])),
    (
        "catalogue-fuzzy-header",
        "accept",
        "F-105",
        "a header counts even if it is fuzzy",
        compiled(b'#, fuzzy\nmsgid ""\nmsgstr "x"', [(b"", b"x")]),
    ),
    (
        "catalogue-escapes",
        "accept",
        "F-105",
        "all escapes",
        compiled(b'msgid "a"\nmsgstr "\\n\\t\\r\\b\\f\\v\\a\\\\\\""', [(b"a", b'\n\t\r\b\f\v\a\\"')]),
    ),
    (
        "catalogue-order",
        "accept",
        "F-105",
        "equal keys stay in order",
        compiled(
            b'msgid "b"\nmsgstr "1"\nmsgid "a"\nmsgid_plural "x"\nmsgstr[0] "2"\nmsgid "a"\nmsgstr "3"',
            [(b"a\0x", b"2"), (b"a", b"3"), (b"b", b"1")],
        ),
    ),
    ("catalogue-escape", M, "F-105", "an escape by number", compiled(b'msgid "a"\nmsgstr "\\101"', [(b"a", b"A")])),
    ("catalogue-open", M, "F-105", "a string without an end", compiled(b'msgid "a"\nmsgstr "b', [(b"a", b"b")])),
    ("catalogue-quote", M, "F-105", "a quote within a string", compiled(b'msgid "a"\nmsgstr "b"c"', [(b"a", b'b"c')])),
    (
        "catalogue-last-escape",
        M,
        "F-105",
        "a string that ends with half an escape",
        compiled(b'msgid "a"\nmsgstr "b\\"', [(b"a", b"b")]),
    ),
    (
        "catalogue-no-keyword",
        M,
        "F-105",
        "a string before any keyword",
        compiled(b'"a"\nmsgid "a"\nmsgstr "b"', [(b"a", b"b")]),
    ),
    (
        "catalogue-no-id",
        M,
        "F-105",
        "an entry without an id",
        compiled(b'msgstr "b"\nmsgid "a"\nmsgstr "b"', [(b"a", b"b")]),
    ),
    (
        "catalogue-twice",
        M,
        "F-105",
        "a keyword twice in one entry",
        compiled(b'msgid "a"\nmsgstr "b"\nmsgstr[0] "b"', [(b"a", b"b")]),
    ),
    (
        "catalogue-line",
        M,
        "F-105",
        "a line of something else",
        compiled(b'msgid "a"\nmsgstr "b"\ndomain "c"', [(b"a", b"b")]),
    ),
    ("catalogue-alike", "accept", "F-105", "33 entries with one key", same_keys(33)),
    ("catalogue-alike-more", M, "F-105", "34 entries with one key: they go on 561 times", same_keys(34)),
    ("source-map", "accept", "F-107", "a map that stays as it is", derived(5, MAP, MAP)),
    ("source-map-name", "accept", "F-107", "a name more: mappings tell names by their keys", replaced(LONGER, FORM)),
    ("source-map-alike", "accept", "F-107", "33 names that are alike", alike(33)),
    ("source-map-alike-more", M, "F-107", "34 names that are alike", alike(34)),
    ("source-map-key", M, "F-107", "a key of no name", replaced(LONGER, FORM.replace(key(b"c"), key(b"d")))),
    (
        "source-map-index",
        M,
        "F-107",
        "a mapping to name 3 of 3",
        derived(5, (bad := MAP.replace(b"CAACE", b"CAACG")), bad),
    ),
    (
        "source-map-negative",
        M,
        "F-107",
        "a mapping to name -1",
        derived(5, (low := MAP.replace(b"AAAAA", b"AAAAD")), low),
    ),
    (
        "source-map-no-names",
        M,
        "F-107",
        "a list of names that holds a number",
        derived(5, mapped(b"1", b""), mapped(b"1", b"")),
    ),
    (
        "source-map-no-mappings",
        M,
        "F-107",
        "mappings with a byte that is no digit",
        derived(5, mapped(b"", b"-"), mapped(b"", b"-")),
    ),
    ("source-map-lost", M, "F-107", "a patched form without names", replaced(LONGER, FORM.replace(b"names", b"named"))),
]
