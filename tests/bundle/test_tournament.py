"""The smallest way to make an object wins: bundle.delta.tournament."""

from pathlib import Path
from random import Random

import pytest

from bundle.contents import Slice, first_bytes, read_content
from bundle.delta.tournament import ObjectTask, encode_object
from bundle.errors import InputError
from bundle.index import Stream
from tests.support.images import image_pair

SEED = 3
NOISE = Random(SEED).randbytes(50_000)


def test_without_a_base_it_is_a_literal() -> None:
    (segment,) = encode_object(ObjectTask(NOISE, None))
    assert not segment.is_patch and segment.streams == {Stream.LITERAL: NOISE}


def test_what_is_nearly_the_same_is_a_patch() -> None:
    (segment,) = encode_object(ObjectTask(NOISE[:25_000] + b"new" + NOISE[25_000:], NOISE))
    assert segment.is_patch and segment.triples == 2 and segment.window == (0, 50_000)
    assert segment.streams[Stream.EXTRA] == b"new"
    assert (segment.streams[Stream.SKIP], segment.streams[Stream.CHANGE]) == (b"\0", b"")


def test_what_has_nothing_in_common_is_a_literal() -> None:
    (segment,) = encode_object(ObjectTask(Random(SEED + 1).randbytes(50_000), NOISE))
    assert not segment.is_patch


def test_what_compresses_better_alone_is_a_literal() -> None:
    (segment,) = encode_object(ObjectTask(bytes(1000), Random(SEED).randbytes(300)))
    assert not segment.is_patch


def test_images_are_re_aimed_where_that_is_smaller() -> None:
    old, new = image_pair(SEED)
    (segment,) = encode_object(ObjectTask(new, old))
    assert segment.is_patch and Stream.LAYOUT in segment.streams


def test_an_empty_object_needs_no_bytes() -> None:
    (segment,) = encode_object(ObjectTask(b"", NOISE))
    assert segment.size == 0 and sum(map(len, segment.streams.values())) <= 1


@pytest.mark.parametrize(
    ("base_bytes", "target_bytes"), [(50_000, 50_000), (20_000, 50_000), (50_000, 15_000), (100, 31_000)]
)
def test_segments_cover_the_object_and_windows_stay_in_the_base(
    base_bytes: int, target_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by segment and window, whatever the sizes."""
    monkeypatch.setattr("bundle.delta.tournament.SEGMENT_BYTES", 10_000)
    monkeypatch.setattr("bundle.delta.tournament.WINDOW_MARGIN_BYTES", 1_000)
    segments = encode_object(ObjectTask(NOISE[:target_bytes], NOISE[:base_bytes]))
    assert sum(segment.size for segment in segments) == target_bytes
    assert len(segments) == -(-target_bytes // 10_000)
    for segment in segments:
        offset, length = segment.window
        assert segment.size <= 10_000 and length <= 12_000
        assert 0 <= offset <= offset + length <= base_bytes
    if base_bytes == target_bytes:
        assert all(segment.is_patch and not segment.streams[Stream.EXTRA] for segment in segments)


def test_a_task_names_a_file_or_a_stretch_of_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(NOISE)
    assert read_content(path) == NOISE and first_bytes(path, 2) == NOISE[:2]
    assert read_content(Slice(path, 100, 50)) == NOISE[100:150] and first_bytes(Slice(path, 9, 50), 3) == NOISE[9:12]
    assert encode_object(ObjectTask(Slice(path, 0, 1000), path)) == encode_object(ObjectTask(NOISE[:1000], NOISE))
    path.unlink()
    for content in (path, Slice(path, 0, 1)):
        with pytest.raises(InputError, match="f: cannot be read"):
            read_content(content)
        with pytest.raises(InputError, match="f: cannot be read"):
            first_bytes(content, 1)
