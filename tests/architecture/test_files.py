"""[A-110]: only `bundle.host` opens files for writing, makes, walks and removes; the rest says what it wants."""

import ast
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
WRITING_METHODS = {
    *("write_bytes", "write_text", "mkdir", "makedirs", "chmod", "fchmod", "rmdir", "rmtree", "copyfile", "copytree"),
    *("touch", "symlink_to", "hardlink_to", "removedirs", "truncate"),
}
OF_MODULES = {("shutil", "copy"), ("shutil", "copy2"), ("os", "walk"), ("os", "scandir"), ("os", "listdir")}
# What is done where a name is ours alone, or is itself the matter.
ALLOWED = {
    (
        "apply/current/symlink.py",
        "symlink_to",
    ): "the link `current` itself, where no other account may write",
    ("apply/making.py", "mkdir"): "a new directory in staging, which is closed to others",
    ("apply/update.py", "mkdir"): "a new directory in staging, which is closed to others",
    ("apply/site/trusted.py", "mkdir"): "a new directory in .unrep, which is closed to others",
    ("transfer/disk/partial.py", "truncate"): "of an open file",
    ("transfer/disk/state_file.py", "truncate"): "of an open file",
    ("transfer/broadcasting/symbols.py", "truncate"): "of an open file",
    ("transfer/publishing/object_store.py", "open"): "an object of a store",
    ("unrep/terminal/console.py", "open"): "the null device, for a stream that is closed",
    ("unrep/renewing/service_process.py", "open"): "of a descriptor that bundle.host has opened",
    ("unrep/collect/collect.py", "rmdir"): "an empty directory that a person named",
    ("unrep/kit/building.py", "rmdir"): "an empty directory that a person named",
    ("unrep/kit/archive.py", "open"): "a tar in a file that bundle.host has made",
    ("unrep/collect/wheels.py", "write_text"): "in a temporary directory of its own",
}
OWN_SCRATCH = ("unrep/demo/", "unrep/selftest/")  # work in a directory that they make and remove


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = node.func
            found.append((named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", ""), node))
    return found


def opens_for_writing(name: str, call: ast.Call) -> bool:
    if name != "open":
        return False
    texts = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
    flags = {a.attr for a in ast.walk(call) if isinstance(a, ast.Attribute) and a.attr.startswith("O_")}
    modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwxab+t") and text]
    return any(set(mode) & set("wxa+") for mode in modes) or bool(flags & {"O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC"})


def writers(path: Path) -> set[str]:
    found = calls(ast.parse(path.read_text(encoding="utf-8")))
    return {
        name
        for name, call in found
        if name in WRITING_METHODS or (module_of(call), name) in OF_MODULES or opens_for_writing(name, call)
    }


def module_of(call: ast.Call) -> str:
    value = call.func.value if isinstance(call.func, ast.Attribute) else None
    return value.id if isinstance(value, ast.Name) else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_else_writes(package: str) -> None:
    found = {
        (name, writer)
        for path in (REPOSITORY / package).rglob("*.py")
        if not (name := path.relative_to(REPOSITORY).as_posix()).startswith(("bundle/host/", *OWN_SCRATCH))
        for writer in writers(path)
    }
    assert sorted(found - set(ALLOWED)) == []


def test_no_allowance_is_left_over() -> None:
    unused = [(name, writer) for name, writer in ALLOWED if writer not in writers(REPOSITORY / name)]
    assert unused == []


@pytest.mark.parametrize(
    "code", ["Path('x').write_text('')", "open('x', 'w')", "p.open('r+b')", "os.open(p, os.O_RDWR)", "shutil.rmtree(p)"]
)
def test_the_search_finds_what_it_looks_for(code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert writers(tmp_path / "module.py")


def test_whether_something_is_there_is_asked_in_one_place() -> None:
    """Since Python 3.14 these methods of `Path` take a refusal for a no: `bundle.host.presence` does not."""
    asking = {"exists", "is_file", "is_dir"}
    found = [
        f"{path.relative_to(REPOSITORY)}:{call.lineno}"
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if not path.relative_to(REPOSITORY).as_posix().startswith(OWN_SCRATCH)
        for name, call in calls(ast.parse(path.read_text(encoding="utf-8")))
        if name in asking and not call.args and not call.keywords
    ]
    assert not found
