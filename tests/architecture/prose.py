"""How the pages read, in figures: README.md, SECURITY.md, docs/ and spec/.

    python -m tests.architecture.prose [CHECKOUT]

One row a page: sentences; mean words a sentence; semicolons a sentence; lines over 120 characters. Then the words of
README.md. Only prose counts: no code blocks, tables, headings and pictures. Code in backticks is one word. A
sentence ends with `.`, `!` or `?`, and at the end of a paragraph or of an entry of a list.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import REPOSITORY

PAGES = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASE.md")
MAX_WIDTH = 120
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_NO_PROSE = re.compile(r"^\s*(\||#|!\[|<|:?-{3,}|!!! )")
_ENTRY = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_CODE = re.compile(r"`+[^`]*`+")
_END = re.compile(r"[.!?](?=[\s)*\"']|$)")
_WORD = re.compile(r"[\w][\w'’.,/+%-]*")


@dataclass(frozen=True)
class Reading:
    """The figures of one page. `wide`: lines over MAX_WIDTH, rows of tables apart in `wide_rows`."""

    page: str
    sentences: int
    words: int
    semicolons: int
    wide: int
    wide_rows: int

    @property
    def mean_words(self) -> float:
        return self.words / max(self.sentences, 1)


def pages(checkout: Path) -> list[Path]:
    """The pages that are read: README first, then docs/, then the specification."""
    own = [checkout / name for name in PAGES if (checkout / name).exists()]
    return own + sorted((checkout / "docs").rglob("*.md")) + sorted((checkout / "spec").rglob("*.md"))


def read(text: str, page: str) -> Reading:
    """The figures of a page."""
    found = sentences(text)
    wide = [line for line in text.splitlines() if len(line) > MAX_WIDTH]
    rows = sum(line.lstrip().startswith("|") for line in wide)
    return Reading(
        page, len(found), sum(map(count_words, found)), sum(s.count(";") for s in found), len(wide) - rows, rows
    )


def sentences(text: str) -> list[str]:
    """The sentences of the prose."""
    found = []
    for block in _blocks(_FENCE.sub("\n", text)):
        plain = _CODE.sub("code", _LINK.sub(r"\1", block))
        found += [part.strip() for part in _END.split(plain) if _WORD.search(part)]
    return found


def _blocks(text: str) -> list[str]:
    """Paragraphs and entries of lists, each in one line."""
    blocks = [""]
    for line in text.splitlines():
        if not line.strip() or _NO_PROSE.match(line):
            blocks.append("")
        elif _ENTRY.match(line):
            blocks.append(_ENTRY.sub("", line))
        else:
            blocks[-1] += f" {line.strip()}"
    return [block for block in blocks if block.strip()]


def count_words(sentence: str) -> int:
    """Words of a sentence."""
    return len(_WORD.findall(sentence))


def main() -> None:
    """Prints the figures of a checkout."""
    checkout = Path(sys.argv[1]).resolve() if sys.argv[1:] else REPOSITORY
    print(f"{'page':58}{'sentences':>10}{'words each':>12}{'; each':>8}{'over 120':>10}{'in tables':>10}")
    for path in pages(checkout):
        got = read(path.read_text(encoding="utf-8"), path.relative_to(checkout).as_posix())
        print(
            f"{got.page:58}{got.sentences:10}{got.mean_words:12.1f}{got.semicolons / max(got.sentences, 1):8.2f}"
            f"{got.wide:10}{got.wide_rows:10}"
        )
    print(f"README.md: {len((checkout / 'README.md').read_text(encoding='utf-8').split())} words")


if __name__ == "__main__":
    main()
