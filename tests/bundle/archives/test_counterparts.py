"""Members that no engine gives back: from the shape of the base's stream and of the target's. [F-69] [F-73]"""

import random
from pathlib import Path

import pytest

from bundle.archives.counterparts import BaseStream, Shapes, find_shapes
from bundle.archives.skeleton import rebuild
from bundle.deflate.shape import shape_of
from bundle.errors import Malformed
from bundle.format.contents import Content, read_content
from bundle.format.index import SHAPED
from bundle.format.objects import MemoryObject
from tests.support.contents.containers import as_other_gzip
from tests.support.contents.opened_archives import opened_target, skeleton_of


def text(seed: int, size: int = 60_000) -> bytes:
    numbers = random.Random(seed)
    words = [numbers.randbytes(4).hex().encode() for _ in range(2000)]
    return b" ".join(numbers.choices(words, k=size // 9))


PLAIN = text(5)


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


def found(plain: bytes, stream: bytes, base: BaseStream | None, tmp_path: Path) -> Shapes | None:
    return find_shapes(plain, stream, "stream 0", Given(base), tmp_path / "shapes")


def test_a_stream_without_an_engine_comes_from_shapes(tmp_path: Path) -> None:
    """[F-69] [F-73]: that of the base, and its own."""
    changed = PLAIN[:9000] + b"changed" + PLAIN[9000:]
    old, new = other_gzip(PLAIN), other_gzip(changed)
    assert opened_target(new[0], tmp_path) is None
    shapes = found(changed, new[1], BaseStream(7, "stream 0", PLAIN, old[1]), tmp_path)
    assert shapes and shapes.number == 7
    assert read_content(shapes.base) == b"".join(shape_of(MemoryObject(old[1]), MemoryObject(PLAIN)))
    own, plain = MemoryObject(read_content(shapes.content)), MemoryObject(changed)
    skeleton, size = MemoryObject(skeleton_of(new[0])), len(new[0])
    assert b"".join(rebuild(skeleton, [plain], [SHAPED], size, shapes=[own])) == new[0]
    with pytest.raises(Malformed, match="fewer shapes"):
        list(rebuild(skeleton, [plain], [SHAPED], size))
    with pytest.raises(Malformed, match="makes more than"):
        list(rebuild(skeleton, [plain], [SHAPED], size - 1, shapes=[own]))


@pytest.mark.parametrize(
    "old",
    [b"\7", b"\1\1\0\xfe\xffab", other_gzip(PLAIN)[1] * 6, other_gzip(text(5, 900_000))[1]],
    ids=["no-stream", "bytes-behind", "several", "much-longer"],
)
def test_a_stream_whose_counterpart_has_no_shape_has_none(old: bytes, tmp_path: Path) -> None:
    """[F-69]"""
    stream = other_gzip(PLAIN)[1]
    assert found(PLAIN, stream, BaseStream(7, "stream 0", b"", old), tmp_path) is None
    assert found(PLAIN, stream, None, tmp_path) is None


def test_a_member_that_is_too_large_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = other_gzip(PLAIN)[1]
    like = BaseStream(7, "stream 0", PLAIN, stream)
    assert found(PLAIN, stream, like, tmp_path)
    monkeypatch.setattr("bundle.archives.counterparts.MAX_SHAPED_BYTES", len(PLAIN) - 1)
    assert found(PLAIN, stream, like, tmp_path) is None


@pytest.mark.parametrize(
    ("likeness", "is_open", "is_sure"),
    [(None, True, False), (0.0, False, False), (0.06, False, False), (0.3, True, False), (0.5, True, True)],
)
def test_how_alike_shapes_must_be(likeness: float | None, is_open: bool, is_sure: bool, tmp_path: Path) -> None:
    """What may be larger than the stream is encoded both ways, what cannot be smaller in none."""
    stream, old = other_gzip(PLAIN)[1], other_gzip(text(6))[1]
    given = Given(BaseStream(7, "stream 0", text(6), old), likeness)
    shapes = find_shapes(PLAIN, stream, "stream 0", given, tmp_path / "shapes")
    assert (shapes is not None, bool(shapes and shapes.is_sure)) == (is_open, is_sure)
