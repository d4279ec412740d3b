"""Spec and code move together: every numbered requirement is proven somewhere, and every citation leads somewhere."""

import json
import re
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

DEFINED = re.compile(r"\*\*\[([A-Z]-\d+)\]\*\*")
CITED = re.compile(r"\[([A-Z]-\d+)\](?: to \[([A-Z]-\d+)\])?")
FORMAT = ("format.md", "references.md", "rules.md")
SPECS = (
    *FORMAT,
    *("transfer.md", "apply.md", "trust.md", "sealing.md", "repository.md", "receipts.md", "fleet.md"),
    *("kit.md", "conformance.md"),
)
SOURCES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep", "tests", "bench", "spec")


def defined() -> list[str]:
    """Every requirement, in the order of the pages."""
    return [found for name in SPECS for found in DEFINED.findall((REPOSITORY / "spec" / name).read_text("utf-8"))]


def cited(path: Path) -> set[str]:
    """Requirements that a file cites, ranges such as [T-4] to [T-6] filled in."""
    found: set[str] = set()
    text = path.read_text(encoding="utf-8")
    if path.name == "vectors.json":
        listed = [item for items in json.loads(text).values() if isinstance(items, list) for item in items]
        return {number for item in listed for number in item["requirements"]}
    for first, last in CITED.findall(text):
        letter, number = first.split("-")
        end = int(last.split("-")[1]) if last else int(number)
        found |= {f"{letter}-{n}" for n in range(int(number), end + 1)}
    return found


def files(*directories: str) -> list[Path]:
    found = [path for directory in directories for path in (REPOSITORY / directory).rglob("*")]
    return [path for path in found if path.suffix in (".py", ".md", ".json") and "__pycache__" not in path.parts]


def spread(text: str) -> set[int]:
    """The numbers of such a list as F-1, F-3 to F-5."""
    found = re.findall(r"F-(\d+)(?: to F-(\d+))?", text)
    return {n for first, last in found for n in range(int(first), int(last or first) + 1)}


def test_the_format_says_where_each_of_its_numbers_is() -> None:
    """Section 14: the numbers of each page, those that are retired, and those that were never given."""
    text = (REPOSITORY / "spec" / "format.md").read_text("utf-8")
    section = text.split("## 14. Numbers\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?:this page|\[(\S+)\]\(\S+\)) \| (.+) \|$", section, re.MULTILINE)
    assert [name or "format.md" for name, _ in rows] == list(FORMAT)
    for name, numbers in rows:
        page = (REPOSITORY / "spec" / (name or "format.md")).read_text("utf-8")
        assert spread(numbers) == {int(found[2:]) for found in DEFINED.findall(page)}, name
    _, retired, never = section.split("\n- ")
    given = set().union(*(spread(numbers) for _, numbers in rows))
    assert given | spread(retired) | spread(never) == set(range(1, max(given) + 1))
    assert not given & (spread(retired) | spread(never)) and not spread(retired) & spread(never)


def test_each_requirement_is_defined_once() -> None:
    numbers = defined()
    assert len(numbers) > 100, "the pages were not read as they should be"
    assert not {number for number in numbers if numbers.count(number) > 1}


@pytest.mark.parametrize("letter", ["F", "T", "A", "R", "S", "P", "C", "L", "K", "N"])
def test_each_requirement_has_a_test(letter: str) -> None:
    proofs = {number for path in files("tests", "spec/vectors") for number in cited(path)}
    missing = [number for number in defined() if number.startswith(letter) and number not in proofs]
    assert not missing, f"no test and no vector cites {', '.join(missing)}"


def test_no_citation_dangles() -> None:
    known = set(defined())
    pages = [REPOSITORY / "SECURITY.md", REPOSITORY / "README.md"]
    dangling = {str(path.relative_to(REPOSITORY)): cited(path) - known for path in (*files(*SOURCES), *pages)}
    assert not {path: numbers for path, numbers in dangling.items() if numbers}


def test_the_proofs_that_the_threat_model_names_are_there() -> None:
    text = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests|spec|requirements)/[^`]*)`", text))
    assert len(named) > 10 and not [name for name in named if not (REPOSITORY / name).exists()]
    targets = set(re.findall(r"`make (\w+)", text))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert len(targets) > 3 and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
