"""A patch with rebased references: spec/format.md, section 9 [F-50] to [F-58].

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

from bundle.delta.bsdiff import apply_triples
from bundle.delta.changes import Changes
from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.objects import Nothing, Readable
from bundle.format.varints import unfold
from bundle.references.image import MAX_IMAGE_BYTES, MAX_LAYOUT_NUMBERS, MAX_SECTIONS, Image
from bundle.references.prediction import MAX_SHIFT, NO_TABLE, Blocks, Prediction, Shifts, scan
from bundle.references.tables import MAX_TABLE_BYTES, predicted_table
from bundle.references.words import Numbers as Places

MAX_SHIFTS = 1 << 20
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
    new, shifts = _placed_anew(old.image, len(known), _read_numbers(numbers))
    blocks = _checked_blocks(triples, source.size, size)
    table = NO_TABLE
    if _farthest(triples) > source.size:
        table = predicted_table(old, new, blocks.astype(np.int64))
        _check_source(triples, source.size + len(table))
    del triples
    changes = Changes(numbers.skips, take)
    for out, inside in Prediction(old, new, blocks, shifts, known, table).windows(size):
        copied = int(inside[:, 2].sum())
        places = _placed(inside, changes.places(copied))
        out[places] += changes.values(len(places))
        out[_gaps(inside, len(out))] = np.frombuffer(b"".join(take(Stream.EXTRA, len(out) - copied)), np.uint8)
        yield out.tobytes()
    changes.finish()


def pass_rebased(
    size: int, triples: Places, numbers: Numbers, take: Callable[[Stream, int], Iterator[bytes]]
) -> Iterator[bytes]:
    """Takes from the streams what `apply_rebased` would take, where the source is missing. Raises Malformed."""
    _read_numbers(numbers)
    return apply_triples(Nothing(), size, iter(triples.tolist()), numbers.skips, take)


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
