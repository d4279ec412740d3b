"""The skeleton of an archive: all its bytes but the deflate streams, and where those go. spec/format.md [F-47].

varint            number of streams
varint, each      bytes of the rest that stand before the stream, counted from the stream before
rest              headers, directories, stored members, whatever was not taken out
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from bundle.archives.engines import deflate
from bundle.archives.streams import DeflateStream
from bundle.errors import Malformed
from bundle.objects import Readable, Window, read_all
from bundle.varints import read_varints, write_varints


def make_skeleton(archive: Readable, streams: Sequence[DeflateStream]) -> Iterator[bytes]:
    """The skeleton of an archive whose `streams`, in order, are taken out, chunk by chunk."""
    starts = [0, *(stream.offset + stream.length for stream in streams)]
    gaps = [stream.offset - start for stream, start in zip(streams, starts, strict=False)]
    yield write_varints([len(gaps), *gaps])
    for start, size in zip(starts, [*gaps, archive.size - starts[-1]], strict=True):
        yield from read_all(Window(archive, start, size))


def rebuild(skeleton: Readable, members: Iterable[Readable], engines: Sequence[int]) -> Iterator[bytes]:
    """The archive, chunk by chunk: the skeleton with every member deflated by its engine. Raises Malformed."""
    gaps, at = _read_gaps(skeleton, len(engines))
    for gap, member, engine in zip(gaps, members, engines, strict=True):
        if gap > skeleton.size - at:
            raise Malformed("recipe: a skeleton is shorter than its gaps")
        yield from read_all(Window(skeleton, at, gap))
        at += gap
        yield from deflate(engine, member)
    yield from read_all(Window(skeleton, at, skeleton.size - at))


def _read_gaps(skeleton: Readable, expected: int) -> tuple[list[int], int]:
    """(gaps, where the rest begins)."""
    numbers = read_varints(chain.from_iterable(read_all(skeleton)))
    gaps = [number for number, _ in zip(numbers, range(expected + 1), strict=False)]
    if not gaps or gaps[0] != expected or len(gaps) != expected + 1:
        raise Malformed("recipe: a skeleton has another number of streams than its archive has members")
    return gaps[1:], len(write_varints(gaps))
