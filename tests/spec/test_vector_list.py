"""vectors.json: its schema, its levels, and what the vectors prove alone."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.support.contents.second_reader import second
from tests.support.repository import REPOSITORY

Draft202012Validator = pytest.importorskip("jsonschema").Draft202012Validator  # which is not locked for Windows
VECTORS = REPOSITORY / "spec" / "vectors"
DOCUMENT: dict[str, Any] = json.loads((VECTORS / "vectors.json").read_text("utf-8"))
SCHEMA = json.loads((VECTORS / "vectors.schema.json").read_text("utf-8"))
ITEMS = [item for value in DOCUMENT.values() if isinstance(value, list) for item in value]


def test_it_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message[:200] for error in Draft202012Validator(SCHEMA).iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"requirements": []},
        {"requirements": "[F-5]"},
        {"isolates": "F5"},
        {"level": "all"},
        {"expect": "refused"},
        {"content": "00"},
        {"more": 1},
    ],
)
def test_the_schema_refuses_other_lists(change: dict[str, Any]) -> None:
    """As of today's first vector, which is accepted."""
    changed = {**DOCUMENT, "vectors": [{**DOCUMENT["vectors"][0], **change}]}
    assert not Draft202012Validator(SCHEMA).is_valid(changed)


def test_what_is_isolated_is_among_the_requirements() -> None:
    assert [item["name"] for item in ITEMS if item["isolates"] not in (None, *item["requirements"])] == []


def test_every_requirement_is_isolated_or_it_is_said_why_not() -> None:
    images = json.loads((VECTORS / "images.json").read_text("utf-8"))["images"]
    isolated = {item["isolates"] for item in (*ITEMS, *images)}
    numbers = {number for level in DOCUMENT["levels"].values() for number in level["requirements"]}
    listed = json.loads((VECTORS / "unproven.json").read_text("utf-8"))
    assert numbers - isolated == {number for item in listed for number in item["requirements"]}
    assert all(len(item["reason"].split()) > 5 for item in listed)


def test_names_are_unique_and_every_file_is_listed() -> None:
    names = [vector["name"] for vector in DOCUMENT["vectors"]]
    assert len(set(names)) == len(names)
    assert {path.stem for path in VECTORS.glob("*.unrep")} == set(names)


def test_the_levels_are_those_of_the_page() -> None:
    """[N-8]: the table of spec/conformance.md, and the product's readers go by the same."""
    page = (REPOSITORY / "spec" / "conformance.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)` )?\| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    told = {name: ([needs] if needs else [], spread(numbers)) for name, needs, numbers in rows}
    assert told == {name: (level["needs"], level["requirements"]) for name, level in DOCUMENT["levels"].items()}


def spread(text: str) -> list[str]:
    """The numbers of such a list, ranges filled in."""
    found = []
    for first, last in re.findall(r"([A-Z]-\d+)(?: to [A-Z]-(\d+))?", text):
        letter, number = first.split("-")
        found += [f"{letter}-{n}" for n in range(int(number), int(last or number) + 1)]
    return found


def test_every_requirement_of_the_format_has_one_level() -> None:
    pages = [(REPOSITORY / "spec" / f"{name}.md").read_text("utf-8") for name in ("format", "references", "rules")]
    defined = {number for page in pages for number in re.findall(r"\*\*\[(F-\d+)\]\*\*", page)}
    listed = [number for level in DOCUMENT["levels"].values() for number in level["requirements"] if number[0] == "F"]
    assert len(set(listed)) == len(listed)
    assert defined - set(listed) == set()


# What the second reader runs only for a vector of that level.
MARKS = {
    "plain": {("unrep_reader.py", "rebuild")},
    "archives": {("archives.py", "open_archive"), ("recipes.py", "_archive"), ("recipes.py", "_shape")},
    "references": {("recipes.py", "_rebased")},
    "derived": {("recipes.py", "_derived")},
    "sealed": {("sealing.py", "content_key")},
}


def test_a_reader_needs_no_higher_level_for_a_vector_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which functions of the second reader a vector reaches tells what it takes to judge it."""
    adapter = second("conformance")
    called: set[tuple[str, str]] = set()
    _note_calls(monkeypatch, called)
    needs = {name: level["needs"] for name, level in DOCUMENT["levels"].items()}
    wrong = {}
    for vector in DOCUMENT["vectors"]:
        called.clear()
        known = {key: DOCUMENT[key] for key in ("trusted", "ship", "base")} | {"ticket": None} | vector
        adapter.answer({**known, "task": "bundle", "file": VECTORS / f"{vector['name']}.unrep", "adopted": False})
        own = "plain" if vector["expect"] == "accept" and vector["level"] == "verify" else vector["level"]
        had = {own, *needs[own], *(more for need in needs[own] for more in needs[need])}
        if more := {level for level, marks in MARKS.items() if marks & called} - had:
            wrong[vector["name"]] = more
    assert wrong == {}


def _note_calls(monkeypatch: pytest.MonkeyPatch, called: set[tuple[str, str]]) -> None:
    """Each of MARKS notes its calls. A profiler would see them as well, and take ten times as long."""
    modules = [second(path.stem) for path in (REPOSITORY / "spec" / "reader").glob("*.py")]
    owners = [owner for module in modules for owner in (module, *vars(module).values())]
    for mark in set.union(*MARKS.values()):
        found = 0
        for owner in owners:
            plain = vars(owner).get(mark[1]) if isinstance(owner, type) or owner in modules else None
            if isinstance(plain, FunctionType) and Path(plain.__code__.co_filename).name == mark[0]:
                monkeypatch.setattr(owner, mark[1], _noting(plain, mark, called))
                found += 1
        assert found, f"the second reader has no {mark}"


def _noting(plain: Callable[..., Any], mark: tuple[str, str], called: set[tuple[str, str]]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        called.add(mark)
        return plain(*arguments, **named)

    return noted
