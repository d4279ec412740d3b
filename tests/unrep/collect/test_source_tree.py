"""What belongs into a release: `.gitignore` as git itself applies it, and what tools leave behind."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.host.progress import Quiet
from unrep.collect.source_tree import copy, walk
from unrep.errors import CollectError

FILES = (
    "a.txt",
    "b.log",
    "keep/a.txt",
    "keep/b.log",
    "build/a.txt",
    "build/keep/b.log",
    "keep/build/a.txt",
    "a b",
    "[a",
    "é",
    "!a",
)
PATTERNS = (
    *(
        "*",
        "*.log",
        "!*.log",
        "build",
        "build/",
        "/build",
        "!build/",
        "!build",
        "keep/*",
        "!keep/b.log",
        "/keep/build/",
    ),
    *(
        "**/build",
        "build/**",
        "!*/",
        "/*",
        "!/keep",
        "!keep/",
        "a.???",
        "[ab].log",
        "# comment",
        "\\!x",
        "keep/**/a.txt",
    ),
    *(
        "*.txt ",
        "!a.txt",
        "keep/build/a.txt",
        "!/build/keep/",
        "/a.txt",
        "!",
        "/",
        "[a",
        "***",
        "k**p/",
        "b*/",
        "**/b.log",
        "keep/**",
    ),
)
FRAGMENTS = (
    *("a", "b", "k", "keep", "build", ".txt", ".log", "/", "*", "**", "**/", "/**", "?", ".", "-", "^", "!", "#", " "),
    *("[", "]", "\\", "[a-b]", "[!a]", "[^b]", "[]a]", "[b-a]", "[[:alpha:]]", "[[:nothing:]]", "\r", "é"),
)


def make(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def found(directory: Path, without: Callable[[Path], bool] = lambda path: False) -> set[str]:
    return {path.as_posix() for path in walk(directory, without).files}


def git_finds(directory: Path, top: Path) -> set[str]:
    """What git would add from `directory`, of a work tree in which nothing is added yet."""
    command = [
        "git",
        "-C",
        str(directory),
        "-c",
        "core.excludesFile=",
        "ls-files",
        "-z",
        "--others",
        "--exclude-standard",
    ]
    environment = {
        **os.environ,
        "GIT_DIR": str(top / ".git"),
        "GIT_WORK_TREE": str(top),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return {os.fsdecode(name) for name in output.split(b"\0") if name}


rules = st.lists(
    st.sampled_from(PATTERNS) | st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5).map("".join), max_size=4
)


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git work tree with files in several directories and nothing added."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed: nothing to compare with")
    directory = tmp_path_factory.mktemp("work")
    subprocess.run(["git", "init", "-q", "--template=", str(directory)], check=True)
    make(directory, dict.fromkeys(FILES, ""))
    return directory


@settings(max_examples=100, deadline=None, derandomize=True)
@given(top=rules, keep=rules, build=rules)
def test_the_same_files_as_git(work_tree: Path, top: list[str], keep: list[str], build: list[str]) -> None:
    for place, lines in (("", top), ("keep/", keep), ("build/", build)):
        make(work_tree, {f"{place}.gitignore": "\n".join(lines) + "\n"})
    assert found(work_tree) == git_finds(work_tree, work_tree)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(top=rules, keep=rules)
def test_the_same_files_as_git_below_the_top(work_tree: Path, top: list[str], keep: list[str]) -> None:
    make(work_tree, {".gitignore": "\n".join(["/build/", *top, "!/keep/"]) + "\n", "keep/.gitignore": "\n".join(keep)})
    assert found(work_tree / "keep") == git_finds(work_tree / "keep", work_tree)


def test_a_deeper_file_wins_and_an_ignored_directory_is_not_entered(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            ".gitignore": "*.log\n/cache/\n",
            "a.log": "",
            "logs/.gitignore": "!*.log\n",
            "logs/b.log": "",
            "cache/.gitignore": "!*\n",
            "cache/c.txt": "",
        },
    )
    assert found(tmp_path) == {".gitignore", "logs/.gitignore", "logs/b.log"}
    assert {path.as_posix() for path in walk(tmp_path, lambda path: False).left_out} == {"a.log", "cache"}


def test_rules_above_the_source_count_within_its_work_tree(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.py\n", "work/.gitignore": ".env\n", "work/app/.env": "", "work/app/a.py": ""})
    (tmp_path / "work" / ".git").mkdir()
    assert found(tmp_path / "work" / "app") == {"a.py"}
    (tmp_path / "work" / ".git").rmdir()
    assert found(tmp_path / "work" / "app") == {".env", "a.py"}, (
        "outside a work tree, only the source's own rules count"
    )


def test_a_source_that_is_itself_ignored_was_asked_for_by_name(tmp_path: Path) -> None:
    make(
        tmp_path,
        {".gitignore": "/dist/\n", "dist/app/a.txt": "", "dist/app/.gitignore": "b.txt\n", "dist/app/b.txt": ""},
    )
    (tmp_path / ".git").mkdir()
    assert found(tmp_path / "dist" / "app") == {"a.txt", ".gitignore"}
    assert found(tmp_path / "dist") == {"app/a.txt", "app/.gitignore"}


def test_what_tools_leave_behind_stays_out_whatever_the_rules_say(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            ".gitignore": "!*\n",
            "a.py": "",
            "old.pyc": "",
            "pkg/__pycache__/a.cpython-311.pyc": "",
            ".git/config": "",
            "environment/pyvenv.cfg": "",
            "environment/lib/x.py": "",
            **{f"{name}/x": "" for name in (".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox")},
            "node_modules/x/index.js": "",
        },
    )
    assert found(tmp_path) == {".gitignore", "a.py", "node_modules/x/index.js"}


@pytest.mark.skipif(os.name == "nt", reason="modes, links and pipes of POSIX")
def test_copies_have_one_of_two_modes_and_links_stay_links(tmp_path: Path) -> None:
    source, copied = tmp_path / "source", tmp_path / "copied"
    make(source, {"run.sh": "#!/bin/sh\n", "bin/data": "x"})
    (source / "run.sh").chmod(0o711)
    (source / "bin" / "data").chmod(0o600)
    (source / "link").symlink_to("bin/data")
    copy(source, walk(source, lambda path: False).files, copied, Quiet())
    assert (copied / "run.sh").stat().st_mode & 0o7777 == 0o755
    assert (copied / "bin" / "data").stat().st_mode & 0o7777 == 0o644
    assert (copied / "link").readlink() == Path("bin/data")


@pytest.mark.skipif(os.name == "nt", reason="modes, links and pipes of POSIX")
def test_a_pipe_is_refused_and_an_ignored_one_is_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CollectError, match="pipe: neither file nor directory"):
        walk(tmp_path, lambda path: False)
    make(tmp_path, {".gitignore": "pipe\n"})
    assert found(tmp_path) == {".gitignore"}
