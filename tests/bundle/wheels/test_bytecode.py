"""Compiled Python and the time of its source: bundle.wheels.bytecode, and what a build makes of it [A-122]."""

import os
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import pytest

from bundle.read.reader import open_bundle
from bundle.read.tree import scan
from bundle.wheels.bytecode import Compiled, compiled_by_time, source_of
from tests.support.contents.releases import TRUST, build_from

TIMED = PycInvalidationMode.TIMESTAMP


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__pycache__/m.cpython-311.pyc", "m.py"),
        ("a/b/__pycache__/m.cpython-311.opt-1.pyc", "a/b/m.py"),
        ("a/m.pyc", None),
        ("a/__pycache__/m.py", None),
        ("a/my__pycache__/m.cpython-311.pyc", None),
    ],
)
def test_whose_it_is(path: str, source: str | None) -> None:
    assert source_of(path) == source


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "vms" / "app").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (tmp_path / "vms" / "app" / f"{name}.py").write_text("x = 1\n")
        os.utime(tmp_path / "vms" / "app" / f"{name}.py", (1_700_000_000.75, 1_700_000_000.75))
    return tmp_path / "vms"


def made(release: Path, name: str, mode: PycInvalidationMode = TIMED, tag: str = "cpython-311") -> str:
    path = release / "app" / "__pycache__" / f"{name}.{tag}.pyc"
    compile(str(release / "app" / f"{name}.py"), str(path), invalidation_mode=mode)
    return path.relative_to(release).as_posix()


def found(release: Path) -> list[Compiled]:
    return list(compiled_by_time(release, scan(release).entries.paths))


def has_feature(release: Path) -> bool:
    build_from(release, [], release.parent / "b.unrep")
    with open_bundle(release.parent / "b.unrep", TRUST) as bundle:
        return bundle.root.has_python_times


def test_one_that_fits(release: Path) -> None:
    path = made(release, "a")
    assert found(release) == [Compiled(path, "app/a.py", 1_700_000_000, fits=True)]
    assert has_feature(release)


def test_one_whose_source_was_written_since(release: Path) -> None:
    """Of the same size: with the old time it would look fresh, and Python would run what the source was."""
    made(release, "a")
    made(release, "b")
    (release / "app" / "b.py").write_text("x = 2\n")
    assert [compiled.fits for compiled in found(release)] == [True, False]
    assert not has_feature(release)


def test_one_whose_source_has_another_size_fits_no_time_and_does_no_harm(release: Path) -> None:
    made(release, "a")
    path = made(release, "b")
    (release / "app" / "b.py").write_text("x = 1000\n")
    assert found(release)[1] == Compiled(path, "app/b.py", -1, fits=False)
    assert has_feature(release)


def test_what_belongs_to_no_time_or_to_no_source(release: Path) -> None:
    made(release, "a", PycInvalidationMode.CHECKED_HASH)
    made(release, "b", PycInvalidationMode.UNCHECKED_HASH)
    made(release, "c")
    (release / "app" / "c.py").unlink()
    cache = release / "app" / "__pycache__"
    (cache / "a.cut.pyc").write_bytes(b"\xa7\r\r\n")
    (cache / "b.directory.pyc").mkdir()
    assert found(release) == [] and not has_feature(release)


def test_a_release_without_python_needs_nothing_of_a_reader(release: Path) -> None:
    assert not has_feature(release)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_release_that_is_named_by_a_link(release: Path) -> None:
    made(release, "a")
    (release.parent / "link").symlink_to(release)
    assert has_feature(release.parent / "link")
