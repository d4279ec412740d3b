"""What recipes may take of time, and of how many bytes they may be: bundle.read.frame_run."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from bundle.errors import Malformed
from bundle.format.index import MAX_GROWTH, Archive, Derived, Rebased, Shape
from bundle.format.objects import MemoryObject
from bundle.read.base_objects import BaseObjects
from bundle.read.frame_run import FrameRun, sized
from bundle.read.packs import Packs
from bundle.read.work_limit import FREE_BYTES, MAX_DERIVED, MAX_SHAPED, WorkLimit
from bundle.references.image import MAX_IMAGE_BYTES, MAX_IMAGE_SHRINKING
from bundle.references.rebase import MAX_TRIPLES

ARCHIVE, REBASED = Archive(0, (), ()), Rebased(0, 0)


@pytest.mark.parametrize(
    ("recipe", "most", "words"),
    [
        (ARCHIVE, MAX_GROWTH * 100, "too many members of archives for a release of 100 bytes"),
        (REBASED, MAX_IMAGE_SHRINKING * 100 + FREE_BYTES, "too many images to rebase"),
        (Shape(0), MAX_SHAPED * 100 + FREE_BYTES, "too many streams to read the shapes of"),
        (Derived(0, 1, 0), MAX_DERIVED * 100 + FREE_BYTES, "too many sources and forms of derived objects"),
    ],
)
def test_all_recipes_of_a_kind_share_one_limit(
    recipe: Archive | Rebased | Shape | Derived, most: int, words: str
) -> None:
    """[F-68]"""
    limit = WorkLimit(100)
    limit.take(type(recipe), most // 2)
    limit.take(type(recipe), most - most // 2)
    limit.take(Rebased if recipe is ARCHIVE else Archive, 1000)  # the other kind has a limit of its own
    assert limit.has(type(recipe), 0) and not limit.has(type(recipe), 1) and not limit.spend(type(recipe), 1)
    with pytest.raises(Malformed, match=words):
        limit.take(type(recipe), 1)


@pytest.mark.parametrize("method", ["make", "skip"])
@pytest.mark.parametrize(("size", "triples"), [(MAX_IMAGE_BYTES + 1, 1), (1 << 20, MAX_TRIPLES + 1)])
def test_a_rebased_patch_of_too_many_bytes_or_triples_is_refused(method: str, size: int, triples: int) -> None:
    """[F-50], [F-82]: before its control numbers are read, also where it is passed over."""
    base = SimpleNamespace(count=1, open=lambda number: MemoryObject(bytes(100)))
    run = FrameRun(cast(Packs, None), cast(BaseObjects, base), WorkLimit(1 << 30), None)
    with pytest.raises(Malformed, match="too large or in too many parts"):
        getattr(run, method)(Rebased(0, triples), size)


def chunks(*sizes: int) -> Iterator[bytes]:
    return (bytes(size) for size in sizes)


def test_a_result_has_exactly_its_size() -> None:
    assert b"".join(sized(chunks(3, 0, 2), 5)) == bytes(5)
    assert b"".join(sized(MemoryObject(b"abc"), 3)) == b"abc"
    for short in (chunks(3), chunks(), MemoryObject(b"abcd")):
        with pytest.raises(Malformed, match="another length than the 5 bytes"):
            list(sized(short, 5))


def test_nothing_is_handed_on_beyond_the_size() -> None:
    """A recipe that makes gigabytes is stopped at the first chunk too many."""
    handed, source = [], chunks(4, 4, 4)
    with pytest.raises(Malformed):
        for chunk in sized(source, 5):
            handed.append(len(chunk))
    assert handed == [4] and len(list(source)) == 1
