"""The launcher of Windows is written beside the one that runs, and counts in one step [A-237]."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from apply.errors import DiskFull
from apply.site import durable
from apply.site.layout import Site
from tests.support.sites.mounted import mounted
from unrep.renewing import windows_installing
from unrep.renewing.installing import launcher, write_launchers
from unrep.renewing.windows_installing import remove_old_launchers, windows_launcher, write_windows_launcher


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """What stands for an interpreter."""
    directory = tmp_path / "python"
    directory.mkdir()
    (directory / "python.exe").write_bytes(b"MZ")
    (directory / "python312._pth").write_bytes(b"python312.zip\n.\n..\\app\n")
    return directory


def write(home: Path, python: Path) -> bool:
    return write_windows_launcher(Site.at(home), home / "launch", python)


def test_it_is_written_once_and_beside_an_older_one(tmp_path: Path, python: Path) -> None:
    """[A-237]"""
    launch = tmp_path / "launch"
    assert windows_launcher(launch) is None
    assert write(tmp_path, python) and not write(tmp_path, python)
    first = windows_launcher(launch)
    assert first and Path(first[0]).read_bytes() == b"MZ"
    assert Path(first[0]).with_name("python312._pth").read_bytes() == b"python312.zip\n.\napp\n"
    (python / "python.exe").write_bytes(b"MZ2")
    assert write(tmp_path, python)
    second = windows_launcher(launch)
    assert second and second != first and Path(first[0]).read_bytes() == b"MZ"
    (launch / ".left.new").mkdir()
    remove_old_launchers(launch)
    assert windows_launcher(launch) == second
    assert {path.name for path in launch.iterdir()} == {"launcher", "unrep.cmd", Path(second[0]).parent.name}


def test_one_that_is_damaged_is_written_anew(tmp_path: Path, python: Path) -> None:
    """[A-237]: nobody aboard would know which directory to delete."""
    write(tmp_path, python)
    begun = windows_launcher(tmp_path / "launch")
    assert begun
    executable = Path(begun[0])
    executable.write_bytes(b"M")
    module = executable.parent / "app" / "unrep" / "renewing" / "windows_launcher.py"
    module.unlink()
    assert write(tmp_path, python) and not write(tmp_path, python)
    assert executable.read_bytes() == b"MZ" and module.is_file() and windows_launcher(tmp_path / "launch") == begun


def test_it_needs_nothing_but_a_standard_library(tmp_path: Path, python: Path) -> None:
    """[A-237]: whatever Python it has."""
    write(tmp_path, python)
    begun = windows_launcher(tmp_path / "launch")
    assert begun
    app = Path(begun[0]).parent / "app"
    run = f"import sys; sys.path.insert(0, {str(app)!r}); import {begun[-1]} as m; sys.exit('launch' not in m.__file__)"
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", run], check=True)


class Cut(BaseException):
    """The power is gone."""


def cuts(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Each step at which writing can be cut: before a file gets its name, and before a directory does."""
    real = {name: getattr(durable, name) for name in ("write_file", "replace")}
    done = 0
    for cut in range(100):
        done = 0

        def step(name: str, *arguments: object, cut: int = cut) -> None:
            nonlocal done
            if done == cut:
                raise Cut
            done += 1
            real[name](*arguments)

        for name in real:
            monkeypatch.setattr(durable, name, lambda *arguments, name=name: step(name, *arguments))
        yield cut
        for name, call in real.items():
            monkeypatch.setattr(durable, name, call)
        if done < cut:
            return
    raise AssertionError("there is no end of steps")


def test_one_that_is_cut_in_the_middle_leaves_an_old_launcher_or_a_new_one(
    tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-237]"""
    launch = tmp_path / "launch"
    write(tmp_path, python)
    (launch / "unrep.cmd").write_bytes(b"of an older unrep")
    steps = 0
    for number in cuts(monkeypatch):
        (python / "python.exe").write_bytes(b"MZ%d" % number)
        before, steps = windows_launcher(launch), steps + 1
        with suppress(Cut):
            write(tmp_path, python)
        now = windows_launcher(launch)
        assert before and now and Path(now[0]).read_bytes() in (Path(before[0]).read_bytes(), b"MZ%d" % number)
        assert all((Path(now[0]).parent / "app" / module).exists() for module in windows_installing.MODULES)
        assert (launch / "unrep.cmd").read_bytes().startswith((b"of an older", b"@echo off"))
        monkeypatch.undo()
        write(tmp_path, python)
        now = windows_launcher(launch)
        assert now and Path(now[0]).read_bytes() == b"MZ%d" % number
        (launch / "unrep.cmd").write_bytes(b"of an older unrep")
    assert steps > len(windows_installing.MODULES) + 3


def test_a_full_disk_leaves_what_is_there(tmp_path: Path, python: Path) -> None:
    """[A-237] [A-207]"""
    with mounted(tmp_path) as disk:
        home = disk / "home"
        home.mkdir()
        write(home, python)
        before = windows_launcher(home / "launch")
        (python / "python.exe").write_bytes(bytes(2 << 20))
        with pytest.raises(DiskFull, match="no space left"):
            write(home, python)
        assert before and windows_launcher(home / "launch") == before
        (python / "python.exe").write_bytes(b"MZ2")
        assert write(home, python) and windows_launcher(home / "launch") != before


@pytest.mark.skipif(os.name == "nt", reason="the launchers of Linux")
def test_those_of_linux_that_are_cut_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-235]: each is an old one or a new one."""
    home, names = Site.at(tmp_path), ("agent", "renew", "unrep")
    write_launchers(home)
    new = {name: launcher(home, name).read_bytes() for name in names}
    seen = set()
    for _ in cuts(monkeypatch):
        for name in names:
            launcher(home, name).write_bytes(b"old")
        with suppress(Cut):
            write_launchers(home)
        found = [launcher(home, name).read_bytes() for name in names]
        assert all(text in (b"old", new[name]) for name, text in zip(names, found, strict=True))
        seen.add(found.count(b"old"))
        monkeypatch.undo()
        write_launchers(home)
        assert all(launcher(home, name).read_bytes() == new[name] for name in names)
    assert seen == {0, 1, 2, 3}
