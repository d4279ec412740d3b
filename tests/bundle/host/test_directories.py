"""[A-110]: a step down a tree opens a real directory, whatever stands behind its name a moment later."""

import os
import stat
from pathlib import Path

import pytest

from bundle.host.directories import Descent, Directory
from bundle.host.files import ForeignFile
from bundle.host.removal import remove_tree
from tests.support.machines.wine_junctions import UNDER_WINE

posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes and modes of POSIX")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in ("tree/a/deep", "tree/b", "outside"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "tree/a/deep/file").write_bytes(b"inside")
    (tmp_path / "tree/b/file").write_bytes(b"b")
    (tmp_path / "outside/file").write_bytes(b"outside")
    return tmp_path / "tree"


def read(descent: Descent, path: str) -> bytes:
    directory, name = descent.to(path)
    with directory.read(name) as file:
        return file.read()


def test_paths_one_after_the_other(tree: Path) -> None:
    with Descent(tree) as descent:
        assert read(descent, "a/deep/file") == b"inside"
        assert read(descent, "b/file") == b"b"
        assert read(descent, "a/deep/file") == b"inside"
        for path in ("a/none", "none/file", "b/file/x"):
            with pytest.raises(OSError) as caught:
                read(descent, path)
            assert str(caught.value.filename).startswith(str(tree / path.split("/")[0]))
        assert read(descent, "b/file") == b"b"


@posix
def test_no_link_is_followed_on_the_way(tree: Path) -> None:
    (tree / "a/out").symlink_to("../../outside")
    (tree / "a/file").symlink_to("../../outside/file")
    with Descent(tree) as descent:
        for path in ("a/out/file", "a/file"):
            with pytest.raises(ForeignFile) as caught:
                read(descent, path)
            assert caught.value.filename in (str(tree / "a/out"), str(tree / "a/file"))
    (tree.parent / "named").symlink_to(tree)
    with pytest.raises(ForeignFile), Descent(tree.parent / "named") as descent:
        read(descent, "b/file")


@posix
def test_a_directory_that_is_swapped_stays_the_one_that_was_opened(tree: Path) -> None:
    with Descent(tree) as descent:
        directory, name = descent.to("a/deep/file")
        (tree / "a").rename(tree / "moved")
        (tree / "a").symlink_to("../outside")
        with directory.read(name) as file:
            assert file.read() == b"inside"
        with directory.create("new", 0o644) as file:
            file.write(b"x")
    assert (tree / "moved/deep/new").read_bytes() == b"x"
    assert [path.name for path in (tree.parent / "outside").iterdir()] == ["file"]


@posix
def test_a_pipe_is_refused_and_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "b/pipe")
    with pytest.raises(ForeignFile, match="regular"), Descent(tree) as descent:
        read(descent, "b/pipe")


@posix
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_is_made_has_exactly_its_mode(umask: int, tree: Path) -> None:
    before = os.umask(umask)
    try:
        with Descent(tree) as descent:
            directory, name = descent.to("new/inner/program", make=True)
            directory.create(name, 0o755).close()
            directory.create("page", 0o644).close()
            directory.link("page", "again")
            assert directory.target("again") == "page"
    finally:
        os.umask(before)
    found = {str(path.relative_to(tree)): stat.S_IMODE(path.lstat().st_mode) for path in (tree / "new").rglob("*")}
    assert found.pop("new/inner/again")
    assert found == {"new/inner": 0o755, "new/inner/program": 0o755, "new/inner/page": 0o644}


def test_a_name_is_made_once(tree: Path) -> None:
    with Directory.open(tree) as directory:
        for make in (lambda: directory.make("a"), lambda: directory.create("a", 0o644)):
            with pytest.raises(FileExistsError):
                make()


@posix
def test_entries_tell_directories_from_links_to_them(tree: Path) -> None:
    (tree / "link").symlink_to("a")
    (tree / "file").touch()
    with Directory.open(tree) as directory:
        assert sorted(directory.entries()) == [("a", True), ("b", True), ("file", False), ("link", False)]
        assert directory.own_status().st_ino == tree.stat().st_ino


@pytest.mark.skipif(os.name != "nt" or UNDER_WINE, reason="junctions of Windows; Wine shows none, to any call")
def test_a_junction_is_refused_by_its_handle_and_removed_as_what_it_is(tree: Path) -> None:
    """[A-110]: to Windows' Python a junction is a directory; here it is the reparse point that the handle shows."""
    from apply.current.junction import reparse_buffer
    from apply.current.kernel32 import Kernel32

    junction = tree / "junction"
    junction.mkdir()
    Kernel32().set_reparse_point(str(junction), reparse_buffer(str(tree.parent / "outside")))
    with pytest.raises(ForeignFile, match="where a directory should"), Descent(tree) as descent:
        read(descent, "junction/file")
    with Directory.open(tree) as directory:
        assert ("junction", False) in directory.entries()
    remove_tree(tree)
    assert not tree.exists() and (tree.parent / "outside/file").read_bytes() == b"outside"


@posix
def test_what_is_refused_does_not_stay_open(tree: Path) -> None:
    """[A-110]: a walk goes on after an error, through as many names as somebody likes to plant."""
    os.mkfifo(tree / "pipe")
    with Directory.open(tree) as directory:
        before = descriptors()
        for name in ("a", "pipe"):  # fdopen(3) refuses the first by itself, and leaves it open
            with pytest.raises(ForeignFile, match="not a regular file"):
                directory.read(name)
        assert descriptors() == before


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/dev/fd").iterdir()}
