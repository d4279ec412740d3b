"""The tournament: every way to make one object is tried, the smallest wins. spec/format.md, section 9.

Runs in worker processes. A task names files, not bytes; the answer depends on nothing but their contents, so a build
gives the same bundle on any number of workers. Objects over a segment's size are cut: each segment is compared with
the stretch of the base that lies where it would, so memory stays bounded whatever the object's size.
"""

from dataclasses import dataclass

import numpy as np

from bundle.codecs import compressed_size
from bundle.contents import Content, read_content
from bundle.delta.bsdiff import Difference, difference_of, make_difference
from bundle.delta.changes import pack_changes
from bundle.delta.thrift import literal_price, worth_copying
from bundle.index import Stream
from bundle.references.reaim import make_reaimed
from bundle.varints import fold, write_varints

SEGMENT_BYTES = 32 * 1024 * 1024
WINDOW_MARGIN_BYTES = 4 * 1024 * 1024
PATCH_OVERHEAD_BYTES = 6


@dataclass(frozen=True)
class ObjectTask:
    """One object to encode; `base` is None where nothing in the base is like it."""

    target: Content
    base: Content | None


@dataclass(frozen=True)
class Segment:
    """How one stretch of an object is made: a patch of a window of the base, or (without one) a literal.

    `streams` holds what goes into each pack; `window` is (offset, length) in the base, both in bytes.
    """

    size: int
    streams: dict[Stream, bytes]
    window: tuple[int, int] = (0, 0)
    triples: int = 0

    @property
    def is_patch(self) -> bool:
        return Stream.LITERAL not in self.streams


def encode_object(task: ObjectTask) -> list[Segment]:
    """The best recipe for each segment of an object; one segment, against the whole base object, if it is not large.

    Raises InputError if a file cannot be read.
    """
    target = read_content(task.target)
    base = b"" if task.base is None else read_content(task.base)
    if not base or max(len(target), len(base)) <= SEGMENT_BYTES:
        return [_best(target, base, 0)]
    segments = []
    for start in range(0, len(target), SEGMENT_BYTES):
        segment = target[start : start + SEGMENT_BYTES]
        first, last = _window(start, len(segment), len(target), len(base))
        segments.append(_best(segment, base[first:last], first))
    return segments


def _best(target: bytes, window: bytes, offset: int) -> Segment:
    literal = Segment(len(target), {Stream.LITERAL: target})
    if not window:
        return literal
    matched = make_difference(window, target)
    price = literal_price(target)
    wrong = np.flatnonzero(np.frombuffer(matched.diff, np.uint8)).tolist()
    thrifty = difference_of(window, target, worth_copying(matched.triples, wrong, price))
    ways = [(thrifty, _streams(thrifty))]
    if not offset:
        ways += [
            (way.difference, _streams(way.difference) | way.streams)
            for way in make_reaimed(window, target, matched.triples)
        ]
    priced = [
        (sum(map(compressed_size, way[1].values())) + PATCH_OVERHEAD_BYTES, at, way) for at, way in enumerate(ways)
    ]
    cost, _, (chosen, streams) = min(priced, key=lambda item: item[:2])
    patch = Segment(len(target), streams, (offset, len(window)), len(chosen.triples))
    # A patch at a fiftieth of its object is not worth the seconds that compressing the literal would take.
    if cost * 50 < len(target) or cost < compressed_size(target):
        return patch
    return literal


def _streams(difference: Difference) -> dict[Stream, bytes]:
    adds, extras, seeks = zip(*difference.triples, strict=True) if difference.triples else ((), (), ())
    return {
        Stream.ADD_LENGTH: write_varints(adds),
        Stream.EXTRA_LENGTH: write_varints(extras),
        Stream.SEEK: write_varints(map(fold, seeks)),
        **pack_changes(np.frombuffer(difference.diff, np.uint8)),
        Stream.EXTRA: difference.extra,
    }


def _window(start: int, length: int, target_bytes: int, base_bytes: int) -> tuple[int, int]:
    """The stretch of the base where a target segment should lie, by proportion, with a margin on both sides."""
    first = start * base_bytes // target_bytes - WINDOW_MARGIN_BYTES
    last = (start + length) * base_bytes // target_bytes + WINDOW_MARGIN_BYTES
    last = min(last, first + length + 2 * WINDOW_MARGIN_BYTES, base_bytes)
    return max(0, first), max(0, last)
