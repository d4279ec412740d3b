"""The decisions: each has a status and a date, the list names each with it, and what is amended names a later page."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

DECISIONS = REPOSITORY / "spec" / "decisions"
ENTRY = re.compile(r"^\| \[(\d{4})\]\(([\w-]+\.md)\) \| (\S.*) \| (.+) \|$", re.MULTILINE)
HEAD = re.compile(
    r"# (?P<number>\d+)\. \S.*\n\n"
    r"Status: (?P<status>Accepted|(?:Amended|Superseded) by \d{4}(?:, \d{4})*(?: and \d{4})?)\. "
    r"Date: \d{4}-\d\d-\d\d\.\n\n"
)


@dataclass(frozen=True)
class Decision:
    """A page: its number as the file's name has it, and its status."""

    number: str
    file: str
    status: str


def read(path: Path) -> Decision:
    """Raises ValueError for a page that does not begin as README.md says."""
    head = HEAD.match(path.read_text(encoding="utf-8"))
    if not head or int(head["number"]) != int(path.name[:4]):
        raise ValueError(f"{path.name}: begins with no title '# N. …' and no line 'Status: …. Date: ….'")
    return Decision(path.name[:4], path.name, head["status"])


def decisions() -> list[Decision]:
    return [read(path) for path in sorted(DECISIONS.glob("[0-9]*.md"))]


def test_each_decision_has_a_number_of_its_own_a_status_and_a_date() -> None:
    numbers = [one.number for one in decisions()]  # some may be missing: a number is a name
    assert len(set(numbers)) == len(numbers)
    assert len(decisions()) > 18


def test_the_list_names_each_with_its_status() -> None:
    listed = ENTRY.findall((DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert [(number, file, status) for number, file, _, status in listed] == [
        (one.number, one.file, one.status) for one in decisions()
    ]


def test_what_amends_a_decision_came_later() -> None:
    known = {one.number: one for one in decisions()}
    for one in decisions():
        for later in re.findall(r"\d{4}", one.status):
            assert later in known and later > one.number, f"{one.file}: {one.status}"


@pytest.mark.parametrize(
    "head",
    [
        "# 1. A title\n\nStatus: Accepted.\n\nText",
        "# 1. A title\n\nText",
        "# 2. A title\n\nStatus: Accepted. Date: 2026-11-24.\n\nText",
        "# 1. A title\n\nStatus: Perhaps. Date: 2026-11-24.\n\nText",
        "# 1. A title\n\nStatus: Amended by fourteen. Date: 2026-11-24.\n\nText",
    ],
)
def test_a_page_that_begins_otherwise_is_found(head: str, tmp_path: Path) -> None:
    (tmp_path / "0001-a-title.md").write_text(head)
    with pytest.raises(ValueError, match="begins with no title"):
        read(tmp_path / "0001-a-title.md")
