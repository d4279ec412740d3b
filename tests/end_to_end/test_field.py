"""What people of this trade ran into with other tools, typed as they would, and what is said now [A-219].

python -m tests.support.observers.edge     prints what was said before and what is said now
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from py_compile import PycInvalidationMode
from py_compile import compile as compile_file

import pytest

from tests.support.contents.wheelhouse import make_wheel
from tests.support.observers.command import run
from tests.support.observers.edge import Edge, edge
from tests.support.repository import REPOSITORY
from tests.support.sites.site import Ship, shore

__all__ = ["edge"]
posix = pytest.mark.skipif(os.name == "nt", reason="modes, mounts and locales of Linux")
TERMS = "--site site --trust k.pub"


class Yard:
    """Releases of few files, a key, and a site without a check, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        assert run("keygen --out k")[0] == 0
        (directory / "site").mkdir()

    def write(self, version: str, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            path = self.directory / version / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def build(self, version: str, seq: int, *bases: str) -> str:
        """The command."""
        named = "".join(f" --base {base}" for base in bases)
        return (
            f"build {version} --product p --version {version} --seq {seq} --key k.key --out {version}.unrep --workers 1"
            f"{named}"
        )

    def deliver(self, version: str, seq: int, *bases: str) -> None:
        """Built and applied."""
        code, _, err = run(self.build(version, seq, *bases))
        assert code == 0, err
        code, _, err = run(f"apply {version}.unrep {TERMS}")
        assert code == 0, err


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.chdir(tmp_path)
    return Yard(tmp_path)


def process(line: str, place: Path, *before: str, **environment: str) -> tuple[int, str]:
    """The command in a process of its own: exit code, and all that it said."""
    argv = [*before, sys.executable, "-m", "unrep", *line.split()]
    given = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    done = subprocess.run(argv, cwd=place, env=given, capture_output=True, encoding="utf-8", errors="replace")
    return done.returncode, done.stdout + done.stderr


def test_running_the_application_once(yard: Yard, edge: Edge) -> None:
    """[F-26], [A-125]: compiled files stay what they were, and what the application writes elsewhere is told loudly."""
    edge.was("field 1", "the next delta was damaged: 5, `incomplete` at every poll, and status ok")
    for version in ("1.0", "1.1"):
        yard.write(version, {"pkg/module.py": b"VERSION = %r\n" % version, "data.sqlite3": bytes(5000)})
        source = yard.directory / version / "pkg" / "module.py"
        compile_file(str(source), doraise=True, invalidation_mode=PycInvalidationMode.TIMESTAMP)
    yard.deliver("1.0", 1)
    asked = [sys.executable, "-c", "import sys; sys.path.insert(0, 'site/current'); import pkg.module"]
    subprocess.run(asked, check=True, cwd=yard.directory)
    assert run(yard.build("1.1", 2, "1.0"))[0] == 0
    edge.says(f"apply 1.1.unrep {TERMS}", 0, "applied: 1.0 -> 1.1")
    (yard.directory / "site" / "current" / "data.sqlite3").write_bytes(bytes(5001))
    edge.says("status --site site", 0, "DRIFTED: 1 file is not what was installed: data.sqlite3")
    yard.write("1.2", {"pkg/module.py": b"VERSION = 3\n", "data.sqlite3": bytes(4999) + b"x"})
    assert run(yard.build("1.2", 3, "1.1"))[0] == 0
    edge.says(f"apply 1.2.unrep {TERMS}", 5, "data.sqlite3")


@posix
def test_umask_077(yard: Yard, edge: Edge) -> None:
    """[A-111]: the modes are those of the release."""
    edge.was("field 8", "the release was unreadable for the service user: health failed, quarantine")
    yard.write("1.0", {"bin/start": b"#!/bin/sh\n", "data/chart.txt": b"sea\n"})
    (yard.directory / "1.0" / "bin" / "start").chmod(0o755)
    assert run(yard.build("1.0", 1))[0] == 0
    code, said = process(f"apply 1.0.unrep {TERMS}", yard.directory, "sh", "-c", 'umask 077; exec "$@"', "sh")
    edge.said(f"apply 1.0.unrep {TERMS}  # umask 077", code, said, 0, "applied: nothing -> 1.0")
    tree = yard.directory / "site" / "versions" / "1.0"
    modes = [(tree / name).stat().st_mode & 0o777 for name in ("bin/start", "data/chart.txt", "data", ".")]
    assert modes == [0o755, 0o644, 0o755, 0o755]


@posix
@pytest.mark.skipif(not find_spec("ensurepip"), reason="this Python is one that cannot make environments")
def test_a_site_that_moved(yard: Yard, edge: Edge) -> None:
    """[A-143]: rollback, apply of what runs, and no hand."""
    edge.was("field 10", "rollback 7, DEGRADED for ever; apply of the current release: already-current, 0")
    argv = json.dumps(["sh", "-c", "$UNREP_VENV/bin/python -I -c 'import chart'"])
    check = f'[[health]]\ntype = "command"\nargv = {argv}\ntimeout_s = 60\n'
    python = json.dumps(sys.executable)
    (yard.directory / "site" / "unrep.toml").write_text(f"[prepare]\npython_wheels = {{ python = {python} }}\n{check}")
    for seq, version in enumerate(("1.0", "1.1"), 1):
        make_wheel(yard.directory / version / "wheels", "chart", f"3.{seq}")
        yard.write(version, {"requirements.txt": b"chart==3.%d\n" % seq})
        yard.deliver(version, seq)
    (yard.directory / "site").rename(yard.directory / "moved")
    edge.says("apply 1.1.unrep --site moved --trust k.pub", 0, "environment")
    edge.says("rollback --site moved", 0, "rolled-back: 1.1 -> 1.0")
    edge.says("status --site moved", 0, "p 1.0: ok")


@posix
def test_a_locale_that_is_not_utf_8(yard: Yard, edge: Edge) -> None:
    """[A-97]"""
    edge.was("field 11", "a garbled name was signed with 0, and written wrongly; or a traceback")
    yard.write("1.0", {"Vlissingen/getijden é.txt": b"sea\n"})
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code, said = process(yard.build("1.0", 1), yard.directory, **locale)
    edge.said(f"{yard.build('1.0', 1)}  # LC_ALL=C", code, said, 0, "built and verified")
    code, said = process(f"apply 1.0.unrep {TERMS}", yard.directory, **locale)
    edge.said(f"apply 1.0.unrep {TERMS}  # LC_ALL=C", code, said, 0, "applied")
    assert (yard.directory / "site" / "current" / "Vlissingen" / "getijden é.txt").read_bytes() == b"sea\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps semaphores in a directory")
