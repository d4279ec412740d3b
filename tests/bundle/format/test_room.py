"""What rebuilding takes in disk, memory and time, from the index on: declared, bounded, and no more than it is worth.

[F-64] [F-65] [F-66]. Vectors say what a reader refuses; here is what ours does not even begin.
"""

import gzip
import random
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bundle.archives.engines import present_features
from bundle.archives.skeleton import rebuild
from bundle.errors import Malformed
from bundle.format.index import Frame
from bundle.format.manifest import TreeManifest
from bundle.format.objects import MemoryObject, Readable, Scratch
from bundle.format.varints import write_varints
from bundle.read import reader
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import VerifiedSection, open_bundle
from bundle.read.tree import DirectoryBase, scan
from tests.support.contents.opened_archives import opened as opened_pair
from tests.support.contents.raw_bundles import raw
from tests.support.contents.raw_bundles import vector as vector_file
from tests.support.contents.releases import TRUST, build_from, put_together, take_apart, write_tree

MIB = 1 << 20


class Counted:
    """An object of zeros that counts what is read of it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.read_bytes = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.read_bytes += length
        return bytes(length)


def wheel(path: Path, version: int, seed: int) -> None:
    choice = random.Random(seed)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5):
            text = b" ".join(choice.choices([b"%x" % (n * n) for n in range(300)], k=900))
            content = text + (b"changed" if version == 2 and number % 2 else b"")
            archive.writestr(zipfile.ZipInfo(f"m{number}.py", (2024, 1, 1, 1, version, 0)), content, 8, 6)


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Path, Path]:
    """Two releases of three wheels, the last of which holds another."""
    for version, name in ((1, "old"), (2, "new")):
        for number in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            wheel(tmp_path / name / f"w{number}.whl", version, number)
        wheel(tmp_path / "inner.whl", version, 9)
        with zipfile.ZipFile(tmp_path / name / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tmp_path / "inner.whl", "inner.whl")
            archive.writestr("note.txt", b"note " * 100 + b"%d" % version)
    return tmp_path / "old", tmp_path / "new"


@contextmanager
def opened(data: bytes, tmp_path: Path) -> Iterator[VerifiedSection]:
    path = tmp_path / "again.unrep"
    path.write_bytes(data)
    with open_bundle(path, TRUST) as bundle:
        yield bundle.open_section(bundle.root.sections[0])


def run(section: VerifiedSection, base: DirectoryBase | None) -> int:
    evaluation = open_evaluation(section, base, present_features())
    return sum(len(chunk) for _, chunks in evaluation.objects() for chunk in chunks)


@pytest.mark.parametrize("full", [False, True], ids=["delta", "full"])
def test_a_builder_declares_just_what_is_taken(releases: tuple[Path, Path], tmp_path: Path, full: bool) -> None:
    """[F-64]: a byte less, and the same section is refused."""
    old, new = releases
    build_from(new, [] if full else [old], tmp_path / "b.unrep")
    base = None if full else DirectoryBase(old, scan(old))
    parts = take_apart(tmp_path / "b.unrep")
    (section,) = parts.root.sections
    assert section.room > parts.index.scratch_bytes if base else section.room == parts.index.scratch_bytes > 0
    with opened(put_together(parts), tmp_path) as again:
        assert run(again, base) == sum(path.stat().st_size for path in new.iterdir())
    less = msgspec.structs.replace(section, room=section.room - 1)
    if full:
        return  # put_together would give that room again: the vectors hold this
    with (
        opened(put_together(parts.with_root(sections=[less])), tmp_path) as again,
        pytest.raises(Malformed, match="room"),
    ):
        run(again, base)


def test_a_release_without_archives_needs_no_room(tmp_path: Path) -> None:
    """And takes not a byte for it in the root."""
    old, new = write_tree(tmp_path / "old", {"a": b"1" * 5000}), write_tree(tmp_path / "new", {"a": b"1" * 5000 + b"2"})
    build_from(new, [old], tmp_path / "b.unrep", full=True)
    with open_bundle(tmp_path / "b.unrep", TRUST) as bundle:
        assert [section.room for section in bundle.root.sections] == [0, 0]
    assert b"room" not in (tmp_path / "b.unrep").read_bytes()


def test_archives_take_their_room_where_they_are_told(
    releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[F-64]: at no time are there more bytes in temporary files than the section declares."""
    monkeypatch.setattr("bundle.format.objects.SPOOL_BYTES", 0)
    monkeypatch.setattr("bundle.archives.opened.IN_MEMORY_BYTES", 0)
    monkeypatch.setattr("bundle.archives.skeleton.Scratch", lambda *_: Scratch(None, 1 << 30))  # not of the room
    old, new = releases
    build_from(new, [old], tmp_path / "b.unrep")
    files: list[object] = []
    real = tempfile.TemporaryFile

    def watched(**options: object) -> object:
        files.append(real(**options))  # type: ignore[call-overload]
        return files[-1]

    monkeypatch.setattr("bundle.format.objects.tempfile.TemporaryFile", watched)
    with open_bundle(tmp_path / "b.unrep", TRUST) as bundle:
        section = bundle.open_section(bundle.root.sections[0])
        most = 0
        evaluation = open_evaluation(section, DirectoryBase(old, scan(old)), present_features())
        for _, chunks in evaluation.objects():
            for _ in chunks:
                most = max(most, sum(f.seek(0, 2) for f in files if not f.closed))  # type: ignore[attr-defined]
        assert 0 < most <= section.section.room
    assert all(f.closed for f in files)  # type: ignore[attr-defined]


