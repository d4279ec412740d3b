"""[A-121]: of compiled Python in a release, what Python would write anew aboard is warned of, and nothing else."""

import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import pytest

from unrep.bytecode import timed, warnings


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "d"):
        (tmp_path / "vms" / "app").mkdir(parents=True, exist_ok=True)
        (tmp_path / "vms" / "app" / f"{name}.py").write_text("x = 1\n")
    return tmp_path / "vms"


def compiled(release: Path, name: str, mode: PycInvalidationMode, where: str = "__pycache__/{}.cpython-311.pyc") -> str:
    path = release / "app" / where.format(name)
    compile(str(release / "app" / f"{name}.py"), str(path), invalidation_mode=mode)
    return path.relative_to(release).as_posix()


def test_only_what_is_bound_to_a_time_and_python_looks_for(release: Path) -> None:
    found = compiled(release, "a", PycInvalidationMode.TIMESTAMP)
    compiled(release, "b", PycInvalidationMode.CHECKED_HASH)
    compiled(release, "c", PycInvalidationMode.UNCHECKED_HASH)
    compiled(release, "d", PycInvalidationMode.TIMESTAMP, "{}.pyc")  # a module without a source
    (release / "app" / "__pycache__" / "cut.pyc").write_bytes(b"\xa7\r\r\n")
    (release / "app" / "__pycache__" / "a directory.pyc").mkdir()
    assert [path.as_posix() for path in timed(release)] == [found]


def test_a_release_without_it_is_no_case_for_a_warning(release: Path) -> None:
    assert warnings(release, [release]) == []


def test_a_build_warns_of_the_release_and_of_its_base(release: Path, tmp_path: Path) -> None:
    compiled(release, "a", PycInvalidationMode.TIMESTAMP)
    compiled(release, "b", PycInvalidationMode.TIMESTAMP)
    new = tmp_path / "new" / "app" / "__pycache__" / "a.cpython-311.pyc"
    new.parent.mkdir(parents=True)
    new.write_bytes(bytes(16))

    def unrep(line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "unrep", *line.split()], cwd=tmp_path, capture_output=True, text=True
        )

    assert unrep("keygen --out k").returncode == 0
    built = unrep("build new --product p --version 2 --seq 2 --base vms --key k.key --out b.unrep")
    assert built.returncode == 0 and (tmp_path / "b.unrep").exists()
    said = [line for line in built.stderr.splitlines() if "that Python writes anew where it runs" in line]
    assert [line.split(" files ")[0] for line in said] == ["new: holds 1", "vms: holds 2"]
    assert all("such as app/__pycache__/a.cpython-311.pyc" in line for line in said)
    assert "each ship would find them changed" in said[0] and "no ship has this base" in said[1]
