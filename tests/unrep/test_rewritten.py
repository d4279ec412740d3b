"""[A-121], [A-123]: of what a release's own application would change, a build warns, and of nothing else."""

import os
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import pytest

from tests.support.observers.command import run
from unrep.rewritten import warnings


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / "vms" / "app").mkdir(parents=True, exist_ok=True)
        (tmp_path / "vms" / "app" / f"{name}.py").write_text("x = 1\n")
    return tmp_path / "vms"


def compiled(release: Path, name: str, mode: PycInvalidationMode = PycInvalidationMode.TIMESTAMP) -> str:
    path = release / "app" / "__pycache__" / f"{name}.cpython-311.pyc"
    compile(str(release / "app" / f"{name}.py"), str(path), invalidation_mode=mode)
    return path.relative_to(release).as_posix()


def test_compiled_files_that_fit_their_sources_are_no_case_for_a_warning(release: Path) -> None:
    compiled(release, "a")
    compiled(release, "b", PycInvalidationMode.CHECKED_HASH)
    assert warnings(release, [release]) == []


def test_those_that_do_not_are_named(release: Path) -> None:
    for name in "abcde":
        path = compiled(release, name)
        if name != "c":
            os.utime(release / "app" / f"{name}.py", (7, 7))
    (said,) = warnings(release, [])
    assert said.startswith(f"{release}: app/__pycache__/a.cpython-311.pyc, ") and "and 1 more: compiled for" in said
    assert path not in said, "more than the first three"
    assert "Python writes 5 compiled files anew" in said, "the one that fits is among them [A-122]"
    for name in "abcde":
        (release / "app" / f"{name}.py").write_text("x = 1000\n" if name == "a" else "x = 1\n")
        if name != "a":
            compiled(release, name)
    (said,) = warnings(release, [])
    assert f"{release}: app/__pycache__/a.cpython-311.pyc: compiled for" in said and "writes 1 compiled files" in said


@pytest.mark.parametrize(
    "name", ["run.log", "a/RUN.LOG.7", "db.sqlite3", "x.db", "x.db-wal", "x.sqlite-journal", "deep/er/x.pid"]
)
def test_what_applications_write_to(release: Path, name: str) -> None:
    (release / name).parent.mkdir(parents=True, exist_ok=True)
    (release / name).touch()
    (said,) = warnings(release, [])
    assert said.startswith(f"{release}: {name}: of a kind that applications write to")


@pytest.mark.parametrize("name", ["log", "blog.py", "logger.login", "db.py", "pid", "x.logs", "sqlite3.so"])
def test_what_only_looks_like_it(release: Path, name: str) -> None:
    (release / name).touch()
    assert warnings(release, []) == []


def test_a_base_that_was_run(release: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "app").mkdir(parents=True)
    (base / "app" / "a.py").write_text("x = 1\n")
    left = compiled(base, "a")
    (base / "run.log").touch()
    (said,) = warnings(release, [base])
    assert said.startswith(f"{base}: {left}, run.log: left by running it, and not in {release}")
    compiled(release, "a")
    (base / "run.log").unlink()
    assert warnings(release, [base]) == [], "the new release has it too, so it came by the build"


def test_a_build_says_it_and_goes_on(release: Path, tmp_path: Path) -> None:
    (release / "db.sqlite3").touch()

    assert run(f"keygen --out {tmp_path / 'k'}")[0] == 0
    line = f"build {release} --product p --version 2 --seq 2 --key {tmp_path / 'k.key'} --out {tmp_path / 'b.unrep'}"
    code, _, told = run(f"{line} --workers 1")
    assert code == 0 and (tmp_path / "b.unrep").exists()
    assert "db.sqlite3: of a kind that applications write to" in told
