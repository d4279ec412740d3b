"""Members that no engine gives back: from the base's stream, or from its shape and the target's. [F-69] [F-73]"""

import gzip
import random
from pathlib import Path

import pytest

from bundle.archives.deflate_shape import shape_of
from bundle.archives.opening import BaseStream, open_for_target
from bundle.archives.skeleton import rebuild
from bundle.errors import Malformed
from bundle.format.contents import Content, read_content
from bundle.format.index import SHAPED, UNCHANGED
from bundle.format.objects import MemoryObject
from tests.support.contents.containers import as_other_gzip


def text(seed: int, size: int = 60_000) -> bytes:
    numbers = random.Random(seed)
    words = [numbers.randbytes(4).hex().encode() for _ in range(2000)]
    return b" ".join(numbers.choices(words, k=size // 9))


PLAIN, OTHER = text(5), text(6)


class Given:
    """What the base has, whatever is asked for."""

    def __init__(self, stream: BaseStream | None, likeness: float | None = None) -> None:
        self._stream, self._likeness = stream, likeness

    def find(self, name: str, plain: bytes, stream: bytes) -> BaseStream | None:
        return self._stream

    def likeness(self, new: Content, old: Content) -> float | None:
        return self._likeness


def other_gzip(plain: bytes) -> tuple[bytes, bytes]:
    """(a gzip file, its stream) of an encoder that is no engine."""
    data = as_other_gzip(plain)
    return data, data[10:-8]


def test_a_stream_without_an_engine_comes_from_shapes(tmp_path: Path) -> None:
    """[F-69] [F-73]: that of the base, and its own."""
    old, new = other_gzip(PLAIN), other_gzip(PLAIN[:9000] + b"changed" + PLAIN[9000:])
    assert open_for_target(new[0], tmp_path / "none") is None
    found = open_for_target(new[0], tmp_path / "spill", Given(BaseStream(7, "stream 0", PLAIN, old[1])))
    assert found and found.has_shapes and found.without is None
    (member,) = found.members
    assert member.engine == SHAPED and member.shapes and member.shapes.number == 7 and member.shapes.content
    assert read_content(member.shapes.base) == b"".join(shape_of(MemoryObject(old[1]), MemoryObject(PLAIN)))
    own = MemoryObject(read_content(member.shapes.content))
    plain = MemoryObject(read_content(member.content))
    made = rebuild(MemoryObject(found.skeleton), [plain], [SHAPED], len(new[0]), None, lambda _: own)
    assert b"".join(made) == new[0]
    with pytest.raises(Malformed, match="neither engine nor stream"):
        list(rebuild(MemoryObject(found.skeleton), [plain], [SHAPED], len(new[0])))
    with pytest.raises(Malformed, match="makes more than"):
        list(rebuild(MemoryObject(found.skeleton), [plain], [SHAPED], len(new[0]) - 1, None, lambda _: own))


def test_an_equal_stream_stays_as_it_is(tmp_path: Path) -> None:
    """[F-73]"""
    data, stream = other_gzip(PLAIN)
    found = open_for_target(data, tmp_path / "spill", Given(BaseStream(7, "stream 0", PLAIN, stream)))
    assert found and [member.engine for member in found.members] == [UNCHANGED]
    plain, own = MemoryObject(PLAIN), MemoryObject(stream)
    made = rebuild(MemoryObject(found.skeleton), [plain], [UNCHANGED], len(data), None, lambda _: own)
    assert b"".join(made) == data


def test_members_with_engines_are_opened_without_those_that_have_none(tmp_path: Path) -> None:
    data, stream = other_gzip(PLAIN)
    both = gzip.compress(OTHER, 6, mtime=0) + data
    found = open_for_target(both, tmp_path / "spill", Given(BaseStream(7, "stream 1", PLAIN, stream)))
    assert found and found.without
    assert [member.engine for member in found.members] == [6, UNCHANGED]
    assert [member.engine for member in found.without.members] == [6]
    assert b"".join(rebuild(MemoryObject(found.without.skeleton), [MemoryObject(OTHER)], [6], len(both))) == both


@pytest.mark.parametrize(
    "old",
    [b"\7", b"\1\1\0\xfe\xffab", other_gzip(PLAIN)[1] * 6, other_gzip(text(5, 900_000))[1]],
    ids=["no-stream", "bytes-behind", "several", "much-longer"],
)
def test_a_stream_whose_counterpart_has_no_shape_stays_shut(old: bytes, tmp_path: Path) -> None:
    """[F-69]"""
    data, _ = other_gzip(PLAIN)
    assert open_for_target(data, tmp_path / "spill", Given(BaseStream(7, "stream 0", b"", old))) is None
    assert open_for_target(data, tmp_path / "spill", Given(None)) is None


@pytest.mark.parametrize(
    ("likeness", "is_open", "is_sure"),
    [(None, True, False), (0.0, False, False), (0.06, False, False), (0.3, True, False), (0.5, True, True)],
)
def test_how_alike_shapes_must_be(likeness: float | None, is_open: bool, is_sure: bool, tmp_path: Path) -> None:
    """What may be larger than the stream is encoded both ways, what cannot be smaller in none."""
    data, old = other_gzip(PLAIN)[0], other_gzip(OTHER)[1]
    found = open_for_target(data, tmp_path / "spill", Given(BaseStream(7, "stream 0", OTHER, old), likeness))
    assert (found is not None, bool(found and found.is_sure)) == (is_open, is_sure)
