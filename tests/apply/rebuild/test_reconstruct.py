"""The complete tree in staging: every kind of file, hashed as it is written [A-19], cloned where that works."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from apply.errors import BaseDrifted, DiskFull
from apply.rebuild.reconstruct import _telling, reconstruct
from bundle.archives.engines import present_features
from bundle.format.manifest import Kind
from bundle.format.root import Platform
from bundle.host.blocks import Sharing
from bundle.host.progress import Quiet
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.signing import load_private_key, verifying_key
from bundle.trust.trust import Trust
from bundle.write.builder import BuildRequest, build
from tests.support.sites.mounted import mounted
from tests.support.sites.site import QUIET, filled, shore, spelled

posix = pytest.mark.skipif(os.name == "nt", reason="symbolic links, modes and mounts of POSIX")


@contextmanager
def evaluation(bundle: Path, base: DirectoryBase | None, trust: Trust | None = None) -> Iterator[Evaluation]:
    with open_bundle(bundle, trust or shore().trust) as opened:
        tree = base and opened.root.delta_section(base.manifest.tree_hash, present_features())
        yield open_evaluation(opened.open_section(tree or opened.root.sections[-1]), base, present_features())


def request_for(new: Path, bases: list[Path]) -> BuildRequest:
    """Of `b.unrep` beside the release."""
    return BuildRequest(new=new, product="vms", version="2", seq=2, out=new.parent / "b.unrep", bases=bases)


def installed(directory: Path, name: str = "1.0.0") -> DirectoryBase:
    shutil.copytree(shore().release(name), directory)
    return DirectoryBase(directory, scan(shore().release(name)))


def rebuilt(base: DirectoryBase | None, tree: Path) -> Path:
    bundle = shore().bundle("1.0.1", 2, "1.0.0", full=True)
    with evaluation(bundle, base) as recipes:
        reconstruct(recipes, base, tree, QUIET)
    return tree


def test_from_a_base(tmp_path: Path) -> None:
    tree = rebuilt(installed(tmp_path / "base"), tmp_path / "1.0.1")
    assert scan(tree) == scan(shore().release("1.0.1"))
    assert scan(tmp_path / "base") == scan(shore().release("1.0.0")), "the base was touched"


def test_from_the_full_release(tmp_path: Path) -> None:
    tree = rebuilt(None, tmp_path / "1.0.1")
    assert scan(tree) == scan(shore().release("1.0.1"))
    assert (tree / "spool").is_dir() and (tree / "docs/empty.txt").read_bytes() == b""


@posix
@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_modes_are_the_formats_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    """[F-12]: not world-writable under 000, not unreadable to the application under 077."""
    base, full = installed(tmp_path / "base"), tmp_path / "full"
    full.mkdir()
    before = os.umask(umask)
    try:
        trees = [rebuilt(base, tmp_path / "1.0.1"), rebuilt(None, full / "1.0.1")]
    finally:
        os.umask(before)
    for tree in trees:
        entries = {entry.path: entry for entry in scan(tree).entries}
        for path in (tree, *tree.rglob("*")):
            entry = entries.get(path.relative_to(tree).as_posix())
            is_open = path.is_dir() or (entry is not None and entry.kind == Kind.EXECUTABLE)
            assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) == (0o755 if is_open else 0o644), path


def test_what_was_an_empty_directory_and_becomes_an_empty_file(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "a").mkdir(parents=True)
    (old / "b").touch()
    (new / "b").mkdir(parents=True)
    (new / "a").touch()
    key = load_private_key(shore().directory / "sender.key")
    with ThreadPoolExecutor(1) as pool:
        build(request_for(new, [old]), key, pool, QUIET)
    base = DirectoryBase(old, scan(old))
    with evaluation(tmp_path / "b.unrep", base) as recipes:
        reconstruct(recipes, base, tmp_path / "tree", QUIET)
    assert scan(tmp_path / "tree") == scan(new)


@posix
@pytest.mark.parametrize("kept", [True, False])
def test_symbolic_links(tmp_path: Path, kept: bool) -> None:
    """Kept ones, new ones, one whose target is now a file's content, and the other way round."""
    old, new = tmp_path / "old", tmp_path / "new"
    for directory in (old, new):
        (directory / "lib").mkdir(parents=True)
        (directory / "lib" / "real.so.1").write_text("library")
        (directory / "kept").symlink_to("lib/real.so.1")
    (old / "word").write_text("lib/real.so.1")
    (old / "link").symlink_to("kept")
    (new / "word").symlink_to("lib/real.so.1")
    (new / "link").write_text("kept")
    (new / "fresh").symlink_to("./word")
    platform: Platform = "posix"
    key = load_private_key(shore().directory / "sender.key")
    request = replace(request_for(new, [old] if kept else []), platform=platform)
    with ThreadPoolExecutor(1) as pool:
        build(request, key, pool, QUIET)
    base = DirectoryBase(old, scan(old, platform)) if kept else None
    with evaluation(tmp_path / "b.unrep", base, Trust((verifying_key(key),))) as recipes:
        reconstruct(recipes, base, tmp_path / "tree", QUIET)
    assert scan(tmp_path / "tree", platform) == scan(new, platform)


