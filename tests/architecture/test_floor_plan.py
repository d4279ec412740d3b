"""The floor plan holds: few files a room, no circle, no arrow upward, and every room says what it is for."""

import ast
from pathlib import Path

import pytest

from tests.architecture.floor_plan import PACKAGES, circles, imports, plan
from tests.support.repository import REPOSITORY

MOST_FILES = 16


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_no_arrow_upward_and_no_crowded_room(package: str) -> None:
    drawn = plan(package, imports(REPOSITORY), REPOSITORY)
    assert drawn.circles == [] and drawn.upward == []
    assert {room: files for room, files in drawn.rooms.items() if files > MOST_FILES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_it_is_for_and_what_may_be_touched(package: str) -> None:
    for room in {path.parent for path in (REPOSITORY / package).rglob("*.py")}:
        said = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert len(said.split("\n\n")) >= 2, (
            f"{room.relative_to(REPOSITORY)}/__init__.py: what for, and what may be touched"
        )


def made_up(directory: Path, **files: str) -> Path:
    """A checkout with a package `bundle` of those modules."""
    for name, text in files.items():
        path = directory / "bundle" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_a_circle_of_files_and_the_arrow_that_closes_it_are_found(tmp_path: Path) -> None:
    checkout = made_up(
        tmp_path,
        errors="",
        a="from bundle import b, errors",
        b="from bundle.c import name",
        c="def late():\n    import bundle.a\n",
    )
    drawn = plan("bundle", imports(checkout), checkout)
    assert drawn.circles == [["bundle.a", "bundle.b", "bundle.c"]] and len(drawn.upward) == 1
    assert (drawn.flat, drawn.items, drawn.arrows, drawn.fullest) == (4, 4, 4, 4)


def test_rooms_that_import_each_other_without_a_circle_of_files(tmp_path: Path) -> None:
    checkout = made_up(
        tmp_path,
        delta__encode="from bundle.references import scan",
        delta__patch="",
        references__scan="",
        references__apply="from bundle.delta.patch import name",
    )
    drawn = plan("bundle", imports(checkout), checkout)
    assert drawn.circles == [] and len(drawn.upward) == 1 and drawn.rooms == {"bundle/delta": 2, "bundle/references": 2}


def test_floors_are_counted_from_the_ground(tmp_path: Path) -> None:
    checkout = made_up(tmp_path, top="from bundle import middle, ground", middle="from bundle import ground", ground="")
    drawn = plan("bundle", imports(checkout), checkout)
    assert (drawn.floors, drawn.arrows, drawn.upward) == (3, 3, [])
    assert circles({"a": {"b"}, "b": set()}) == []
