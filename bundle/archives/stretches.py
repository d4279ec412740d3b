"""Streams that stand in several stretches, as the IDAT chunks of a PNG hold one. spec/format.md [F-46] [F-47].

A *cut* is where a stream is interrupted: the length of the stretch that ends there, and the *gap*, the number of bytes
until the stream goes on. Most streams have no cut.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from bundle.format.objects import Readable, Window

MAX_CUTS: Final = 262_144  # of all streams of an archive
LEAST_STRETCH_BYTES: Final = 256  # of each but the last: going from chunk to chunk takes time
IDAT: Final = b"IDAT"
FRAME_BYTES: Final = 12  # between the data of two chunks: checksum, length, type

Cut = tuple[int, int]  # length, gap


class Cuts:
    """Cuts of streams in ascending order, in columns."""

    def __init__(self) -> None:
        self.streams = array("I")
        self.lengths, self.gaps = array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self.streams)

    def add(self, stream: int, length: int, gap: int) -> None:
        """Adds the next cut, of that stream or of one behind it."""
        self.streams.append(stream)
        self.lengths.append(length)
        self.gaps.append(gap)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """(stream, length, gap) of each."""
        return zip(self.streams, self.lengths, self.gaps, strict=True)

    def of(self, stream: int) -> list[Cut]:
        """Those of one stream."""
        start, end = bisect_left(self.streams, stream), bisect_right(self.streams, stream)
        return list(zip(self.lengths[start:end], self.gaps[start:end], strict=True))


class Layout:
    """Where streams stand in the rest of an archive. `places`: of their first bytes."""

    def __init__(self, gaps: Iterable[int], cuts: Cuts) -> None:
        """`gaps`: bytes of the rest before each stream, counted from the end of the stream before."""
        self.cuts = cuts
        self.places = array("Q")
        at, cut = 0, 0
        for number, gap in enumerate(gaps):
            self.places.append(at + gap)
            at += gap
            while cut < len(cuts) and cuts.streams[cut] == number:
                at += cuts.gaps[cut]
                cut += 1
        self.end = at  # of the last stream

    def stretches(self) -> Iterator[tuple[int, int, int | None]]:
        """(place in the rest, number of the stream, length) of each. None: whatever is left of the stream."""
        cut = 0
        for number in range(len(self.places)):
            at = self.places[number]
            while cut < len(self.cuts) and self.cuts.streams[cut] == number:
                yield at, number, self.cuts.lengths[cut]
                at += self.cuts.gaps[cut]
                cut += 1
            yield at, number, None


class _Stretches:
    """A stream of several stretches, read as if nothing stood between them."""

    def __init__(self, archive: Readable, offset: int, size: int, cuts: list[Cut]) -> None:
        self._archive = archive
        self._starts = array("Q", accumulate((length for length, _ in cuts), initial=0))
        self._shifts = array("Q", accumulate((gap for _, gap in cuts), initial=offset))
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        parts = []
        while length:
            number = bisect_right(self._starts, offset) - 1
            end = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
            part = min(length, end - offset)
            parts.append(self._archive.read_at(self._shifts[number] + offset, part))
            offset += part
            length -= part
        return b"".join(parts)


def joined(archive: Readable, offset: int, size: int, cuts: list[Cut]) -> Readable:
    """A stream of an archive, to be read without what stands between its stretches."""
    return _Stretches(archive, offset, size, cuts) if cuts else Window(archive, offset, size)


class Straight:
    """What stands in an archive from a place on."""

    def __init__(self, archive: Readable, at: int) -> None:
        self._archive = archive
        self._at = at

    def read(self, most: int) -> bytes:
        """The next bytes, at most so many."""
        data = self._archive.read_at(self._at, max(0, min(most, self._archive.size - self._at)))
        self._at += len(data)
        return data

    def cuts_before(self, end: int) -> list[Cut]:
        """None."""
        return []


class Chunks:
    """What IDAT chunks hold from a place on, as if nothing stood between them."""

    def __init__(self, archive: Readable, at: int, left: int, most_cuts: int) -> None:
        """`left`: bytes of the first chunk from `at` on. `most_cuts`: after so many the chunks count as ended."""
        self._archive = archive
        self._at, self._left = at, left
        self._chunk_bytes = left
        self._ends = array("Q")  # where stretches end, in what the chunks hold
        self._most_cuts = most_cuts
        self._read = 0

    def read(self, most: int) -> bytes:
        """The next bytes, at most so many, and fewer only at the end."""
        parts = []
        while most and (self._left or self._next()):
            part = self._archive.read_at(self._at, min(most, self._left))
            parts.append(part)
            most -= len(part)
            self._at += len(part)
            self._left -= len(part)
            self._read += len(part)
        return b"".join(parts)

    def cuts_before(self, end: int) -> list[Cut]:
        """The cuts of a stream that ends there."""
        ends = self._ends[: bisect_left(self._ends, end)]
        return [(there - before, FRAME_BYTES) for before, there in zip([0, *ends], ends, strict=False)]

    def _next(self) -> bool:
        if self._chunk_bytes < LEAST_STRETCH_BYTES or len(self._ends) >= self._most_cuts:
            return False
        if self._at + FRAME_BYTES > self._archive.size:
            return False
        frame = self._archive.read_at(self._at, FRAME_BYTES)
        length = int.from_bytes(frame[4:8], "big")
        if frame[8:] != IDAT or self._at + FRAME_BYTES + length > self._archive.size:
            return False
        self._at += FRAME_BYTES
        self._left = self._chunk_bytes = length
        self._ends.append(self._read)
        return length > 0