class TestABaseThatHasChanged:
    """[A-13], [A-19]"""

    @pytest.mark.parametrize("path", ["docs/guide.txt", "docs/copy of guide.txt", "docs/page.txt", "bin/start"])
    def test_a_file_that_stays_as_it_is(self, tmp_path: Path, path: str) -> None:
        base = installed(tmp_path / "base")
        data = (base.directory / path).read_bytes()
        (base.directory / path).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(BaseDrifted, match=f"{spelled(path)}: has changed since it was installed"):
            rebuilt(base, tmp_path / "1.0.1")

    def test_an_empty_one_that_is_so_no_more(self, tmp_path: Path) -> None:
        base = installed(tmp_path / "base")
        (base.directory / "docs/empty.txt").write_text("a fix, by hand")
        with pytest.raises(BaseDrifted, match=r"docs.empty\.txt: has changed"):
            rebuilt(base, tmp_path / "1.0.1")

    def test_one_that_is_gone(self, tmp_path: Path) -> None:
        base = installed(tmp_path / "base")
        (base.directory / "docs/page.txt").unlink()
        with pytest.raises(BaseDrifted, match=r"docs.page\.txt: cannot be read"):
            rebuilt(base, tmp_path / "1.0.1")

    @posix
    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        base = installed(tmp_path / "base")
        (base.directory / "docs/page.txt").rename(tmp_path / "elsewhere")
        (base.directory / "docs/page.txt").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BaseDrifted, match=r"docs.page\.txt: cannot be read"):
            rebuilt(base, tmp_path / "1.0.1")


def test_it_does_not_write_over_anything(tmp_path: Path) -> None:
    (tmp_path / "1.0.1").mkdir()
    (tmp_path / "1.0.1" / "precious").touch()
    with pytest.raises(Exception, match=r"1\.0\.1: .*exists"):
        rebuilt(None, tmp_path / "1.0.1")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with mounted(tmp_path) as place:
        base = installed(place / "base")
        with filled(place, leave_bytes=20_000), pytest.raises(DiskFull, match=r"1\.0\.1.*no space left"):
            rebuilt(base, place / "1.0.1")


@pytest.mark.parametrize("make", [("mkfs.btrfs", "-q"), ("mkfs.xfs", "-q", "-m", "reflink=1")], ids=lambda m: m[0])
def test_unchanged_files_share_their_blocks(tmp_path: Path, make: tuple[str, ...]) -> None:
    """[A-19]: FICLONE, as the file system itself tells of it."""
    with mounted(tmp_path, *make) as place:
        base = installed(place / "base")
        tree = rebuilt(base, place / "1.0.1")
        os.sync()
        assert scan(tree) == scan(shore().release("1.0.1"))
        assert _is_shared(tree / "docs/copy of guide.txt") and _is_shared(base.directory / "app/library.bin") is False

        data = bytearray((base.directory / "docs/guide.txt").read_bytes())
        data[5] ^= 1
        (base.directory / "docs/guide.txt").write_bytes(data)
        with pytest.raises(BaseDrifted, match=r"guide\.txt: has changed"):
            rebuilt(base, place / "again")


def test_a_clone_that_fails_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-19]: as on ext4, or between two file systems."""
    if os.name != "nt":
        import fcntl

        def refuse(*_: object) -> int:
            raise OSError(errno.EOPNOTSUPP, "not supported")

        monkeypatch.setattr(fcntl, "ioctl", refuse)
    tree = rebuilt(installed(tmp_path / "base"), tmp_path / "1.0.1")
    assert scan(tree) == scan(shore().release("1.0.1"))


def test_a_clone_is_hashed_itself_and_not_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-19]: the source may have changed between the clone and the look at it, and be as it was by then."""

    def clone_of_something_else(_: Sharing, source: BinaryIO, written: BinaryIO) -> bool:
        written.write(source.read()[::-1])
        source.seek(0)
        written.seek(0)
        return True

    monkeypatch.setattr(Sharing, "whole", clone_of_something_else)
    with pytest.raises(BaseDrifted, match="has changed"):
        rebuilt(installed(tmp_path / "base"), tmp_path / "1.0.1")


def _is_shared(path: Path) -> bool:
    """Whether another file holds the same blocks: FS_IOC_FIEMAP, flag FIEMAP_EXTENT_SHARED."""
    import fcntl
    import struct

    header = struct.pack("=QQLLLL", 0, 2**64 - 1, 1, 0, 8, 0)
    with path.open("rb") as file:
        answer = fcntl.ioctl(file.fileno(), 0xC020660B, header + bytes(8 * 56))
    count = struct.unpack_from("=L", answer, 20)[0]
    flags = [struct.unpack_from("=L", answer, 32 + 56 * number + 40)[0] for number in range(count)]
    return any(flag & 0x2000 for flag in flags)


class Steps(Quiet):
    """Each step of the progress."""

    def __init__(self) -> None:
        self.amounts: list[int] = []

    def advance(self, amount: int) -> None:
        self.amounts.append(amount)


def test_progress_goes_on_within_a_file() -> None:
    """[A-219]"""
    steps = Steps()
    assert list(_telling(iter([b"abc", b"de"]), steps)) == [b"abc", b"de"] and steps.amounts == [3, 2]
