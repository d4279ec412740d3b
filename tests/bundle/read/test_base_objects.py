"""Objects of a base by number, opened archives among them: bundle.read.base_objects."""

import io
import zipfile
from pathlib import Path

import pytest

from bundle.errors import Malformed
from bundle.read.base_objects import BaseObjects
from bundle.read.tree import DirectoryBase, scan

ROOM = 10_000


@pytest.fixture
def base(tmp_path: Path) -> DirectoryBase:
    """Entries 1 and 2: an archive with two members, the first an archive with one; and a plain file."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep.txt", "deep " * 50)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("plain.txt", "plain " * 50)
    (tmp_path / "b.txt").write_bytes(b"b")
    return DirectoryBase(tmp_path, scan(tmp_path))


def content(objects: BaseObjects, number: int) -> bytes:
    found = objects.open(number)
    return found.read_at(0, found.size)


def test_members_are_numbered_after_the_entries(base: DirectoryBase) -> None:
    """[F-32], [F-35]: 0 the manifest, 1 and 2 the entries, 3 to 5 what a.zip holds, 6 and 7 what inner.zip does."""
    objects = BaseObjects(base, [1, 3, 4, 2], None, ROOM)
    assert objects.count == 8
    assert content(objects, 0) == base.manifest.encoded
    assert content(objects, 2) == b"b"
    assert content(objects, 5) == b"plain " * 50
    assert content(objects, 7) == b"deep " * 50
    assert content(objects, 4)[:2] == b"PK"
    assert [objects.nesting.place_of(number) for number in range(8)] == [0, 1, 2, 1, 1, 1, 1, 1]
    objects.close([0, 1])


@pytest.mark.parametrize("opened", [[1], [0, 2], [3, 2], [1, 1], [1, 1_000_001], [-1, 2], [1, 3, 1, 3]])
def test_a_list_that_cannot_be_is_refused(base: DirectoryBase, opened: list[int]) -> None:
    """[F-35]"""
    with pytest.raises(Malformed):
        BaseObjects(base, opened, None, ROOM)


def test_an_archive_that_gives_another_number_is_refused(base: DirectoryBase) -> None:
    """[F-35]: files of the base were verified before, so it is the list that lies."""
    objects = BaseObjects(base, [1, 4], None, ROOM)
    with pytest.raises(Malformed, match="another number of objects"):
        objects.open(4)


def test_archives_are_opened_within_the_room(base: DirectoryBase) -> None:
    """[F-64]: a.zip gives a skeleton, 300 bytes and an archive; that one again a skeleton and 250 bytes."""
    outer = sum(len(content(BaseObjects(base, [1, 3, 4, 2], None, ROOM), number)) for number in (3, 4, 5))
    inner = sum(len(content(BaseObjects(base, [1, 3, 4, 2], None, ROOM), number)) for number in (6, 7))
    for room, number in ((outer - 1, 5), (outer + inner - 1, 7)):
        with pytest.raises(Malformed, match="left of its room"):
            BaseObjects(base, [1, 3, 4, 2], None, room).open(number)
    objects = BaseObjects(base, [1, 3, 4, 2], None, outer + inner)
    assert content(objects, 7) == b"deep " * 50
    objects.close([1])
    objects.close([0, 1])
    assert content(objects, 7) == b"deep " * 50, "what was closed is opened anew"


def test_without_a_base_there_are_no_objects() -> None:
    assert BaseObjects(None, [], None, 0).count == 0
