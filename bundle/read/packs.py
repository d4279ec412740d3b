"""The packs of one frame as streams that recipes draw from. spec/format.md, section 9."""

from collections.abc import Iterator
from itertools import chain

from bundle.delta.bsdiff import Triple
from bundle.errors import Malformed
from bundle.format.index import Frame, Stream
from bundle.format.varints import read_varints, unfold
from bundle.read.reader import VerifiedSection


class Packs:
    """The streams of one frame, each read from front to back exactly once [F-27].

    `places`, `layouts` and `skips` are the numbers that patches draw from.
    """

    def __init__(self, section: VerifiedSection, frame: Frame) -> None:
        self._chunks = {pack.stream: section.unpack(frame, number) for number, pack in enumerate(frame.packs)}
        self._left = dict.fromkeys(self._chunks, b"")
        self._control = {
            column: read_varints(chain.from_iterable(self._chunks.get(column, iter(()))))
            for column in (Stream.ADD_LENGTH, Stream.EXTRA_LENGTH, Stream.SEEK)
        }
        self.places, self.layouts, self.skips = (
            read_varints(chain.from_iterable(self._chunks.get(column, iter(()))))
            for column in (Stream.PLACE, Stream.LAYOUT, Stream.SKIP)
        )

    def take(self, stream: Stream, length: int) -> Iterator[bytes]:
        """The next `length` bytes of a stream. Raises Malformed if it ends before."""
        while length:
            chunk = self._left.get(stream) or next(self._chunks.get(stream, iter(())), b"")
            if not chunk:
                raise Malformed(f"recipe: the {stream.name} pack is too short")
            part, self._left[stream] = chunk[:length], chunk[length:]
            length -= len(part)
            yield part

    def triples(self, count: int, size: int) -> Iterator[Triple]:
        """The next control triples: bytes to add, extra bytes, seek; `size`: bytes of the result.

        The last one adds what is left of the result, and seeks nowhere [F-134]. Raises Malformed if a column ends
        before, or if they are too many, or too long, for so short a result [F-41].
        """
        if count > 2 * size + 2:
            raise Malformed(f"recipe: {count} triples make no more than {size} bytes")
        left = size
        for add, extra, seek in self.whole_triples(count - 1):
            left -= add + extra
            yield add, extra, seek
        if count:
            (extra,) = self._numbers(Stream.EXTRA_LENGTH)
            if extra > left:
                raise Malformed("recipe: a patch makes more than its result")
            yield left - extra, extra, 0

    def whole_triples(self, count: int) -> Iterator[Triple]:
        """The next control triples, each of which is told in full. Raises Malformed if a column ends before."""
        for _ in range(count):
            add, extra, seek = self._numbers(Stream.ADD_LENGTH, Stream.EXTRA_LENGTH, Stream.SEEK)
            yield add, extra, unfold(seek)

    def _numbers(self, *streams: Stream) -> list[int]:
        try:
            return [next(self._control[stream]) for stream in streams]
        except (StopIteration, ValueError, RuntimeError) as error:
            raise Malformed("recipe: a control pack is too short") from error

    def finish(self) -> None:
        """Raises Malformed if any stream has bytes left."""
        rest = chain(
            *self._control.values(), self.places, self.layouts, self.skips, *self._left.values(), *self._chunks.values()
        )
        if next(rest, None) is not None:
            raise Malformed("index: the recipes leave a part of a pack unused")
