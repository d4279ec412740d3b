"""[A-110]: what unrep writes to is its own plain file, whatever another account has put under the name."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from bundle.host import files
from bundle.host.directories import Directory
from bundle.host.files import ForeignFile
from bundle.host.locks import held
from bundle.trust.signing import write_key_pair

posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes, owners and modes of POSIX")
root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="files of other accounts need root")
NOBODY = 65534


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    return path


def hold(path: Path) -> None:
    with held(path, b"a test"):
        pass


OPENERS: list[Callable[[Path], object]] = [files.reopen, files.reopen_or_create, hold]


@posix
@pytest.mark.parametrize("opener", OPENERS)
class TestPlanted:
    def test_a_link_is_not_written_through(self, opener: Callable[[Path], object], precious: Path) -> None:
        planted = precious.with_name("planted")
        planted.symlink_to(precious)
        with pytest.raises(ForeignFile, match="a symbolic link stands there; move it away"):
            opener(planted)
        assert precious.read_bytes() == b"precious" and planted.is_symlink()

    def test_nor_a_link_that_leads_nowhere(self, opener: Callable[[Path], object], tmp_path: Path) -> None:
        (tmp_path / "planted").symlink_to(tmp_path / "made")
        with pytest.raises(ForeignFile, match="a symbolic link"):
            opener(tmp_path / "planted")
        assert not (tmp_path / "made").exists()

    def test_nor_a_second_name_of_a_file(self, opener: Callable[[Path], object], precious: Path) -> None:
        planted = precious.with_name("planted")
        planted.hardlink_to(precious)
        with pytest.raises(ForeignFile, match="a second name"):
            opener(planted)
        assert precious.read_bytes() == b"precious"

    def test_a_pipe_is_not_waited_for(self, opener: Callable[[Path], object], tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "planted")
        with pytest.raises(ForeignFile, match="no regular file"):
            opener(tmp_path / "planted")

    @root
    def test_nor_is_a_file_of_another_account_ours(self, opener: Callable[[Path], object], precious: Path) -> None:
        os.chown(precious, NOBODY, NOBODY)
        with pytest.raises(ForeignFile, match=f"another account, number {NOBODY}"):
            opener(precious)
        assert precious.read_bytes() == b"precious"


@root
def test_a_file_system_without_owners_shows_them_all_as_one(tmp_path: Path) -> None:
    """As a stick does that is mounted for an account: directory and file are of the same owner, and it is not us."""
    (tmp_path / "F.part").write_bytes(b"begun")
    for path in (tmp_path, tmp_path / "F.part"):
        os.chown(path, NOBODY, NOBODY)
    with files.reopen(tmp_path / "F.part") as file:
        assert file.read() == b"begun"


@posix
@pytest.mark.parametrize("make", [files.create_anew, files.create_buffered])
def test_a_new_file_takes_the_name_and_leaves_the_rest(make: Callable[[Path], BinaryIO], precious: Path) -> None:
    for plant in (Path.symlink_to, Path.hardlink_to):
        planted = precious.with_name(plant.__name__)
        plant(planted, precious)
        with make(planted) as file:
            file.write(b"new")
        assert planted.read_bytes() == b"new" and not planted.is_symlink()
    assert precious.read_bytes() == b"precious"


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_umask_makes_nothing_of_ours_writable_for_others(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        files.write_new(tmp_path / "out", b"")
        hold(tmp_path / "lock")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out", "lock")]
    assert modes == [0o644 & ~umask, 0o600]


@posix
@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
def test_what_is_read_is_a_regular_file(kind: str, tmp_path: Path) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "directory":
        path.mkdir()
    with pytest.raises(ForeignFile, match="not a regular file"):
        files.read_plain(path)


@posix
def test_a_link_that_a_person_names_is_read(precious: Path) -> None:
    named = precious.with_name("named")
    named.symlink_to(precious)
    assert files.read_plain(named) == b"precious" and files.read_plain(named, 3) == b"pre"


@posix
def test_a_directory_is_made_once_and_is_no_link(tmp_path: Path) -> None:
    assert files.make_directory(tmp_path / "d") and not files.make_directory(tmp_path / "d")
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(ForeignFile, match="where a directory should; move it away"):
            files.make_directory(tmp_path / name)


@posix
def test_a_pipe_that_a_person_names_is_read_where_a_shell_hands_it_over_alone(tmp_path: Path) -> None:
    """[A-110]: `--key <(command)` goes on working; a planted pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ForeignFile, match="not a regular file"):
        files.read_given(tmp_path / "pipe")
    reading, writing = os.pipe()
    os.write(writing, b"key")
    os.close(writing)
    assert files.read_given(Path(f"/dev/fd/{reading}")) == b"key"
    os.close(reading)
    assert files.read_given(Path("/dev/zero"), 5) == bytes(5)


@root
def test_a_device_keeps_its_name(tmp_path: Path) -> None:
    """[A-110]: `--out /dev/null` of root's must not take that from the whole machine; nor is a disk written to."""
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices can be made here")
    for write in (files.create_anew, files.create_buffered, lambda path: files.write_anew(path, b"x")):
        with pytest.raises(ForeignFile, match="a device stands there; name a file"):
            write(device)
    assert stat.S_ISCHR(device.lstat().st_mode)
    with pytest.raises(ForeignFile, match="a device stands there; name a file"):
        files.check_replaceable(Path("/dev/stdout"))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no shared memory with names")
def test_shared_memory_is_no_device(precious: Path) -> None:
    """[A-110]: any account may plant a link there; /dev/stdout and its like are written to as they stand."""
    planted = Path("/dev/shm", f"unrep-test-{os.getpid()}")
    planted.symlink_to(precious)
    try:
        files.write_anew(planted, b"new")
        assert precious.read_bytes() == b"precious" and planted.read_bytes() == b"new" and not planted.is_symlink()
    finally:
        planted.unlink()


@posix
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_modes_is_worked_on(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git's users know it of /mnt/c and of shared folders: chmod is refused to the owner of a file just made."""

    def refuse(descriptor: int, mode: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchmod", refuse)
    (tmp_path / "lock").touch(0o644)
    hold(tmp_path / "lock")
    write_key_pair(tmp_path / "key")
    with Directory.open(tmp_path) as directory, directory.make("made"), directory.create("file", 0o644) as file:
        file.write(b"x")


@root
def test_a_mode_that_another_account_may_not_set_is_an_error(precious: Path) -> None:
    """Else a directory that is not ours would count as closed to others."""
    with precious.open("rb") as file:
        precious.chmod(0o666)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(PermissionError):
                files.set_mode(file.fileno(), 0o600)
        finally:
            os.seteuid(0)