def test_no_shared_memory(yard: Yard, edge: Edge) -> None:
    edge.was("field 12", "`build` was a defect with a traceback, with `--workers 1` too")
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount += ['mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yard.write("1.0", {"a": b"1\n"})
    code, said = process(yard.build("1.0", 1), yard.directory, *mount)
    assert "built and verified" in said
    edge.said(f"{yard.build('1.0', 1)}  # no /dev/shm", code, said, 0, "no semaphores for worker processes")


def test_a_release_that_was_installed_by_hand(yard: Yard, edge: Edge) -> None:
    """[A-180]"""
    edge.was("field 13", "it could not be taken over: the first move of a fleet paid everything")
    yard.write("1.0", {"app/main.py": b"print(1)\n"})
    assert run(yard.build("1.0", 1))[0] == 0
    shutil.copytree(yard.directory / "1.0", yard.directory / "opt")
    edge.says(f"adopt opt 1.0.unrep {TERMS}", 0, "applied: nothing -> 1.0")


@posix
def test_holes_stay_holes(yard: Yard, edge: Edge) -> None:
    """[A-124]"""
    edge.was("field 13", "sparse files were written out in every version")
    (yard.directory / "1.0").mkdir()
    with (yard.directory / "1.0" / "disk.img").open("wb") as image:
        image.truncate(64 << 20)
        image.write(b"begin")
    assert run(yard.build("1.0", 1))[0] == 0
    edge.says(f"apply 1.0.unrep {TERMS}", 0, "applied: nothing -> 1.0")
    assert (yard.directory / "site" / "versions" / "1.0" / "disk.img").stat().st_blocks * 512 < 4 << 20


@posix
def test_an_absolute_link(yard: Yard, edge: Edge) -> None:
    """[F-18]"""
    edge.was("field 13", "told as \"component ''\"")
    yard.write("1.0", {"a": b"1\n"})
    (yard.directory / "1.0" / "data").symlink_to("/var/lib/data")
    edge.says(f"{yard.build('1.0', 1)} --platform posix", 2, "target '/var/lib/data' is absolute")


def test_the_disk_of_two_versions_is_counted(yard: Yard, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-121]: what is written counts, and the sentence says how much."""
    edge.was("scale 8", "a bundle of 488 bytes on Btrfs: needs 268,439,557, and 250,576,896 are free")
    yard.write("1.0", {"a": b"1\n"})
    assert run(yard.build("1.0", 1))[0] == 0
    usage = shutil.disk_usage(yard.directory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    edge.says(f"apply 1.0.unrep {TERMS}", 5, "1,000 are free")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="a small file system is mounted")
def test_a_record_on_a_full_disk(yard: Yard, edge: Edge) -> None:
    """[A-100], [A-207]"""
    edge.was("scale 10", '"disk I/O error", 5 times of 59')
    disk = yard.directory / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this kernel does not mount tmpfs")
    try:
        (disk / "site").mkdir()
        assert run("recover --site disk/site")[0] == 0
        with pytest.raises(OSError, match="No space left"):
            (disk / "filling").write_bytes(bytes(300_000))
        edge.says("recover --site disk/site", 5, "state.db: no space left on its file system")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_site_stays_small(tmp_path: Path, edge: Edge) -> None:
    """[A-154]: quarantine below the high-water mark is forgotten. 200 releases: tests/apply/audit/test_pruning.py."""
    edge.was("scale 12", "200 releases: state 3.3 to 15.5 KB, records 569 KB, nothing was pruned")
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.configure("[retention]\nkeep = 0\n")
    line = f"apply {shore().bundle('dead', 2, '1.0.0')} --site {ship.root} --trust {shore().trust_file}"
    edge.says(line, 6, "version 1.0.0 runs again")
    assert [failed.version for failed in ship.state.quarantined] == ["dead"]
    ship.apply(shore().bundle("1.0.2", 3, "1.0.0"))
    edge.says(f"gc --site {ship.root}", 0, "remove")
    edge.says(f"status --site {ship.root}", 0, "vms 1.0.2: ok")
    assert ship.state.quarantined == ()