def test_a_nested_bomb_in_a_release_stays_packed(tmp_path: Path) -> None:
    """[F-65]: what an inner archive holds is at most half of 1,040 times the outer one."""
    inner = gzip.compress(bytes(3 * MIB), mtime=0)
    bomb = gzip.compress(inner, mtime=0)
    assert len(bomb) * 520 < 3 * MIB
    for found in opened_pair(tmp_path, bomb, bomb + b"other"):
        assert found is not None and found.members[0].opening is None
    sound = gzip.compress(gzip.compress(b"sound " * 100, mtime=0), mtime=0)
    target = opened_pair(tmp_path, None, sound)[1]
    assert target is not None and target.members[0].opening is not None
    new = write_tree(tmp_path / "new", {"bomb.gz": bomb, "a.txt": b"a"})
    build_from(new, [], tmp_path / "b.unrep")


def test_a_member_that_no_such_archive_holds_is_not_deflated() -> None:
    """[F-48]: 1,040 times the archive, and all of them together."""
    skeleton = MemoryObject(write_varints([2, 0, 0, 0]))
    large, small = Counted(104_000), Counted(1)
    with pytest.raises(Malformed, match="members of over 104,001 bytes in an archive of 100"):
        list(rebuild(skeleton, [small, large], [6, 6], 100))
    assert large.read_bytes == 0


def test_streams_that_outgrow_their_archive_are_not_kept() -> None:
    """[F-48]: of noise that is 1,000 times the archive, a chunk is read."""
    noise = random.Random(1).randbytes(8 * MIB)
    member = MemoryObject(noise)
    read: list[int] = []

    class Watched:
        size = member.size

        def read_at(self, offset: int, length: int) -> bytes:
            read.append(length)
            return member.read_at(offset, length)

    with pytest.raises(Malformed, match="take more than its size"):
        list(rebuild(MemoryObject(write_varints([1, 0, 0])), [Watched()], [1], 10_000))
    assert sum(read) <= MIB


def test_a_skeleton_longer_than_its_archive_is_not_read() -> None:
    """[F-48]"""
    skeleton = Counted(200)
    with pytest.raises(Malformed, match="larger than its archive"):
        list(rebuild(skeleton, [], [], 100))
    assert skeleton.read_bytes == 0


class BaseOfZeros:
    """One file of 8 MiB."""

    def __init__(self) -> None:
        self.file = Counted(8 * MIB)
        content = bytes(8 * MIB)
        tree = [("zeros", 0, content)]
        self.manifest = TreeManifest.decode(raw.manifest(tree), "any")

    def open(self, place: int) -> Readable:
        return self.file


def test_a_patch_reads_no_more_than_its_result_is_worth(tmp_path: Path) -> None:
    """Thousands of patches of a byte, each of which would read 8 MiB: hours out of kilobytes."""
    base, count = BaseOfZeros(), 500
    tree = [("joined", 0, b"\0\1" * count)]
    kinds = b"\0" + b"\x82" * count + b"\3"
    sources = [1, *[0] * (count - 1), 2, *[1] * (count - 1)]
    streams = {
        0: raw.draft(raw.manifest(tree), 1),
        2: raw.varints(*[1] * count),
        4: raw.varints(*[0] * count),
        6: b"\1" * count,
    }
    frame = [kinds, [0, 1], [2] * count, sources, [*[1] * count, count], [*streams.items()]]
    section = raw.Section("delta", 2, [frame], raw.digest(base.manifest.encoded))
    with opened(raw.write(raw.Bundle([section], tree)), tmp_path) as again:
        evaluation = open_evaluation(again, base, present_features())
        assert b"".join(chunk for _, chunks in evaluation.objects() for chunk in chunks) == tree[0][2]
    assert base.file.read_bytes <= 16 * 2 * count


def test_the_packs_of_many_frames_are_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a million frames are allowed: none may be looked for by going through all before it."""
    count, asked = 2000, 0
    real = reader._packed_bytes

    def counted(frame: Frame) -> int:
        nonlocal asked
        asked += 1
        return real(frame)

    monkeypatch.setattr("bundle.read.reader._packed_bytes", counted)
    frames = [*raw.full().frames, *([[b"\x80", [], [1], [], [], [(0, b"x")]]] * count)]
    with opened(raw.write(raw.Bundle([raw.Section("full", 0, frames)])), tmp_path) as section:
        run(section, None)
    assert 0 < asked < 4 * count


def test_vectors_of_room_are_small() -> None:
    """What they try for is not in the file."""
    assert max(vector_file(name).stat().st_size for name in ("doubled-24", "doubled-43", "grown-one", "opened")) < 2000
