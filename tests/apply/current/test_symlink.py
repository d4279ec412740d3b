"""What symlinks add to the contract in tests/contracts/test_switch.py, and the promise that matters: no gap."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from apply.current.opening import open_switch
from apply.current.symlink import PosixSwitch
from apply.errors import SiteInvalid, SwitchFailed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="symlinks and rename(2) are POSIX")

SWITCHES = 400
READERS = 3
# Opens a file through `current` as fast as it can until told to stop; counts what it read and what was not there.
READER = """
import json, pathlib, sys
current, stop = map(pathlib.Path, sys.argv[1:])
seen, misses = {}, []
print("ready", flush=True)
while not stop.exists():
    try:
        version = (current / "VERSION").read_text()
        seen[version] = seen.get(version, 0) + 1
    except OSError as error:
        misses.append(str(error))
print(json.dumps({"seen": seen, "misses": misses}))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("1.0.0", "1.0.1"):
        version = tmp_path / "versions" / name
        version.mkdir(parents=True)
        (version / "VERSION").write_text(name)
    return tmp_path


def test_this_system_gets_its_switch(site: Path) -> None:
    assert isinstance(open_switch(site), PosixSwitch)


def test_the_link_is_relative_so_that_a_site_can_be_moved(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    PosixSwitch(site).point_to(site / "versions/1.0.1")
    assert (site / "current").readlink() == Path("versions/1.0.1")
    moved = site.rename(tmp_path_factory.mktemp("other") / "moved")
    assert (moved / "current/VERSION").read_text() == "1.0.1"
    assert PosixSwitch(moved).read() == moved / "versions/1.0.1"


def test_any_spelling_of_a_version_of_this_site_will_do(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    PosixSwitch(Path()).point_to(Path("versions/1.0.1"))
    assert PosixSwitch(site).read() == site / "versions/1.0.1"
    (site / "alias").symlink_to(site)
    PosixSwitch(site / "alias").point_to(site / "versions/1.0.0")
    assert PosixSwitch(site).read() == site / "versions/1.0.0"


@pytest.mark.parametrize(
    "spelling", ["versions/1.0.1/", "./versions/1.0.1", "versions/../versions/1.0.1", "{site}/versions/1.0.1"]
)
def test_a_link_made_by_hand_is_understood(site: Path, spelling: str) -> None:
    (site / "current").symlink_to(spelling.format(site=site))
    assert PosixSwitch(site).read() == site / "versions/1.0.1"


@pytest.mark.parametrize("target", ["versions/..", "versions/../../versions/1.0.1", "/", "current", "versions/."])
def test_a_link_that_leaves_versions_by_a_detour_is_refused(site: Path, target: str) -> None:
    (site / "current").symlink_to(target)
    with pytest.raises(SiteInvalid, match="not a version"):
        PosixSwitch(site).read()


def test_a_directory_under_the_temporary_name_is_left_alone_and_named(site: Path) -> None:
    (site / ".current.new").mkdir()
    with pytest.raises(SwitchFailed, match=r"current.*Is a directory"):
        PosixSwitch(site).point_to(site / "versions/1.0.1")
    assert (site / ".current.new").is_dir()


def test_readers_never_find_nothing_through_hundreds_of_switches(site: Path) -> None:
    switch, stop = PosixSwitch(site), site / "stop"
    switch.point_to(site / "versions/1.0.0")
    command = [sys.executable, "-c", READER, str(site / "current"), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    for turn in range(SWITCHES):
        switch.point_to(site / "versions" / ("1.0.1", "1.0.0")[turn % 2])
    stop.touch()
    reports = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert [report["misses"] for report in reports] == [[]] * READERS
    assert set().union(*(report["seen"] for report in reports)) == {"1.0.0", "1.0.1"}
