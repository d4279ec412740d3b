"""Each command on a disk that is full: one sentence, and nothing left that is in the way once there is room again."""

import os
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.observers.command import run
from tests.support.repository import REPOSITORY

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


FULL = ": no space left on its file system: free some and run again"
WRITERS = ["keygen --out", "ship-key new --out", "heartbeat --product p --seq 1 --key {key} --out", "trust init --out"]


@pytest.mark.parametrize("line", WRITERS)
def test_nothing_is_left_and_the_next_run_is_none_the_worse(line: str, disk: Path, tmp_path: Path) -> None:
    """An empty file would be taken for a key or a heartbeat, or be refused as one that exists already."""
    assert run("keygen --out", tmp_path / "k")[0] == 0
    more = ["--key", tmp_path / "k.pub", "--threshold", 1, "--release", tmp_path / "k.pub"] if "init" in line else []
    line = line.format(key=tmp_path / "k.key")
    fill(disk)
    code, _, err = run(line, disk / "out", *more)
    assert code == 5 and f"{disk}/out" in err and f"{FULL}\n" in err and err.count("\n") == 1
    assert [path.name for path in disk.iterdir()] == ["filling"]
    (disk / "filling").unlink()
    assert run(line, disk / "out", *more)[0] == 0


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Path, Path]:
    """Two releases with an archive, whose contents take more room than the disk has."""
    for name, seed in (("old", 1), ("new", 2)):
        noise = random.Random(seed)
        (tmp_path / name).mkdir()
        (tmp_path / name / "noise.bin").write_bytes(noise.randbytes(300_000))
        with zipfile.ZipFile(tmp_path / name / "app.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", random.Random(3).randbytes(300_000) + bytes([seed]) * 100_000)
    return tmp_path / "old", tmp_path / "new"


def build(releases: tuple[Path, Path], out: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`unrep build` in a process of its own, which looks for its temporary directory anew."""
    old, new = releases
    key = releases[0].parent / "k.key"
    assert key.exists() or run("keygen --out", key.with_suffix(""))[0] == 0
    words = f"build {new} --base {old} --product p --version 2 --seq 2 --full --key {key}"
    argv = [sys.executable, "-m", "unrep", *words.split(), "--out", str(out)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, env={**os.environ, **environment})


def test_a_build_names_the_disk_that_is_full(disk: Path, releases: tuple[Path, Path], tmp_path: Path) -> None:
    """[A-207]"""
    output = build(releases, disk / "out.unrep")
    assert (output.returncode, output.stdout) == (5, "")
    assert output.stderr == f"unrep: {disk}/out.unrep{FULL}\n" and not list(disk.iterdir())


def test_a_small_disk_for_temporary_files(disk: Path, releases: tuple[Path, Path], tmp_path: Path) -> None:
    """[A-215]: the disk of the output serves; where that is small, too, the sentence says what to do [A-207]."""
    (tmp_path / "there").mkdir()
    assert build(releases, tmp_path / "there" / "out.unrep", TMPDIR=str(disk)).returncode == 0
    assert not list(disk.iterdir())
    (disk / "filling").write_bytes(bytes(100_000))
    both = build(releases, disk / "out.unrep", TMPDIR=str(disk))
    assert (both.returncode, both.stdout) == (5, ""), both.stderr
    needed = r"no space left for temporary files, which may take [\d,]+,\d{3} bytes: free some, or name "
    assert re.match(f"unrep: {disk}: {needed}", both.stderr) and "TMPDIR" in both.stderr
    assert both.stderr.count("\n") == 1 and [path.name for path in disk.iterdir()] == ["filling"]


def test_every_command_that_writes_ends_with_the_same_code(
    disk: Path, releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-207]: 5, one sentence, and the path on the full disk."""
    monkeypatch.chdir(tmp_path)
    old, new = releases
    for line in ("keygen --out k", "ship-key new --out ship", "ship-key new --out own"):
        assert run(line)[0] == 0
    built = f"build {new} --product p --version 2 --seq 2 --key k.key"
    assert run(f"{built} --out b")[0] == run(f"{built} --recipient own.pub --out sealed")[0] == 0
    assert run("repo init repo --product p --key k.key")[0] == run(f"repo import {old} --version 1 --repo repo")[0] == 0
    (tmp_path / "requirements.txt").touch()
    (disk / "site").mkdir()
    fill(disk)
    for line in (
        "fetch b --trust k.pub --out {disk}/f",
        "apply b --site {disk}/site --trust k.pub",
        "apply b --site {disk}/site --trust k.pub --dry-run",
        "publish b {disk} --key k.key",
        "export b --volume-size 100k --out {disk}",
        "resign b --key k.key --out {disk}/r",
        "ticket sealed --ship ship.pub --with own.key --key k.key --out {disk}/t",
        "trust init --key k.pub --release k.pub --out {disk}/t",
        "heartbeat --product p --seq 2 --key k.key --out {disk}/h",
        f"collect {new} --requirements requirements.txt --out {{disk}}/collected",
        "repo checkout 1 {disk}/there --repo repo",
        "repo init {disk}/repo --product p --key k.key",
        "hold --site {disk}/site",
        "ship-key new --site {disk}/site",
        "init {disk}/begun --product p --yes",
        "selftest --site {disk}/site --switches 2",
    ):
        code, out, err = run(line.format(disk=disk))
        assert code == 5 and not out and err.count("\n") == 1, f"{line}: {code} {out} {err}"
        assert f"unrep: {disk}" in err and re.search("no space left|are free", err), f"{line}: {err}"
        left = {path.name for path in disk.iterdir()} - {"filling", "site", "begun", "repo"}
        assert left <= {"f.part"}, f"{line}: {left}"
    (disk / "filling").unlink()
    assert run(f"repo init {disk}/repo --product p --key k.key")[0] == 0
    assert run(f"init {disk}/begun --product p --yes")[0] == 0


def test_a_result_on_a_full_disk(disk: Path) -> None:
    """[A-207], [A-206]: the result cannot be printed, and the work is done all the same."""
    fill(disk)
    with (disk / "filling").open("ab") as out:
        done = subprocess.run(
            [sys.executable, "-m", "unrep", "keygen", "--out", str(disk.parent / "k")],
            stdout=out, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
    assert done.returncode == 5 and "standard output cannot be written: No space left on device" in done.stderr
    assert (disk.parent / "k.key").exists()


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
