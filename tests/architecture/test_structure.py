"""What the house keeps to: docstrings, sizes, who may sync and rename, and no traces of a workplace."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is for"
    assert text.count("\n") <= MAX_LINES
    assert path.stem not in FORBIDDEN_NAMES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, f"{node.name} is too long to be read"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_functions_and_classes_say_what_they_do(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare


DURABILITY = re.compile(
    r"\b(fsync|syncfs|fdatasync|os\.replace|os\.rename|shutil\.move|shutil\.rmtree|flock|locking)\b"
    r"|(?<!_kernel)\.(rename)\("
)
# What an open file that grows, or a file that is not there yet, asks for itself.
DURABLE_ELSEWHERE = {
    "bundle/host/durable.py": {"fsync", "syncfs", "Path.replace"},
    "bundle/host/directories.py": {"fsync", "os.rename", "os.replace"},
    "bundle/host/locks.py": {"flock", "locking"},
    "bundle/recipients/sidecars.py": {"fsync"},  # of a bundle that is complete, before it gets its name
    "bundle/trust/signing.py": {"fsync"},  # of a new key
    "transfer/disk/partial.py": {"fsync"},  # of an output that grows
    "unrep/kit/building.py": {"rename"},  # of a kit, ashore
    "unrep/renewing/windows_installing.py": {"rename"},  # of a launcher, before it is removed
    "unrep/collect/collect.py": {"rename"},  # of a release directory, ashore
}


def test_one_room_syncs_renames_and_locks() -> None:
    """[A-6]"""
    found = {name(path): _durability(path) for path in MODULES}
    strange = {module: calls - DURABLE_ELSEWHERE.get(module, set()) for module, calls in found.items()}
    assert not {module: calls for module, calls in strange.items() if calls}
    unused = {module for module, calls in DURABLE_ELSEWHERE.items() if not calls <= found[module]}
    assert not unused, "an exception that nothing needs any more"


def _durability(path: Path) -> set[str]:
    code = _code(path)
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    renames = any(ast.unparse(c.func).endswith(".replace") and len(c.args) == 1 and not c.keywords for c in calls)
    return {a or b for a, b in DURABILITY.findall(code)} | ({"Path.replace"} if renames else set())


# What writes on a terminal, whoever calls it.
WRITING = re.compile(
    r"(click\.(echo|secho|style|prompt|confirm|pause|progressbar|edit)|print|pprint|input|tqdm|breakpoint"
    r"|sys\.(__)?std(out|err)(__)?(\..*)?|traceback\.print\w*|logging(\..*)?|warnings\.warn\w*|getpass(\..*)?)"
)


def test_one_module_writes_on_the_console() -> None:
    """[A-95]: all that a person or a program is told passes its one filter."""
    allowed = {
        "unrep/cli.py": {"sys.stderr.close", "sys.stderr"},  # for a reader that has gone
        "unrep/renewing/service_process.py": {"sys.stdout", "sys.stderr"},  # in the place of those that a service lacks
        "unrep/renewing/windows_launcher.py": {"print", "sys.stdout", "sys.stderr"},  # which has nothing else of unrep
    }
    modules = set(MODULES) - {REPOSITORY / "unrep" / "terminal" / "console.py"}
    found = {name(path): set(_writing(path)) - allowed.get(name(path), set()) for path in modules}
    assert not {path: calls for path, calls in found.items() if calls}


def _writing(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [ast.unparse(node)] if isinstance(node, ast.Name | ast.Attribute) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{imported.name}" for imported in node.names)]
        yield from filter(WRITING.fullmatch, names)


def test_the_user_is_never_what_the_environment_says() -> None:
    """[A-96]"""
    asking = re.compile(r"\bgetpass\b|\bgetlogin\b|LOGNAME|USERNAME|\"USER\"")
    assert [name(path) for path in MODULES if asking.search(_code(path))] == []


def test_no_trace_of_a_workplace() -> None:
    trace = re.compile(r"(?<!\w)/(work|farm|root)/|\b(TODO|FIXME|XXX|HACK)\b")
    skipped = {
        ".git",
        ".venv",
        ".venv-audit",
        ".venv-schemathesis",
        ".wine",
        "build",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
    }
    for path in REPOSITORY.rglob("*"):
        if skipped & set(path.parts) or path.suffix not in (".py", ".md", ".toml", ".sh") or path == Path(__file__):
            continue
        found = trace.search(path.read_text(encoding="utf-8"))
        assert not found, f"{name(path)}: {found and found[0]}"


def _code(path: Path) -> str:
    """The code of a module without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
