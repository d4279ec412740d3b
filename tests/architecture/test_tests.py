"""What the tests keep to: rooms that mirror the packages, shared parts in tests/support, and a map of these."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

TESTS = REPOSITORY / "tests"
SUPPORT = TESTS / "support"
PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
ENTRY = re.compile(r"^(?:\| )?`([\w./-]+)`(?: \||) (\S.*)$", re.MULTILINE)


def files(directory: Path, pattern: str = "*") -> list[Path]:
    found = [path for path in directory.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts]
    return sorted(found)


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, with dots; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imported_tests(path: Path) -> list[str]:
    """Modules of tests among the imports of a file."""
    return [name for name in imported(path) if re.fullmatch(r"tests(\.\w+)*\.(test_\w+|conftest)(\.\w+)?", name)]


def unmirrored(tests: Path, package: Path) -> list[str]:
    """Folders of a package's tests that are no folder of the package."""
    folders = {path.parent.relative_to(tests) for path in files(tests)}
    return sorted(folder.as_posix() for folder in folders if not (package / folder).is_dir())


def test_the_map_of_the_support_names_every_file() -> None:
    listed = dict(ENTRY.findall((SUPPORT / "README.md").read_text(encoding="utf-8")))
    there = {path.relative_to(SUPPORT).as_posix() for path in files(SUPPORT)} - {"README.md"}
    assert listed.keys() == there, f"not in both: {sorted(listed.keys() ^ there)}"


def test_no_test_imports_another_test() -> None:
    """What two tests need lies in tests/support."""
    found = {path.relative_to(TESTS).as_posix(): imported_tests(path) for path in files(TESTS, "*.py")}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    "line",
    [
        "from tests.bundle.delta.test_bsdiff import applied",
        "import tests.bundle.delta.test_bsdiff",
        "from tests.bundle.delta import test_bsdiff",
        "def f():\n    from tests.crash.conftest import scenes",
    ],
)
def test_the_search_finds_such_an_import(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert imported_tests(tmp_path / "module.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_of_the_tests_are_those_of_the_package(package: str) -> None:
    assert unmirrored(TESTS / package, REPOSITORY / package) == []


def test_a_room_of_tests_alone_is_found(tmp_path: Path) -> None:
    for name in ("tests/read", "tests/rooms", "package/read"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "test_x.py").touch()
    assert unmirrored(tmp_path / "tests", tmp_path / "package") == ["rooms"]
