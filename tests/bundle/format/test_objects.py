"""Objects that are read in any order: bundle.format.objects."""

import os
from pathlib import Path

import pytest

from bundle.errors import BaseMismatch, Malformed
from bundle.format.objects import CHUNK_BYTES, SPOOL_BYTES, FileObject, MemoryObject, Scratch, Window, read_all
from bundle.host.files import open_plain

DATA = bytes(range(256)) * 5


def test_a_window_is_a_stretch_of_its_source() -> None:
    """[F-38]"""
    window = Window(Window(MemoryObject(DATA), 100, 300), 50, 200)
    assert window.size == 200
    assert window.read_at(10, 20) == DATA[160:180]
    assert b"".join(read_all(Window(MemoryObject(DATA), len(DATA), 0))) == b""


@pytest.mark.parametrize(("offset", "size"), [(0, len(DATA) + 1), (len(DATA), 1), (len(DATA) + 1, 0), (2**53 - 1, 1)])
def test_a_window_beyond_its_source_is_refused(offset: int, size: int) -> None:
    """[F-38]"""
    with pytest.raises(Malformed, match="beyond its source"):
        Window(MemoryObject(DATA), offset, size)


def test_a_file_is_read_as_the_manifest_says(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(DATA)
    found = FileObject(open_plain(path), len(DATA), path)
    assert found.read_at(1000, 50) == DATA[1000:1050]
    assert b"".join(read_all(found)) == DATA


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"four")
    with pytest.raises(BaseMismatch, match="f: has 4 bytes instead of 3"):
        FileObject(open_plain(path), 3, path)
    found = FileObject(open_plain(path), 4, path)
    os.truncate(path, 2)
    with pytest.raises(BaseMismatch, match="f: ends before byte 4"):
        found.read_at(0, 4)


def test_large_objects_come_in_chunks() -> None:
    chunks = list(read_all(MemoryObject(bytes(CHUNK_BYTES * 2 + 1))))
    assert [len(chunk) for chunk in chunks] == [CHUNK_BYTES, CHUNK_BYTES, 1]


def test_scratch_gives_back_what_it_keeps_in_any_order(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    first = scratch.save(iter([b"one", b"", b"two"]))
    second = scratch.save(read_all(first))  # reads what was saved while more is written
    third = scratch.save(part + b"!" for part in (second.read_at(0, 3), first.read_at(3, 3)))
    assert [found.read_at(0, found.size) for found in (third, second, first)] == [b"one!two!", b"onetwo", b"onetwo"]
    assert scratch.size == 20
    scratch.close()


def test_scratch_takes_a_file_only_when_it_is_large(tmp_path: Path) -> None:
    """Memory is bounded: beyond 8 MiB the bytes are in the directory that was given, and gone when it is closed."""
    scratch = Scratch(tmp_path)
    small = scratch.save(iter([b"small"]))
    large = scratch.save(bytes([number]) * CHUNK_BYTES for number in range(SPOOL_BYTES // CHUNK_BYTES + 1))
    assert small.read_at(0, 5) == b"small"
    assert large.read_at(CHUNK_BYTES - 1, 2) == b"\0\1"
    assert large.read_at(large.size - 1, 1) == bytes([SPOOL_BYTES // CHUNK_BYTES])
    scratch.close()
    assert list(tmp_path.iterdir()) == []
