"""The pages are plain: 18 words a sentence at most in the mean, and no line over 120. Figures: `prose.py`."""

from pathlib import Path

import pytest

from tests.architecture.prose import MAX_WIDTH, pages, read, sentences
from tests.support.repository import REPOSITORY

MAX_MEAN_WORDS = 18
MAX_README_WORDS = 760
HELD = pages(REPOSITORY)


@pytest.mark.parametrize("path", HELD, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_page(path: Path) -> None:
    got = read(path.read_text(encoding="utf-8"), path.name)
    assert got.mean_words <= MAX_MEAN_WORDS
    assert got.wide == 0, f"{got.wide} lines over {MAX_WIDTH} characters"


def test_all_are_there() -> None:
    assert len(HELD) > 40


def test_readme_stays_short() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").split()) <= MAX_README_WORDS


PAGE = """# A heading is no sentence

One two `three with four` five. Six [seven eight](there.md)
nine; ten!

- an entry. And another

| a table | is none |

```sh
nor is code.
```
"""


def test_sentences_are_found() -> None:
    found = ["One two code five", "Six seven eight nine; ten", "an entry", "And another"]
    assert sentences(PAGE) == found


def test_the_figures_are_right() -> None:
    got = read(PAGE + "x" * 121 + "\n\n|" + "x" * 121, "page")
    assert (got.sentences, got.words, got.semicolons, got.wide, got.wide_rows) == (5, 14, 1, 1, 1)
