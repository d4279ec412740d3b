"""A patch with rebased references: spec/references.md [F-50] to [F-58].

One changed line moves all code behind it. Then every call, load and pointer across the move has other bytes, though
none means anything else. So both sides predict the new image, from the old one, the patch's triples and a few numbers:
the new image's layout, and the shifts of targets that the map gets wrong. The patch holds the differences from that.

Over eight Windows libraries, packed by xz: bsdiff 1,376,128 bytes, the algorithm of Zucchini (Chromium's tool) 855,020,
the prototype of this module 740,135.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bundle.delta.changes import Changes
from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.objects import Readable
from bundle.format.varints import unfold
from bundle.machine_code.patterns import OPERAND_BYTES
from bundle.references.image import MAX_IMAGE_BYTES, MAX_LAYOUT_NUMBERS, MAX_SECTIONS, Image
from bundle.references.pages import Pages
from bundle.references.prediction import MAX_SHIFT, NO_TABLE, Blocks, Prediction, Shifts, scan
from bundle.references.tables import MAX_TABLE_BYTES, predicted_table
from bundle.references.words import Bytes, write
from bundle.references.words import Numbers as Places
from bundle.references.x86 import is_jump, missing_operands

MAX_SHIFTS = 1 << 20
HELD_BYTES = 1 << 16  # of extra bytes, taken at once
MAX_TRIPLES = 1 << 20  # all of them are in memory before the first byte is made [F-82]


class Numbers(NamedTuple):
    """What the streams of places, layouts and skips go on with."""

    places: Iterator[int]
    layouts: Iterator[int]
    skips: Iterator[int]


def apply_rebased(
    source: Readable,
    size: int,
    triples: Places,
    numbers: Numbers,
    take: Callable[[Stream, int], Iterator[bytes]],
) -> Iterator[bytes]:
    """The target, window by window. `triples` are rows, `take` gives the next bytes of a stream.

    Raises Malformed for a source that is no image, and for numbers or triples that do not fit it. Raises BaseMismatch.
    """
    old = scan(source) if size <= MAX_IMAGE_BYTES else None
    if old is None:
        raise Malformed("recipe: a patch with rebased references needs an executable image as its source")
    known = old.known()
    counts = _read_counts(numbers.layouts)
    new, shifts = _placed_anew(old.image, len(known), _read_numbers(numbers))
    blocks = _checked_blocks(triples, source.size, size)
    table = NO_TABLE
    if _farthest(triples) > source.size:
        table = predicted_table(old, new, blocks.astype(np.int64))
        _check_source(triples, source.size + len(table))
    changes, extra = Changes(numbers.skips, take), _Extra(new, counts.extra_bytes(triples), take)
    del triples
    operands, start = _Operands(old.data, new, counts, take), 0
    prediction = Prediction(old, new, blocks, shifts, known, table)
    for out, inside in prediction.windows(size):
        places = _placed(inside, changes.places(int(inside[:, 2].sum())))
        _, before, after, _ = prediction.relatives(inside, len(out))
        marks = np.isin(places, after)
        out[places[~marks]] += changes.values(int((~marks).sum()))
        fresh = extra.fill(out, inside, start)
        operands.write(out, start, fresh, (places[marks], before[np.isin(after, places)]))
        start += len(out)
        yield out.tobytes()
    changes.finish()
    extra.finish()
    operands.finish()


def pass_rebased(
    size: int, triples: Places, numbers: Numbers, take: Callable[[Stream, int], Iterator[bytes]]
) -> Iterator[bytes]:
    """Takes from the streams what `apply_rebased` would take, where the source is missing. Raises Malformed."""
    counts = _read_counts(numbers.layouts)
    _read_numbers(numbers)
    _checked_blocks(triples, MAX_IMAGE_BYTES, size)
    changes = _read(numbers.skips)
    for _ in range(changes):
        _read(numbers.skips)
    if changes < counts.marks:
        raise Malformed("recipe: a patch marks more operands than it has changes")
    streams = (Stream.CHANGE, Stream.EXTRA, Stream.OPERAND, Stream.JUMP)
    lengths = (changes - counts.marks, counts.extra_bytes(triples), 4 * counts.operands, 4 * counts.jumps)
    for stream, length in zip(streams, lengths, strict=True):
        yield from take(stream, length)


class _Counts(NamedTuple):
    """How many operands and jumps a patch has in their streams, and how many of both are marked [F-140]."""

    operands: int
    jumps: int
    marks: int

    def extra_bytes(self, triples: Places) -> int:
        """How many bytes of the extra stream a patch takes. Raises Malformed."""
        fresh = self.operands + self.jumps - self.marks
        left = int(triples[:, 1].sum()) - OPERAND_BYTES * fresh
        if fresh < 0 or left < 0:
            raise Malformed("recipe: a patch has another number of operands than its bytes have room for")
        return left


class _Extra:
    """What no block covers, from bytes that lack the operands of new code [F-141]."""

    def __init__(self, new: Image, left: int, take: Callable[[Stream, int], Iterator[bytes]]) -> None:
        self._new, self._left, self._take = new, left, take
        self._held, self._at = b"", 0

    def fill(self, out: Bytes, blocks: Blocks, start: int) -> Places:
        """Puts the next bytes where they are, in the window at `start`. Returns where an operand is missing."""
        gaps = _gaps(blocks, len(out))
        edges = np.flatnonzero(np.diff(gaps.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        code, parts, found = self._new.holds_code(edges[:, 0] + start), [], []
        for (at, end), is_code in zip(edges.tolist(), code.tolist(), strict=True):
            self._hold(end - at)
            places = missing_operands(self._new.machine, self._held, self._at, end - at) if is_code else []
            found += [at + place for place in places]
            behind = self._at + end - at - OPERAND_BYTES * len(places)
            if behind > len(self._held):
                raise Malformed("recipe: a patch has another number of operands than its bytes have room for")
            parts.append(self._held[self._at : behind])
            self._at = behind
        operands = np.array(found, np.int64)
        for number in range(OPERAND_BYTES):
            gaps[operands + number] = False
        out[gaps] = np.frombuffer(b"".join(parts), np.uint8)
        return operands

    def finish(self) -> None:
        """Raises Malformed if some are left."""
        if self._left or self._at < len(self._held):
            raise Malformed("recipe: a patch has more extra bytes than it needs")

    def _hold(self, length: int) -> None:
        """Takes more from the stream, if there are not as many at hand."""
        if self._left and self._at + length > len(self._held):
            more = min(self._left, max(length, HELD_BYTES))
            self._held = self._held[self._at :] + b"".join(self._take(Stream.EXTRA, more))
            self._at, self._left = 0, self._left - more


class _Operands:
    """The operands of new code, and the marked ones, from their streams [F-140]."""

    def __init__(self, old: Pages, new: Image, counts: _Counts, take: Callable[[Stream, int], Iterator[bytes]]) -> None:
        self._old, self._new, self._take = old, new, take
        self._left = {Stream.OPERAND: counts.operands, Stream.JUMP: counts.jumps}
        self._marks = counts.marks

    def write(self, out: Bytes, start: int, fresh: Places, marked: tuple[Places, Places]) -> None:
        """Writes all operands of the window at `start`. `marked`: where they are, and where in the old image."""
        where, before = marked
        self._marks -= len(where)
        places = np.concatenate([fresh, where])
        jumps = is_jump(np.concatenate([out[fresh - 1], self._old.byte(before - 1)]))
        order = np.argsort(places)
        places, jumps = places[order], jumps[order]
        for stream, chosen in ((Stream.OPERAND, places[~jumps]), (Stream.JUMP, places[jumps])):
            values = self._values(stream, len(chosen))
            if stream == Stream.OPERAND:
                values -= self._new.addresses(chosen + start) + OPERAND_BYTES
            write(out, chosen, values, OPERAND_BYTES)

    def finish(self) -> None:
        """Raises Malformed if some are left, or if there are more or fewer marks than said."""
        if any(self._left.values()) or self._marks:
            raise Malformed("recipe: a patch has another number of operands than it says")

    def _values(self, stream: Stream, count: int) -> Places:
        self._left[stream] -= count
        if self._left[stream] < 0:
            raise Malformed("recipe: a patch has another number of operands than it says")
        return np.frombuffer(b"".join(self._take(stream, OPERAND_BYTES * count)), ">u4").astype(np.int64)


def blocks_in(triples: Places) -> NDArray[np.int32]:
    """The blocks that rows of triples copy. Their numbers are those of images, so half of 64 bits is enough."""
    add, extra, seek = triples.T
    copied = add > 0
    blocks = np.empty((int(copied.sum()), 3), np.int32)
    blocks[:, 0] = (np.cumsum(add + seek) - add - seek)[copied]
    blocks[:, 1] = (np.cumsum(add + extra) - add - extra)[copied]
    blocks[:, 2] = add[copied]
    return blocks


def _gaps(blocks: Blocks, size: int) -> NDArray[np.bool_]:
    """Which bytes of a window no block covers."""
    edges = np.zeros(size + 1, np.int8)
    np.add.at(edges, blocks[:, 1], 1)
    np.subtract.at(edges, blocks[:, 1] + blocks[:, 2], 1)
    gaps: NDArray[np.bool_] = np.cumsum(edges[:-1], dtype=np.int8) == 0
    return gaps


def _placed(blocks: Blocks, places: Places) -> Places:
    """Where copied bytes, counted over all blocks, stand in the new image."""
    if not len(places):
        return places
    _, new, size = blocks.T
    before = np.cumsum(size) - size
    moved: Places = places + (new - before)[np.searchsorted(before, places, "right") - 1]
    return moved


def _checked_blocks(triples: Places, source_bytes: int, size: int) -> NDArray[np.int32]:
    """The blocks of the triples. What follows the image is not known yet: it is as long as a table can be, at most."""
    # Each number is bounded before the sums are made: their sums then cannot overflow 64 bits.
    most = source_bytes + MAX_TABLE_BYTES
    add, extra, seek = triples.T
    if (np.maximum(add, extra) > size).any() or (np.abs(seek) > most).any():
        raise Malformed("recipe: a patch reaches beyond its source or its size")
    produced = int((add + extra).sum())
    if produced != size:
        raise Malformed(f"recipe: a patch makes {produced} bytes instead of {size}")
    _check_source(triples, most)
    return blocks_in(triples)


def _check_source(triples: Places, source_bytes: int) -> None:
    if (np.cumsum(triples[:, 0] + triples[:, 2]) < 0).any() or _farthest(triples) > source_bytes:
        raise Malformed("recipe: a patch leaves its source")


def _farthest(triples: Places) -> int:
    """The farthest position in the source."""
    add, _, seek = triples.T
    position = np.cumsum(add + seek)
    return int(max(np.max(position, initial=0), np.max(position - seek, initial=0)))


class _Prediction(NamedTuple):
    """What a patch says beside its triples: differences of the layout, which known addresses shift, and how far.

    `stretches`: those of a layout that has another number of them, in numbers. `layout` then has the base alone.
    """

    layout: list[int]
    stretches: list[int]
    places: Places
    by: Places


def _read_numbers(numbers: Numbers) -> _Prediction:
    try:
        length, count = next(numbers.layouts), next(numbers.places)
        if length > MAX_LAYOUT_NUMBERS or count > MAX_SHIFTS:
            raise Malformed("recipe: a layout has too many numbers, or a patch too many shifts")
        layout, stretches = [unfold(next(numbers.layouts)) for _ in range(length)], []
        if not length:
            length = next(numbers.layouts)
            if length > MAX_SECTIONS + 1:
                raise Malformed("recipe: a layout has too many stretches")
            layout = [unfold(next(numbers.layouts))]
            stretches = [next(numbers.layouts) for _ in range(5 * length)]
        at = _sums(next(numbers.places) for _ in range(count))
        return _Prediction(layout, stretches, at, _sums(unfold(next(numbers.layouts)) for _ in range(count)))
    except (StopIteration, RuntimeError, OverflowError) as error:
        raise Malformed("recipe: a reference pack is too short") from error


def _read_counts(layouts: Iterator[int]) -> _Counts:
    return _Counts(_read(layouts), _read(layouts), _read(layouts))


def _read(numbers: Iterator[int]) -> int:
    try:
        return next(numbers)
    except (StopIteration, RuntimeError) as error:
        raise Malformed("recipe: a reference pack is too short") from error


def _placed_anew(old: Image, known: int, said: _Prediction) -> tuple[Image, Shifts]:
    before = old.numbers()
    if len(said.stretches) == 5 * len(old.stretches) or (not said.stretches and len(said.layout) != len(before)):
        raise Malformed("recipe: the layout of a new image has another number of stretches than its form says")
    if said.stretches:
        new = old.laid_out(before[0] + said.layout[0], said.stretches)
    else:
        new = old.moved([number + step for number, step in zip(before, said.layout, strict=True)])
    if new is None:
        raise Malformed("recipe: the layout of a new image cannot be")
    if (said.places >= known).any() or (np.diff(said.places) <= 0).any() or (np.abs(said.by) >= MAX_SHIFT).any():
        raise Malformed("recipe: a shift is not of a target, or too far")
    return new, Shifts(said.places, said.by)


def _sums(steps: Iterator[int]) -> Places:
    return np.cumsum(np.fromiter(steps, np.int64))
