"""What bundle.host.durable and storage promise: whole files, real syncs, errors that name the path.

Which syncs are made is read from strace, the kernel's own record.
"""

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundle.host import durable as system
from bundle.host import sharing_violations
from bundle.host.handles import extended_length
from bundle.host.storage import Storage
from tests.support.machines.wine_junctions import UNDER_WINE

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX file modes and links")

PRELUDE = """
import os, sys
from pathlib import Path
from bundle.host import durable as system
from bundle.host.storage import Storage
class StorageFailed(Exception):
    pass
class DiskFull(StorageFailed):
    pass
durable = Storage(full=DiskFull, failed=StorageFailed)
top = Path(sys.argv[1])
try:
    {code}
except StorageFailed as error:
    print(type(error).__name__, error)
"""


class StorageFailed(Exception):
    """As a package says that a path was refused."""


class DiskFull(StorageFailed):
    """... for want of space."""


durable = Storage(full=DiskFull, failed=StorageFailed)


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


traced = pytest.mark.skipif(not _can_trace(), reason="strace is missing or not allowed here")


def trace(top: Path, code: str, *options: str | Path) -> tuple[list[str], str]:
    """Run the code on the directory under strace: the calls that rename or sync, in order, and what was printed."""
    log = top.parent / f"{top.name}.strace"
    watched = "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-o", str(log), "-e", watched, *options]
    program = [sys.executable, "-c", PRELUDE.format(code=code), str(top)]
    done = subprocess.run([*command, *program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.findall(r"(?:fsync|fdatasync|syncfs|rename)\w*\(.*", log.read_text()), done.stdout


def failing(call: Callable[..., object], *, code: int, winerror: int, times: int) -> Callable[..., object]:
    """The call, which fails so many times first, as Windows makes it fail."""
    left = [times]

    def attempt(*arguments: object, **options: object) -> object:
        if left[0] == 0:
            return call(*arguments, **options)
        left[0] -= 1
        error = OSError(code, "held by another program", str(arguments[0]))
        error.winerror = winerror  # type: ignore[attr-defined]
        raise error

    return attempt


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    top.mkdir()
    return top


@pytest.fixture
def tree(top: Path) -> Path:
    tree = top / "tree"
    (tree / "a" / "deep").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "a" / "deep" / "file").write_text("x")
    (tree / "a" / "file").write_text("x")
    (tree / "read-only").write_text("x")
    (tree / "read-only").chmod(0o444)
    return tree


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    yield place
    subprocess.run(["umount", place], check=True)


class TestWriteFile:
    def test_it_writes_and_overwrites(self, top: Path) -> None:
        for data in (b"first", b"", b"x" * 1_000_000):
            durable.write_file(top / "state", data)
            assert (top / "state").read_bytes() == data
            assert [entry.name for entry in top.iterdir()] == ["state"]

    @traced
    def test_bytes_are_synced_before_the_rename_and_the_name_after_it(self, top: Path) -> None:
        calls, _ = trace(top, "durable.write_file(top / 'state', b'data')")
        first, second, third = calls
        assert re.match(r"fsync\(\d+<.*/\.state\.new>\) += 0", first)
        assert re.match(r"rename\(.*/\.state\.new\", .*/state\"\) += 0", second)
        assert re.match(rf"fsync\(\d+<{top}>\) += 0", third)

    @traced
    @pytest.mark.parametrize(("code", "error"), [("EIO", "StorageFailed"), ("ENOSPC", "DiskFull")])
    def test_a_failed_sync_keeps_the_old_bytes_and_leaves_nothing(self, top: Path, code: str, error: str) -> None:
        (top / "state").write_bytes(b"old")
        _, printed = trace(top, "durable.write_file(top / 'state', b'new')", "-e", f"inject=fsync:error={code}:when=1")
        assert printed.startswith(f"{error} {top}/state: ")
        assert (top / "state").read_bytes() == b"old"
        assert [entry.name for entry in top.iterdir()] == ["state"]

    def test_a_full_disk_keeps_the_old_bytes_and_gives_its_space_back(self, small_disk: Path) -> None:
        durable.write_file(small_disk / "state", b"old")
        with pytest.raises(DiskFull, match=re.escape(f"{small_disk}/state: no space left")):
            durable.write_file(small_disk / "state", b"x" * 100_000)
        assert (small_disk / "state").read_bytes() == b"old"
        durable.write_file(small_disk / "other", b"x" * 40_000)

    @posix
    def test_a_link_planted_under_the_temporary_name_is_not_written_through(self, top: Path) -> None:
        (top / "victim").write_bytes(b"precious")
        (top / ".state.new").symlink_to("victim")
        durable.write_file(top / "state", b"data")
        assert (top / "victim").read_bytes() == b"precious"
        assert (top / "state").read_bytes() == b"data"
        assert not (top / "state").is_symlink()

    def test_a_missing_directory_is_named(self, top: Path) -> None:
        with pytest.raises(StorageFailed, match=re.escape(str(top / "no"))):
            durable.write_file(top / "no" / "state", b"")


class TestReplace:
    @traced
    def test_both_directories_are_synced_after_the_rename(self, top: Path) -> None:
        (top / "a" / "tree").mkdir(parents=True)
        (top / "b").mkdir()
        calls, _ = trace(top, "durable.replace(top / 'a/tree', top / 'b/tree')")
        assert [call.split("(")[0] for call in calls] == ["rename", "fsync", "fsync"]
        assert sorted(re.findall(r"<(.*?)>", " ".join(calls))) == [f"{top}/a", f"{top}/b"]

    @posix
    def test_a_link_is_replaced_and_not_followed(self, top: Path) -> None:
        (top / "target").write_text("precious")
        (top / "current").symlink_to("target")
        (top / "new").symlink_to("elsewhere")
        durable.replace(top / "new", top / "current")
        assert (top / "current").readlink() == Path("elsewhere")
        assert (top / "target").read_text() == "precious"

    def test_the_destination_is_named_when_it_cannot_be(self, top: Path) -> None:
        (top / "file").write_text("")
        (top / "directory" / "inner").mkdir(parents=True)
        with pytest.raises(StorageFailed, match=f"^{re.escape(str(top / 'directory'))}: "):
            durable.replace(top / "file", top / "directory")

    def test_a_file_held_by_another_program_is_tried_again(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (top / "new").write_text("new")
        monkeypatch.setattr(Path, "replace", failing(Path.replace, code=errno.EACCES, winerror=32, times=2))
        durable.replace(top / "new", top / "old")
        assert (top / "old").read_text() == "new"


class TestSyncTree:
    @traced
    def test_linux_syncs_the_file_system_in_one_call(self, top: Path, tree: Path) -> None:
        calls, _ = trace(top, "durable.sync_tree(top / 'tree')")
        assert len(calls) == 1
        assert re.match(rf"syncfs\(\d+<{tree}>\) += 0", calls[0])

    @traced
    @pytest.mark.parametrize(
        ("code", "error"), [("EIO", "StorageFailed"), ("ENOSPC", "DiskFull"), ("EDQUOT", "DiskFull")]
    )
    def test_a_failed_sync_is_raised_with_the_path(self, top: Path, tree: Path, code: str, error: str) -> None:
        _, printed = trace(top, "durable.sync_tree(top / 'tree')", "-e", f"inject=syncfs:error={code}")
        assert printed.startswith(f"{error} {tree}: ")

    @traced
    @pytest.mark.parametrize("reason", ["no such call", "a kernel that hides errors"])
    def test_without_syncfs_every_file_and_then_its_directory_is_synced(
        self, top: Path, tree: Path, reason: str
    ) -> None:
        if reason == "no such call":
            calls, _ = trace(top, "durable.sync_tree(top / 'tree')", "-e", "inject=syncfs:error=ENOSYS")
        else:
            old_kernel = "system._kernel_version = lambda release: (5, 7)"
            calls, _ = trace(top, f"{old_kernel}; durable.sync_tree(top / 'tree')")
            assert not [call for call in calls if call.startswith("syncfs")]
        synced = re.findall(r"fsync\(\d+<(.*?)>\) += 0", "\n".join(calls))
        assert sorted(synced) == sorted(str(path) for path in (tree, *tree.rglob("*")))
        for place, path in enumerate(synced):
            assert str(Path(path).parent) not in synced[:place], f"{path} was synced after its directory"

    @traced
    def test_one_file_that_cannot_be_synced_is_named(self, top: Path, tree: Path) -> None:
        bad = tree / "a" / "file"
        code = "system._kernel_version = lambda release: (0, 0); durable.sync_tree(top / 'tree')"
        _, printed = trace(top, code, "-P", bad, "-e", "inject=fsync:error=EIO")
        assert printed.startswith(f"StorageFailed {bad}: ")

    @posix
    def test_links_and_pipes_in_a_tree_are_not_opened(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(system, "_kernel_version", lambda release: (0, 0))
        os.mkfifo(tree / "pipe")  # opening it for reading would wait for a writer for ever
        (tree / "dangling").symlink_to("nowhere")
        (tree / "loop").symlink_to(".")
        durable.sync_tree(tree)

    def test_a_missing_tree_is_named(self, top: Path) -> None:
        with pytest.raises(StorageFailed, match=re.escape(str(top / "no"))):
            durable.sync_tree(top / "no")

    @pytest.mark.parametrize(
        ("release", "version"),
        [("6.1.0-18-amd64", (6, 1)), ("4.18.0-553.el8", (4, 18)), ("5.10", (5, 10)), ("odd", (0, 0))],
    )
    def test_the_kernel_version_is_read(self, release: str, version: tuple[int, int]) -> None:
        assert system._kernel_version(release) == version


class TestRemoveTree:
    def test_everything_goes_and_again_is_harmless(self, top: Path, tree: Path) -> None:
        durable.remove_tree(tree)
        assert list(top.iterdir()) == []
        durable.remove_tree(tree)

    def test_a_single_file_goes(self, top: Path) -> None:
        (top / "file").write_text("")
        durable.remove_tree(top / "file")
        assert list(top.iterdir()) == []

    @posix
    def test_links_go_and_what_they_point_to_stays(self, top: Path, tree: Path) -> None:
        precious = top / "precious"
        precious.mkdir()
        (precious / "file").write_text("x")
        precious.chmod(0o555)
        (tree / "out").symlink_to(precious)
        (tree / "a" / "file-out").symlink_to(precious / "file")
        (tree / "empty" / "loop").symlink_to("..")
        durable.remove_tree(tree)
        assert list(top.iterdir()) == [precious]
        assert (precious / "file").read_text() == "x"
        assert stat.S_IMODE(precious.stat().st_mode) == 0o555

    @posix
    def test_a_link_given_as_the_tree_is_removed_as_a_link(self, top: Path, tree: Path) -> None:
        (top / "current").symlink_to(tree)
        durable.remove_tree(top / "current")
        assert list(top.iterdir()) == [tree]
        assert (tree / "a" / "deep" / "file").exists()

    @posix
    def test_read_only_directories_are_no_obstacle_to_their_owner(self, top: Path, tree: Path) -> None:
        for path in (top, tree, *tree.rglob("*")):
            if os.geteuid() == 0:  # root is stopped by no mode, so nobody removes
                os.chown(path, 65534, 65534)
        for path in (tree / "a" / "deep", tree / "a", tree):
            path.chmod(0o555 if path.name != "deep" else 0o000)
        code = "os.chdir(top); os.geteuid() or os.setuid(65534); durable.remove_tree(Path('tree'))"
        done = subprocess.run([sys.executable, "-c", PRELUDE.format(code=code), top], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert list(top.iterdir()) == []

    @pytest.mark.skipif(UNDER_WINE, reason="Wine looks a deep path up name by name, for minutes")
    def test_a_tree_deeper_than_python_recurses_goes(self, top: Path) -> None:
        place = top
        for _ in range(sys.getrecursionlimit() + 100):
            place = place / "d"
            place.mkdir()
        durable.remove_tree(top / "d")
        assert list(top.iterdir()) == []

    @pytest.mark.parametrize("winerror", [5, 32, 33])
    def test_a_file_held_by_another_program_is_tried_again(
        self, top: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, winerror: int
    ) -> None:
        monkeypatch.setattr(os, "unlink", failing(os.unlink, code=errno.EACCES, winerror=winerror, times=3))
        monkeypatch.setattr(os, "rmdir", failing(os.rmdir, code=errno.EACCES, winerror=145, times=3))
        durable.remove_tree(tree)
        assert list(top.iterdir()) == []

    def test_a_file_held_for_ever_is_named_after_the_patience(
        self, tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sharing_violations, "_RETRY_FOR_S", 0.05)
        monkeypatch.setattr(os, "unlink", failing(os.unlink, code=errno.EACCES, winerror=32, times=10**6))
        with pytest.raises(StorageFailed, match=re.escape(str(tree)) + ".*: held by another program"):
            durable.remove_tree(tree)

    def test_another_error_is_not_tried_again(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "unlink", failing(os.unlink, code=errno.EIO, winerror=1117, times=1))
        with pytest.raises(StorageFailed):
            durable.remove_tree(tree)


@pytest.mark.parametrize(
    ("path", "extended"),
    [
        ("C:\\site\\versions", "\\\\?\\C:\\site\\versions"),
        ("\\\\server\\share\\site", "\\\\?\\UNC\\server\\share\\site"),
        ("\\\\?\\C:\\site", "\\\\?\\C:\\site"),
    ],
)
def test_long_windows_paths_get_their_prefix_once(path: str, extended: str) -> None:
    assert extended_length(path) == extended


@pytest.mark.parametrize("winerror", [39, 112, 1295])
def test_windows_too_can_be_full(top: Path, winerror: int) -> None:
    error = OSError(errno.EINVAL, "full", "named")
    error.winerror = winerror  # type: ignore[attr-defined]
    with pytest.raises(DiskFull, match="named"), durable.errors(top):
        raise error


@pytest.mark.parametrize("path", ["C:\\site\\current", "\\\\server\\share\\site"])
def test_messages_show_a_windows_path_without_the_prefix_that_lifts_its_limit(path: str) -> None:
    extended = extended_length(path)
    with pytest.raises(StorageFailed) as caught, durable.errors(Path("other")):
        raise PermissionError(errno.EACCES, "denied", extended)
    assert str(caught.value) == f"{path}: denied"
