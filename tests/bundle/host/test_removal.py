"""[A-110]: a removal takes what is in the tree and nothing else, though another account moves things meanwhile."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundle.host.directories import Directory
from bundle.host.removal import remove_tree

posix = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
NESTING = """
import os, sys
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.mkdir("d")
    os.chdir("d")
"""
FILLING = """
import os, sys, time
inner = os.open(sys.argv[1], os.O_RDONLY)
print("ready", flush=True)
until = time.monotonic() + 60
number = 0
while time.monotonic() < until:
    try:
        os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        number += 1
    except FileNotFoundError:
        break
"""


@posix
def test_directories_nested_deeper_than_python_recurses_or_a_path_may_be(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", NESTING, tmp_path, "3000"], check=True)
    remove_tree(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@posix
def test_an_account_that_goes_on_making_files_keeps_no_removal_for_ever(tmp_path: Path) -> None:
    """Either it wins and is named, or it loses and all is gone; both end."""
    (tmp_path / "tree/logs").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", FILLING, tmp_path / "tree/logs"], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        began = time.monotonic()
        try:
            remove_tree(tmp_path / "tree")
        except OSError as error:
            assert error.filename == str(tmp_path / "tree") and "keeps making files" in str(error)
        finally:
            process.kill()
        assert time.monotonic() - began < 30


@posix
@pytest.mark.parametrize("options", [["-t", "tmpfs", "tmpfs"], ["--bind", "data"]])
def test_what_is_mounted_in_it_is_named_and_not_emptied(options: list[str], tmp_path: Path) -> None:
    """An application's data may be bound into the version's directory: it is not the version's."""
    place, data = tmp_path / "tree/its data", tmp_path / "data"
    place.mkdir(parents=True)
    data.mkdir()
    mount = ["mount", *(str(data) if option == "data" else option for option in options), str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    (place / "precious").write_text("x")
    try:
        with pytest.raises(OSError, match="unmount it first") as caught:
            remove_tree(tmp_path / "tree")
        assert caught.value.filename == str(place) and (place / "precious").exists()
    finally:
        subprocess.run(["umount", place], check=True)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "none")
    remove_tree(tmp_path / "none" / "below")


@posix
def test_a_directory_that_becomes_a_link_after_it_was_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race at its worst moment: between the look at an entry and the step into it."""
    outside = tmp_path / "outside"
    for directory in (outside, tmp_path / "tree/logs/cache"):
        directory.mkdir(parents=True)
        (directory / "file").write_text("x")
    listed = Directory.entries

    def listed_and_swapped(directory: Directory) -> list[tuple[str, bool]]:
        found = listed(directory)
        if ("cache", True) in found:
            (tmp_path / "tree/logs/cache").rename(tmp_path / "moved")
            (tmp_path / "tree/logs/cache").symlink_to(outside)
        return found

    monkeypatch.setattr(Directory, "entries", listed_and_swapped)
    remove_tree(tmp_path / "tree")
    assert (outside / "file").read_text() == "x" and not (tmp_path / "tree").exists()
