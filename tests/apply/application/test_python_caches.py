"""An application in Python writes `__pycache__` into every version that it runs in; to no command does that matter."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import pytest

from apply.errors import RolledBack
from apply.rebuild.installed import damaged_places, open_installed
from apply.retention import collect_garbage
from bundle.trust.signing import load_private_key
from bundle.write.builder import BuildRequest, build
from tests.support.sites.site import QUIET, Ship, shore

IMPORT = (
    "import sys; from importlib.machinery import SourceFileLoader\nSourceFileLoader('start', sys.argv[1]).load_module()"
)


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """One where health is asked of a Python that imports a file of the release."""
    ship = Ship(tmp_path)
    argv = json.dumps([sys.executable, "-c", IMPORT, "{tree}/bin/start"])
    check = f'[[health]]\ntype = "command"\nargv = {argv}\ntimeout_s = 20\n'
    ship.configure(extra=f"{check}[retention]\nkeep = 0\n")
    return ship


def cached(ship: Ship) -> list[str]:
    """The versions that hold compiled files."""
    return sorted(path.parents[2].name for path in ship.site.versions.glob("*/bin/__pycache__/start*.pyc"))


def test_updates_rollbacks_and_removal_go_on(ship: Ship) -> None:
    """[A-1], [A-13], [A-22], [A-26], [A-33]"""
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert cached(ship) == ["1.0.0", "1.0.1"]
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    assert ship.roll_back().to_version == "1.0.0"
    assert ship.roll_back("1.0.1").to_version == "1.0.1"
    assert ship.state.current and not damaged_places(open_installed(ship.site, ship.state.current))
    assert ship.rehearse(shore().bundle("1.0.2", 4, "1.0.1")).outcome == "would-apply"
    assert ship.apply(shore().bundle("1.0.2", 4, "1.0.1")).outcome == "applied"
    collect_garbage(ship.root, ship.config)
    assert cached(ship) == ["1.0.1", "1.0.2"] and not ship.leftovers()
    assert sorted(path.name for path in ship.site.versions.iterdir()) == ["1.0.1", "1.0.2"]


def test_none_comes_into_the_next_version(ship: Ship) -> None:
    """[A-19] What is compiled there is that version's own."""
    ship.apply(shore().bundle("1.0.0", 1, full=True))
    ship.configure()
    ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert cached(ship) == ["1.0.0"]


class TestARelease:
    """[A-122]: one that brings its `__pycache__`, as every `pip install --target` makes it."""

    @staticmethod
    def release(directory: Path, number: int) -> Path:
        directory.mkdir()
        (directory / "health.txt").write_text("ok")
        (directory / "module.py").write_text(f"value = {number}\n")
        (directory / "steady.py").write_text("value = 0\n")
        for name in ("module", "steady"):
            os.utime(directory / f"{name}.py", (1_600_000_000 + number, 1_600_000_000 + number))
            compile(str(directory / f"{name}.py"), invalidation_mode=PycInvalidationMode.TIMESTAMP)
        return directory

    @staticmethod
    def bundle(new: Path, seq: int, *bases: Path) -> Path:
        out = new.with_suffix(".unrep")
        request = BuildRequest(new=new, product="vms", version=f"{seq}", seq=seq, out=out, bases=bases)
        with ThreadPoolExecutor(1) as pool:
            build(request, load_private_key(shore().directory / "sender.key"), pool, QUIET)
        return out

    @staticmethod
    def imported(ship: Ship, version: str) -> str:
        """What the application says, as it is run: with caches."""
        argv = [sys.executable, "-c", "import module, steady; print(module.value, steady.value)"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return subprocess.run(
            argv, cwd=ship.site.tree(version), check=True, capture_output=True, text=True, env=environment
        ).stdout.strip()

    def test_running_it_changes_none_of_its_files(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        old, new = self.release(tmp_path / "old", 1), self.release(tmp_path / "new", 2)
        ship.apply(self.bundle(old, 1))
        assert self.imported(ship, "1") == "1 0"
        assert ship.state.current and not damaged_places(open_installed(ship.site, ship.state.current))
        assert ship.apply(self.bundle(new, 2, old)).outcome == "applied"
        assert self.imported(ship, "2") == "2 0"
        assert ship.state.current and not damaged_places(open_installed(ship.site, ship.state.current))
        assert (ship.site.tree("2") / "steady.py").stat().st_mtime == 1_600_000_002

    def test_a_stale_file_does_not_come_to_look_fresh(self, tmp_path: Path) -> None:
        ship, old = Ship(tmp_path), self.release(tmp_path / "old", 1)
        (old / "module.py").write_text("value = 7\n")  # of the same size, after it was compiled
        ship.apply(self.bundle(old, 1))
        assert self.imported(ship, "1") == "7 0"
