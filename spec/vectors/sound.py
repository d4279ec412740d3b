"""Vectors that a reader accepts, one for each way of making a release.

`CASES` holds what generate.py registers, as in cases.py.
"""

import struct

from raw import STRANGER, TRUSTED, Bundle, Case, Tree, compressed, delta, full, replaced, with_tree, write

LARGE: Tree = [("large.bin", 0, struct.pack(">8192H", *range(8192)))]
HUGE: Tree = [("huge.bin", 0, bytes(600_000))]
LINKED: Tree = [("bin/run", 1, b"x"), ("run", 3, b"bin/run")]
POSIX: Tree = [("A", 0, b"1"), ("a", 0, b"2"), ("aux", 0, b"3"), ("x:y ", 0, b"4")]

CASES: list[Case] = [
    ("full", "accept", "F-5 F-11 F-22 F-34 F-151", "a full release, stored packs", lambda: write(Bundle([full()]))),
    (
        "delta",
        "accept",
        "F-27 F-30 F-32 F-36 F-39",
        "patch, copy, literal and concat",
        lambda: write(Bundle([delta()])),
    ),
    ("delta-and-full", "accept", "F-6 F-9", "two sections", lambda: write(Bundle([delta(), full()]))),
    (
        "lzma2",
        "accept",
        "F-24 F-25",
        "packs of raw LZMA2",
        lambda: compressed(lambda description, data: (description, data)),
    ),
    (
        "two-signatures",
        "accept",
        "F-28",
        "one of two keys is trusted",
        lambda: write(Bundle([full()], keys=[TRUSTED, STRANGER])),
    ),
    (
        "epoch",
        "untrusted",
        "F-5 R-1",
        "an optional key: an epoch above 0 under a plain key",
        lambda: write(Bundle([full()], root=replaced("epoch", 7))),
    ),
    ("two-levels", "accept", "F-20 F-21", "a body of five pieces under a table", lambda: with_tree(LARGE)),
    ("three-levels", "accept", "F-20", "a table of tables", lambda: write(Bundle([full(HUGE)], HUGE))),
    ("link", "accept", "F-12 F-18", "a symbolic link inside the tree", lambda: with_tree(LINKED, platform="posix")),
    ("posix-names", "accept", "F-15 F-16", "names that only POSIX holds", lambda: with_tree(POSIX, platform="posix")),
    ("nothing", "accept", "F-31", "a release without any file", lambda: with_tree([])),
    (
        "unknown-section",
        "accept",
        "F-8",
        "a section of a later reader is passed over",
        lambda: write(Bundle([full(), full(features=["later"])])),
    ),
    (
        "unknown-section-feature",
        "accept",
        "F-8",
        "a section with an unknown feature is passed over",
        lambda: write(Bundle([delta(features=["later"]), full()])),
    ),
]
