"""Each command on a disk that is full: one sentence, and nothing left that is in the way once there is room again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.observers.command import run

pytestmark = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="a small file system is mounted")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this kernel does not mount tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "filling").write_bytes(bytes(300_000))


WRITERS = ["keygen --out", "ship-key new --out", "heartbeat --product p --seq 1 --key {key} --out", "trust init --out"]


@pytest.mark.parametrize("line", WRITERS)
def test_nothing_is_left_and_the_next_run_is_none_the_worse(line: str, disk: Path, tmp_path: Path) -> None:
    """An empty file would be taken for a key or a heartbeat, or be refused as one that exists already."""
    assert run("keygen --out", tmp_path / "k")[0] == 0
    more = ["--key", tmp_path / "k.pub", "--threshold", 1, "--release", tmp_path / "k.pub"] if "init" in line else []
    line = line.format(key=tmp_path / "k.key")
    fill(disk)
    code, _, err = run(line, disk / "out", *more)
    assert code == 2 and "cannot be written: No space left on device" in err
    assert [path.name for path in disk.iterdir()] == ["filling"]
    (disk / "filling").unlink()
    assert run(line, disk / "out", *more)[0] == 0


def test_a_record_on_a_full_disk_is_told_as_that(disk: Path) -> None:
    """[A-100]: SQLite calls it an error of the disk, and the disk is sound."""
    site = disk / "site"
    site.mkdir()
    assert run("recover --site", site)[0] == 0
    fill(disk)
    code, _, err = run("recover --site", site)
    assert code == 5 and err.endswith(
        f"{site}/.unrep/state.db: no space left on its file system: free some and run again\n"
    )
    (disk / "filling").unlink()
    assert run("recover --site", site)[0] == 0
