"""Objects of a base by number, opened archives among them: bundle.read.base_objects."""

import io
import zipfile
import zlib
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


OPENED = [1, 5, 4, 3]


def asked(base: DirectoryBase, opened: list[int], room: int, *numbers: int) -> BaseObjects:
    """The objects of a base, of which these will be used, or all."""
    objects = BaseObjects(base, opened, None, room)
    objects.expect(objects.nesting.used(numbers or range(objects.count)))
    return objects


def content(objects: BaseObjects, number: int) -> bytes:
    found = objects.open(number)
    return found.read_at(0, found.size)


def test_members_are_numbered_after_the_entries(base: DirectoryBase) -> None:
    """[F-32], [F-35]: 0 the manifest, 1 and 2 the entries, 3 to 7 what a.zip gives, 8 to 10 what inner.zip does."""
    objects = asked(base, OPENED, ROOM)
    assert objects.count == 11
    assert content(objects, 0) == base.manifest.encoded
    assert content(objects, 2) == b"b"
    assert content(objects, 5) == b"plain " * 50
    assert content(objects, 9) == b"deep " * 50
    assert zlib.decompress(content(objects, 7), -15) == b"plain " * 50
    assert content(objects, 4)[:2] == b"PK"
    assert [objects.nesting.place_of(number) for number in range(11)] == [0, 1, 2, *[1] * 8]
    objects.close([0, 1])


@pytest.mark.parametrize("opened", [[1], [0, 3], [3, 3], [1, 1], [1, 4], [1, 1_000_003], [-1, 3], [1, 3, 1, 3]])
def test_a_list_that_cannot_be_is_refused(base: DirectoryBase, opened: list[int]) -> None:
    """[F-35]"""
    with pytest.raises(Malformed):
        BaseObjects(base, opened, None, ROOM)


def test_an_archive_that_gives_another_number_is_refused(base: DirectoryBase) -> None:
    """[F-35]: files of the base were verified before, so it is the list that lies."""
    objects = BaseObjects(base, [1, 7], None, ROOM)
    with pytest.raises(Malformed, match="another number of objects"):
        objects.open(4)


def test_archives_are_opened_within_the_room(base: DirectoryBase) -> None:
    """[F-64]: a.zip gives a skeleton, 300 bytes and an archive; that one again a skeleton and 250 bytes."""
    outer = sum(len(content(asked(base, OPENED, ROOM), number)) for number in (3, 4, 5))
    inner = sum(len(content(asked(base, OPENED, ROOM), number)) for number in (8, 9))
    for room, number in ((outer - 1, 5), (outer + inner - 1, 9)):
        with pytest.raises(Malformed, match="left of its room"):
            asked(base, OPENED, room).open(number)
    objects = asked(base, OPENED, outer + inner)
    assert content(objects, 9) == b"deep " * 50
    objects.close([1])
    objects.close([0, 1])
    assert content(objects, 9) == b"deep " * 50, "what was closed is opened anew"


def test_what_no_recipe_uses_takes_no_room(base: DirectoryBase) -> None:
    """[F-64] [F-75]: a stream stands where it is, and so does a member that nobody reads."""
    assert len(content(asked(base, OPENED, 0, 7), 7)) > 0
    assert content(asked(base, OPENED, 300, 5, 7), 5) == b"plain " * 50
    with pytest.raises(Malformed, match="left of its room"):
        asked(base, OPENED, 299, 5).open(5)


def test_without_a_base_there_are_no_objects() -> None:
    assert BaseObjects(None, [], None, 0).count == 0
