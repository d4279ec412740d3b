"""A command in one line, in the words that the operating system makes of it."""

import os

import pytest

from bundle.errors import InputError
from unrep.beginning.command_line import words_of


def test_words() -> None:
    assert words_of("") == words_of("  ") == ()
    assert words_of('run --as "a b" c') == ("run", "--as", "a b", "c")


@pytest.mark.skipif(os.name != "posix", reason="the shell of POSIX")
def test_a_quote_that_does_not_close() -> None:
    with pytest.raises(InputError, match="is no command: no closing quotation"):
        words_of("run 'a")


@pytest.mark.skipif(os.name != "nt", reason="the rules of Windows")
def test_backslashes_are_of_the_path() -> None:
    assert words_of(r'"C:\Program Files\a.exe" C:\b "x\"y"') == (r"C:\Program Files\a.exe", r"C:\b", 'x"y')
