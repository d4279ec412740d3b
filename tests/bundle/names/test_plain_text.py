"""Whatever characters a name holds, what is shown of it is one line of printable ones [A-95]."""

import sys
import unicodedata

import pytest

from bundle.names.plain_text import MOST_QUOTED, each_text, excerpt, plain, whole


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 東京 ⚠ C:\\x86\\new", "Zürich 東京 ⚠ C:\\x86\\new"),
        ("\x1b[31m\r\n\t\0\x7f", r"\x1b[31m\r\n\t\x00\x7f"),
        ("\x85\x9b", r"\x85\x9b"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202a\u202e\u2066\u2069\u200e\u200f\u061c", r"\u202a\u202e\u2066\u2069\u200e\u200f\u061c"),
        ("\u200b\u200d\u2060\ufeff\u00ad", r"\u200b\u200d\u2060\ufeff\xad"),
        ("\ue000\U000e0041\uffff", r"\ue000\U000e0041\uffff"),
        ("\udcff\ud800", r"\udcff\ud800"),
    ],
)
def test_what_does_not_print_is_written_out(text: str, shown: str) -> None:
    """[A-95]"""
    assert plain(text) == shown == plain(shown)


def test_every_character() -> None:
    """[A-95]: as Python counts, whose table of Unicode is newer with each version."""
    for character in map(chr, range(sys.maxunicode + 1)):
        shown = plain(character)
        assert shown.isprintable() and shown.encode()
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert shown.isascii() and shown[0] == "\\"


def test_two_names_that_look_alike_do_not() -> None:
    assert len({plain(name) for name in ("a", "a\u200b", "\u202ea", "a\n", "a\udcff", "a\xa0")}) == 6


@pytest.mark.parametrize("length", [0, 1, MOST_QUOTED, MOST_QUOTED + 1, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "\x1b", "\U000e0001"])
def test_an_excerpt_is_short(length: int, letter: str) -> None:
    """[A-95]"""
    found = excerpt(letter * length)
    assert len(found) <= MOST_QUOTED and found.isprintable()
    assert found == plain(letter * length) or found.endswith("…")


def test_a_document() -> None:
    document = {"a": "\udcff", "b": ["\x1b", {"c": ("é\n", 1, None, True, 0.5)}]}
    assert each_text(document, plain) == {"a": r"\udcff", "b": [r"\x1b", {"c": [r"é\n", 1, None, True, 0.5]}]}
    assert each_text(document, whole) == {"a": r"\udcff", "b": ["\x1b", {"c": ["é\n", 1, None, True, 0.5]}]}
