"""Which stream of the base a stream of the target is like: bundle.write.base_streams."""

import random

from bundle.archives.opening import BaseStream
from bundle.write.base_streams import MAX_ARCHIVES, BaseStreams, StreamIndex


def text(seed: int, size: int = 4000) -> bytes:
    return random.Random(seed).randbytes(size).hex().encode()


def stream(number: int, name: str, seed: int) -> BaseStream:
    return BaseStream(number, name, text(seed), text(seed)[:100])


def found(streams: list[BaseStream], name: str, plain: bytes, own: bytes = b"new") -> int | None:
    one = BaseStreams(streams).find(name, plain, own)
    return one.number if one else None


def test_an_equal_stream_goes_first() -> None:
    streams = [stream(7, "a.txt", 1), stream(8, "b.txt", 2), stream(9, "c.txt", 3)]
    assert found(streams, "a.txt", text(3), text(3)[:100]) == 9
    assert found(streams, "a.txt", text(3), text(3)[:99] + b"!") == 7, "the same lengths alone say nothing"


def test_then_the_name_and_then_the_name_without_numbers() -> None:
    streams = [stream(7, "lib-1.2/a.txt", 1), stream(8, "lib-1.2/b.txt", 2)]
    assert found(streams, "lib-1.2/b.txt", text(1)) == 8
    assert found(streams, "lib-1.3/a.txt", text(2)) == 7
    assert found(streams, "other.txt", text(2)) is None
    twins = [stream(7, "a.txt", 1), BaseStream(8, "a.txt", text(2, 10), b"short")]
    assert found(twins, "a.txt", text(3, 11)) == 8, "of one name the one that is nearest in size"


def test_streams_without_names_are_told_by_their_content() -> None:
    streams = [stream(7, "stream 0", 1), stream(8, "stream 1", 2), stream(9, "x!stream 0", 3)]
    assert found(streams, "stream 0", text(2)[:7000] + b"changed") == 8
    assert found(streams, "x!stream 1", text(3)[:7000]) == 9
    assert found(streams, "stream 0", text(5)) == 7, "like none of them: the one of the same number"
    assert found(streams[:1], "stream 4", text(1)) is None or found(streams[:1], "stream 4", text(1)) == 7


def test_archives_are_found_by_their_labels() -> None:
    index = StreamIndex({"pkg/a-1.0.tgz": [stream(7, "stream 0", 1)], "b.zip": [stream(8, "x", 2)]})
    for label, number in (("pkg/a-1.0.tgz", 7), ("pkg/a-1.1.tgz", 7), ("moved/a-2.tgz", 7), ("b.zip", 8)):
        like = index.like(label, 100)
        assert like and like.find("stream 0" if number == 7 else "x", b"", b"") is not None
    assert index.like("c.zip", 100) is None


def test_of_many_archives_the_nearest_in_size_are_looked_at() -> None:
    """However many have one label but for a number: the time must not grow with their square."""
    many = {f"tile{n}.zip": [BaseStream(n, f"m{n}", b"", bytes(n))] for n in range(1000)}
    like = StreamIndex(many).like("tile5000.zip", 500)
    assert like is not None
    numbers = [n for n in range(1000) if any(one.number == n for one in like._streams)]
    assert len(numbers) == MAX_ARCHIVES and 500 in numbers


def test_likeness_is_the_share_of_content() -> None:
    streams = BaseStreams([])
    assert streams.likeness(text(1), text(1)) == 1
    assert streams.likeness(text(1), text(2)) == 0
    half = streams.likeness(text(1) + text(2), text(1))
    assert half is not None and 0.25 < half < 0.75
    assert streams.likeness(b"short", b"short") is None
