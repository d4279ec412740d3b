"""Vectors of names that tables of different versions of Unicode judge differently; `CASES` as in cases.py.

What is added after Unicode 14.0 may be the composed form of older characters, may stand before others in the order of
marks, or may be the capital of an older letter.
"""

from cases import link, path
from raw import Case, with_tree

M = "malformed"

CASES: list[Case] = [
    (
        "unicode-14",
        "accept",
        "F-67",
        "characters that came with Unicode 14.0, one for private use, two letters whose capitals came later",
        path("\u019b", "\u0264", "\u061d", "\u0870", "\ue000", "\U00010570", "\U0001fae0"),
    ),
    ("unicode-14-link", "accept", "F-67", "a target that came with Unicode 14.0", link("\U0001fae0".encode())),
    ("unicode-15-marks", M, "F-67", "U+10EFD, a mark below, behind one above", path("x\u0301\U00010efd")),
    ("unicode-15-marks-b", M, "F-67", "U+1E4EE, a mark below, behind one above", path("x\u0301\U0001e4ee")),
    ("unicode-16-form", M, "F-67", "U+105D2 U+0307, which are U+105C9", path("\U000105d2\u0307")),
    ("unicode-16-form-b", M, "F-67", "U+1611E twice, which is U+16121", path("\U0001611e\U0001611e")),
    ("unicode-16-pair", M, "F-67", "U+1C89 beside its small letter", path("\u1c89", "\u1c8a")),
    ("unicode-16-capital", M, "F-67", "U+0264 beside its capital", path("\u0264", "\ua7cb")),
    (
        "unicode-16-posix",
        M,
        "F-67",
        "U+1C89 where letter case counts",
        lambda: with_tree([("\u1c89", 0, b"")], platform="posix"),
    ),
    ("unicode-15-directory", M, "F-67", "U+0CF3 in a directory's name", path("a/\u0cf3/b")),
    ("unicode-link", M, "F-18 F-67", "U+1C89 in a target", link("\u1c89".encode())),
    ("unicode-never", M, "F-67", "U+0378, which no version has", path("\u0378")),
    ("unicode-none", M, "F-67", "U+FFFE, which will never be a character", path("a\ufffe")),
    ("unicode-last", M, "F-67", "U+10FFFF, the last code point", path("\U0010ffff")),
    (
        "device-space",
        "accept",
        "F-15",
        "a device's name before a space that is not U+0020",
        path("con\u0130n$", "con\u3000"),
    ),
    ("device-dotless", M, "F-15", "'conin$' with a dotless i, whose capital is I", path("con\u0131n$")),
]
