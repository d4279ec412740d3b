"""What goes and what stays [A-32], in an order that a cut anywhere leaves sound [A-33]."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from apply.errors import RolledBack, StorageFailed
from apply.record.database import Record
from apply.retention import collect_garbage, remove, tidy
from apply.site import durable
from tests.support.machines.wine_junctions import UNDER_WINE
from tests.support.sites.site import Ship, shore

NAMES = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, *NAMES)


def aboard(ship: Ship) -> list[str]:
    versions = sorted(path.name for path in ship.site.versions.iterdir())
    assert versions == sorted(release.version for release in ship.state.releases)
    manifests = sorted(path.name for path in ship.site.manifests.iterdir())
    assert manifests == sorted(release.tree for release in ship.state.releases)
    return versions


def collected(ship: Ship) -> list[str]:
    report, retained = collect_garbage(ship.root, ship.config)
    assert report.outcome == "nothing-to-do" and report.to_version == ship.current
    assert not retained.in_use
    return retained.removed


@pytest.mark.parametrize(
    ("keep", "left"), [(0, ["1.0.2", "1.0.3"]), (1, ["1.0.1", "1.0.2", "1.0.3"]), (2, sorted(NAMES))]
)
def test_the_current_the_last_good_and_so_many_more(ship: Ship, keep: int, left: list[str]) -> None:
    ship.configure(extra=f"[retention]\nkeep = {keep}\n")
    removed = collected(ship)
    assert aboard(ship) == left and sorted([*left, *removed]) == sorted(NAMES)
    ship.check_sound()
    assert collected(ship) == []


OPENING = {
    "a file": "held = open(sys.argv[1] + '/VERSION')",
    "a mapping": "with open(sys.argv[1] + '/VERSION', 'rb') as file: held = mmap.mmap(file.fileno(), 0, prot=1)",
    "a directory": "os.chdir(sys.argv[1])",
    "the environment": "held = open(sys.argv[2] + '/module.py')",
}


@pytest.mark.parametrize("what", OPENING)
def test_what_a_process_has_open_stays_until_it_is_closed(ship: Ship, what: str) -> None:
    """[A-35]"""
    if os.name == "nt" and what in ("a mapping", "the environment"):
        pytest.skip("on Windows the tree itself is asked, and a mapping keeps its file open")
    if UNDER_WINE and what == "a file":
        pytest.skip("Wine moves a directory in which a file is open; Windows does not")
    ship.configure(extra="[retention]\nkeep = 1\n")
    tree, venv = ship.site.tree("1.0.0"), ship.site.venvs / "1.0.0"
    venv.mkdir()
    (venv / "module.py").touch()
    code = f"import mmap, os, sys\n{OPENING[what]}\nprint('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, tree, venv], stdin=PIPE, stdout=PIPE) as server:
        assert server.stdout and server.stdout.readline().strip() == b"ready"
        before = ship.state
        report, retained = collect_garbage(ship.root, ship.config)
        assert retained.removed == [] and len(retained.in_use) == 1 and report.reason == retained.in_use[0]
        name = f"process {server.pid} (" if sys.platform == "linux" else "a process"
        assert report.reason.startswith(f"1.0.0 stays, for {name}") and report.reason.endswith("has it open")
        assert aboard(ship) == sorted(NAMES) and ship.state == before
        server.communicate()
    assert collected(ship) == ["1.0.0"]
    assert list(ship.site.venvs.iterdir()) == []


def test_an_update_does_it_when_it_is_done(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    ship.configure(extra="[retention]\nkeep = 0\n")
    (ship.site.venvs / "1.0.0").mkdir()
    report = ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert report.outcome == "applied" and "retention" in report.steps
    assert aboard(ship) == ["1.0.1", "1.0.2"] and list(ship.site.venvs.iterdir()) == []
    ship.check_sound()


def test_what_cannot_be_removed_does_not_undo_the_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    ship.configure(extra="[retention]\nkeep = 0\n")

    def refuse(*_: object) -> None:
        raise StorageFailed("versions/1.0.0: held by another program")

    monkeypatch.setattr("apply.update.retain", refuse)
    report = ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert report.outcome == "applied" and "could not be removed: versions/1.0.0: held" in report.reason


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"), IndexError("4"), OSError(5, "x")]
)
def test_whatever_goes_wrong_after_the_verdict_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """[A-88] [A-97]: old versions, receipt, outbox and log; the update is on record as what it was."""
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")

    def fail(*_: object) -> None:
        raise error

    for called in (
        "apply.update.retain",
        "apply.audit.save.sign_receipt",
        "apply.audit.save.post",
        "apply.audit.save.event_of",
    ):
        monkeypatch.setattr(called, fail)
    report = ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
    assert report.outcome == "applied" and ship.current == "1.0.2"
    for what in ("old versions could not be removed", "this run could not be recorded", "into the outbox", "be logged"):
        assert f"{what}: {type(error).__name__}: {error}" in report.reason


def test_a_pending_version_stays(ship: Ship) -> None:
    ship.configure(extra="[retention]\nkeep = 0\n")
    ship.roll_back("1.0.0")
    ship.roll_back("1.0.1")
    record = Record(ship.site)
    newest = ship.state.find("1.0.3")
    assert newest
    record.save(ship.state.begun("vms", newest, "run", 2_000_000_000))
    record.close()
    collected(ship)
    assert aboard(ship) == ["1.0.0", "1.0.1", "1.0.3"]


def test_two_versions_of_one_tree_share_its_manifest(tmp_path: Path) -> None:
    ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
    ship.apply(shore().bundle("1.0.0", 3, version="1.0.0-again"))
    ship.apply(shore().bundle("1.0.2", 4, "1.0.0"))
    ship.configure(extra="[retention]\nkeep = 0\n")
    assert sorted(collected(ship)) == ["1.0.0", "1.0.1"]
    assert ship.site.manifest_file(shore().tree("1.0.0")).is_file()
    assert ship.roll_back().to_version == "1.0.0-again"


@pytest.mark.parametrize("cut", ["remove_tree", "replace", "save", "remove_tree again", "remove_tree of its manifest"])
def test_a_cut_at_every_step_leaves_it_whole_or_gone(ship: Ship, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    """[A-33]: its tree moves away, the record forgets it, its files go; the next run finishes."""

    class Cut(BaseException):
        pass

    calls: list[str] = []

    def cutting(name: str, real: object) -> object:
        def call(*arguments: object) -> object:
            calls.append(name)
            step = {"remove_tree": 1, "remove_tree again": 2, "remove_tree of its manifest": 4}.get(cut, 1)
            if cut.startswith(name) and calls.count(name) == step:
                raise Cut
            return real(*arguments)  # type: ignore[operator]

        return call

    record = Record(ship.site)
    doomed = record.state.find("1.0.0")
    assert doomed
    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(durable, "remove_tree", cutting("remove_tree", durable.remove_tree))
        patch.setattr(durable, "replace", cutting("replace", durable.replace))
        patch.setattr(record, "save", cutting("save", record.save))
        remove(ship.site, record, doomed)
    record.close()
    known = ship.state.find("1.0.0")
    assert ship.site.tree("1.0.0").is_dir() <= (known is not None), "a tree that nobody knows is in the way for ever"
    tree = ship.site.tree("1.0.0")
    assert not tree.exists() or sum(1 for _ in tree.rglob("*")) > 8, "a tree under its name is whole"
    ship.configure(extra="[retention]\nkeep = 0\n")
    collected(ship)
    assert aboard(ship) == ["1.0.2", "1.0.3"] and ship.leftovers() == []
    ship.check_sound()


def test_leftovers_of_dead_runs(ship: Ship) -> None:
    """[A-29]"""
    (ship.site.staging / "run" / "1.0.9" / "app").mkdir(parents=True)
    (ship.site.staging / "run" / "1.0.9" / "app" / "half.py").touch()
    (ship.site.venvs / "1.0.9").mkdir()
    (ship.site.venvs / "1.0.1").mkdir()
    (ship.site.manifests / ("ab" * 32)).touch()
    durable.remove_tree(ship.site.tree("1.0.0"))
    record = Record(ship.site)
    tidy(ship.site, record)
    record.close()
    assert ship.leftovers() == [] and [path.name for path in ship.site.venvs.iterdir()] == ["1.0.1"]
    assert aboard(ship) == ["1.0.1", "1.0.2", "1.0.3"]


def test_every_run_that_changes_a_site_clears_it_first(ship: Ship) -> None:
    """[A-29]"""
    runs: list[Callable[[], object]] = [
        ship.recover,
        ship.roll_back,
        lambda: ship.apply(shore().bundle("dead", 9)),
        lambda: collected(ship),
    ]
    for run in runs:
        (ship.site.staging / "left").mkdir()
        with contextlib.suppress(RolledBack):
            run()
        assert ship.leftovers() == []
