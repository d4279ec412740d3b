"""Release directories: bundle.read.tree."""

import os
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from bundle.errors import BaseMismatch, InputError
from bundle.format.manifest import EMPTY_HASH, Entry, Kind
from bundle.format.objects import read_all
from bundle.read.tree import DirectoryBase, object_bytes, scan

needs_posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and special files of POSIX")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    root = tmp_path / "release"
    (root / "a" / "b").mkdir(parents=True)
    (root / "empty" / "deeper").mkdir(parents=True)
    (root / "a" / "b" / "c.txt").write_bytes(b"content")
    (root / "a.txt").write_bytes(b"")
    return root


def test_what_becomes_an_entry(release: Path) -> None:
    """[F-12]: files and empty directories; a directory with content follows from it."""
    assert tuple(scan(release).entries) == (
        Entry("a.txt", Kind.FILE, 0, EMPTY_HASH),
        Entry("a/b/c.txt", Kind.FILE, 7, sha256(b"content").digest()),
        Entry("empty/deeper", Kind.EMPTY_DIRECTORY, 0, EMPTY_HASH),
    )


@needs_posix
def test_executable_is_what_its_owner_may_run(release: Path) -> None:
    """[F-12]"""
    (release / "a.txt").chmod(0o745)
    (release / "a" / "b" / "c.txt").chmod(0o655)
    assert [entry.kind for entry in scan(release).entries[:2]] == [Kind.EXECUTABLE, Kind.FILE]


@needs_posix
def test_links_are_entries_of_posix_releases(release: Path) -> None:
    """[F-12], [F-18]: never followed, not even to a directory."""
    (release / "link").symlink_to("a/b")
    (release / "dangling").symlink_to("nowhere")
    found = {entry.path: entry for entry in scan(release, "posix").entries}
    assert found["link"] == Entry("link", Kind.SYMLINK, 3, sha256(b"a/b").digest())
    assert object_bytes(release, found["dangling"]) == b"nowhere"
    assert not any(path.startswith("link/") for path in found)
    with pytest.raises(InputError, match=r"'dangling'.*symbolic links need .*--platform posix"):
        scan(release)


@needs_posix
@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../x"])
def test_links_that_leave_the_release_are_named(release: Path, target: str) -> None:
    """[F-18]"""
    (release / "link").symlink_to(target)
    with pytest.raises(InputError, match=r"symbolic link 'link'"):
        scan(release, "posix")


@needs_posix
@pytest.mark.parametrize("name", ["a:b", "nul", "A.TXT", "x.", "back\\slash", "e\u0301"])
def test_names_that_no_release_may_hold_are_named(release: Path, name: str) -> None:
    """[F-14], [F-15], [F-16]"""
    (release / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"release: (path|directory) "):
        scan(release)


@needs_posix
def test_a_name_that_is_not_text_is_named(release: Path) -> None:
    """[F-14]"""
    (Path(os.fsdecode(os.fsencode(release) + b"/\xff"))).write_bytes(b"x")
    for platform in ("any", "posix"):
        with pytest.raises(InputError, match="not valid UTF-8"):
            scan(release, platform)


@needs_posix
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_special_files_are_named(release: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(release)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("special") if kind == "socket" else os.mkfifo("special")
        with pytest.raises(InputError, match="special: neither a file nor a directory"):
            scan(release)


def test_what_is_no_directory_is_named(release: Path) -> None:
    for path in (release / "nowhere", release / "a.txt"):
        with pytest.raises(InputError, match=rf"{path.name}: not a directory"):
            scan(path)


def test_the_manifest_does_not_depend_on_times_or_the_place(release: Path, tmp_path: Path) -> None:
    before = scan(release).encoded
    os.utime(release / "a.txt", (1, 1))
    assert scan(release.rename(tmp_path / "elsewhere")).encoded == before


def test_a_base_is_read_by_place(release: Path) -> None:
    base = DirectoryBase(release, scan(release))
    assert b"".join(read_all(base.open(2))) == b"content"
    (release / "a" / "b" / "c.txt").write_bytes(b"longer content")
    with pytest.raises(BaseMismatch, match=r"c\.txt: has 14 bytes instead of 7"):
        base.open(2)
    (release / "a" / "b" / "c.txt").unlink()
    with pytest.raises(BaseMismatch, match=r"c\.txt: cannot be read"):
        base.open(2)


@needs_posix
def test_a_link_of_a_base_is_its_target(release: Path) -> None:
    (release / "link").symlink_to("a/b")
    base = DirectoryBase(release, scan(release, "posix"))
    place = next(place for place, entry in enumerate(base.manifest.entries, 1) if entry.path == "link")
    assert b"".join(read_all(base.open(place))) == b"a/b"
    (release / "link").unlink()
    with pytest.raises(BaseMismatch, match="link: cannot be read"):
        base.open(place)
