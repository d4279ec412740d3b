"""A stick with any mix of things, and an agent that takes the right version from it, with no hand."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.host.progress import Quiet
from tests.support.repository import REPOSITORY
from tests.support.sites.agents import Agency
from tests.support.sites.site import PATIENCE_S, Ship, shore
from transfer.volumes.export import export


def unrep(*argv: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unrep", *map(str, argv)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Three bundles, the volumes of two other releases, and a text file."""
    directory = tmp_path / "stick"
    directory.mkdir()
    bundles = (("1.0.1", 2, "1.0.0"), ("1.0.2", 3, "1.0.1"), ("1.0.9", 10, "1.0.8"))
    for number, bundle in enumerate(bundles):
        shutil.copy(shore().bundle(*bundle), directory / f"{number}.dat")
    export(shore().bundle("1.0.3", 4, "1.0.2"), 70_000, [directory], Quiet())
    export(shore().bundle("1.0.4", 5, "1.0.1"), 70_000, [directory], Quiet())
    (directory / "for the mate.txt").write_text("Please plug in.")
    return directory


def test_the_newest_that_can_be_reached_is_taken(stick: Path, tmp_path: Path) -> None:
    """[T-142], [T-146], [A-130]: 1.0.9 cannot be reached; 1.0.4 can, over 1.0.1, in one switch."""
    agency = Agency(Ship.sailing(tmp_path, "1.0.0"), tmp_path)
    agency.source = stick
    agency.configure()
    ended = unrep("agent", "--site", agency.ship.root, "--once")
    assert agency.ship.current == "1.0.4" and ended.returncode == 0, ended.stderr
    assert agency.ship.calls.count("restart 1.0.4 current=1.0.4") == 1
    assert sum(run["outcome"] == "applied" for run in agency.ship.runs) == 2, "the first install, and this one"
    agency.ship.check_sound()


def test_by_hand_as_well_and_the_commands_say_what_lacks(stick: Path, tmp_path: Path) -> None:
    """[A-130], [A-131], [T-149]"""
    ship, trust = Ship.sailing(tmp_path, "1.0.0"), shore().trust_file
    out, terms = tmp_path / "got.unrep", ("--site", ship.root, "--trust", trust)
    fetched = unrep("fetch", stick, *terms, "--out", out)
    assert fetched.returncode == 0, fetched.stderr
    applied = unrep("apply", out, *terms)
    assert applied.returncode == 0 and "rebuilt over 1.0.1" in applied.stdout and ship.current == "1.0.4"
    for path in [*stick.glob("*.volume"), stick / "0.dat", stick / "1.dat"]:
        path.unlink()
    lost = unrep("fetch", stick, *terms, "--out", tmp_path / "next.unrep")
    tree = shore().tree("1.0.4")
    assert lost.returncode == 8 and f"from base 1.0.4 (tree {tree[:4]} {tree[4:8]})" in lost.stderr


def test_a_stranded_ship_says_so_wherever_it_is_asked(tmp_path: Path) -> None:
    """[A-131]: the exit codes of the agent and of status."""
    agency = Agency(Ship.sailing(tmp_path, "1.0.0"), tmp_path)
    agency.publish(shore().bundle("1.0.2", 3, "1.0.1"))
    assert unrep("agent", "--site", agency.ship.root, "--once").returncode == 8
    status = unrep("status", "--site", agency.ship.root)
    assert status.returncode == 8 and "STRANDED below 1.0.2: stranded: nothing leads from 1.0.0" in status.stdout
    assert "stranded" in unrep("history", "--site", agency.ship.root).stdout
    agency.publish(shore().bundle("1.0.2", 3, "1.0.0"))
    assert unrep("agent", "--site", agency.ship.root, "--once").returncode == 0
    assert agency.ship.current == "1.0.2" and unrep("status", "--site", agency.ship.root).returncode == 0
