"""The tournament: the ways to make one object are tried, and the smallest wins. spec/format.md, section 9.

Runs in worker processes. A task names files, not bytes. The answer depends on their contents alone, so a build gives
the same bundle on any number of workers. Large objects are matched in blocks and never held whole, so memory stays
bounded whatever their size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bundle.delta.anchors import differences, match_anchored
from bundle.delta.bsdiff import Triple, blocks_of, difference_of, make_difference, triples_of
from bundle.delta.changes import pack_changes, pack_sparse
from bundle.delta.cost_based_matching import literal_price, worth_copying
from bundle.derived.deriving import Derivation, derivable
from bundle.derived.rules import Rule
from bundle.format.codecs import compressed_size
from bundle.format.contents import Content, opened, part_of, read_content, size_of
from bundle.format.index import Stream
from bundle.format.objects import MemoryObject, Readable
from bundle.format.varints import fold, write_varints
from bundle.references.aiming import make_rebased
from bundle.references.image import MAX_IMAGE_SHRINKING
from bundle.references.rebase import MAX_TRIPLES

# Up to here bsdiff takes objects whole. It needs 17 bytes of memory for each of the base's, so 408 MiB in each worker.
WHOLE_BYTES = 24 * 1024 * 1024
PATCH_OVERHEAD_BYTES = 6  # the index has more numbers of a patch than of a literal: its source, its count of triples
PRICED_BYTES = 16 * 1024 * 1024  # that are priced at a time
CHEAP_BYTES = 64  # a derived object that takes no more is not compared with other ways
LONG_BYTES = 64 * 1024  # the literal of a shorter object costs so little time that it is always tried


@dataclass(frozen=True)
class ObjectTask:
    """One object to encode. `base` is None where nothing in the base is like it. `sources`: the numbers of the objects
    that `base` joins, mostly one. `offset`: where `base` stands in that object, if it is a stretch of it. `of_shape`:
    `base` is the shape of that object's stream. `priced`: the price has to be told. `derivation`: how it may follow."""

    target: Content
    base: Content | None
    sources: tuple[int, ...] = ()
    offset: int = 0
    of_shape: bool = False
    priced: bool = False
    derivation: Derivation | None = None


@dataclass(frozen=True)
class Encoding:
    """How an object is made: a patch of its base with so many `triples`, or (with None) a literal.

    `streams` holds what goes into each pack, part by part. `sources`: the numbers of the base objects that the patch's
    source joins, `source_bytes` long together. `of_shape` as in the task. `price`: an estimate in bytes, if asked for.
    `rule`: the patch is of what this rule makes of the source. `marks`: the digests that complete it, as texts.
    """

    streams: dict[Stream, list[Content]]
    triples: int | None = None
    sources: tuple[int, ...] = ()
    source_bytes: int = 0
    of_shape: bool = False
    price: int = 0
    rule: Rule | None = None
    marks: tuple[bytes, ...] = ()


Way = tuple[list[Triple], dict[Stream, list[Content]]]  # triples and streams of a patch


def encode_object(task: ObjectTask) -> Encoding:
    """The best recipe for an object. Raises InputError if a file cannot be read."""
    encoding = _derived(task)
    if not encoding or encoding.price > CHEAP_BYTES:
        other = _encoded(task)
        if encoding or task.priced:
            other = replace(other, price=PATCH_OVERHEAD_BYTES + sum(map(_price, other.streams.values())))
        encoding = min(encoding or other, other, key=lambda one: one.price)
    return encoding


def _derived(task: ObjectTask) -> Encoding | None:
    """The patch of what a rule gives, with its price. None if the rule does not give the object back."""
    if not task.derivation:
        return None
    is_whole = len(task.sources) == 1 and not task.offset and not task.of_shape
    way = derivable(task.derivation, task.target, task.base if is_whole else None)
    if not way:
        return None
    triples, streams = ([], {}) if way.form == way.wanted else _plain(way.wanted, way.form, is_sized=False)
    if len(triples) > MAX_TRIPLES:
        return None
    price = PATCH_OVERHEAD_BYTES + sum(map(_price, streams.values()))
    sources = () if task.derivation.source else task.sources
    return Encoding(streams, len(triples), sources, price=price, rule=way.rule, marks=tuple(way.marks))


def _encoded(task: ObjectTask) -> Encoding:
    literal = Encoding({Stream.LITERAL: [task.target]})
    source_bytes = size_of(task.base) if task.base is not None else 0
    if task.base is None or not source_bytes:
        return literal
    is_large = max(size_of(task.target), source_bytes) > WHOLE_BYTES
    rebased = None if task.offset else _rebased(task.target, task.base)
    ways = [rebased[0]] if rebased else []
    # The patch with rebased references comes first. Where references are dense it always wins, and the plain one is not
    # made: its suffix sorting takes most of the time. Images that are mostly debug data or resources are the other
    # case: there the plain one wins.
    if not rebased or not rebased[1]:
        if is_large:
            ways += filter(None, [_large(task.target, task.base)])
        else:
            ways.append(_plain(read_content(task.target), read_content(task.base), task.offset))
    patch = ways[0] if is_large and len(ways) == 1 else _cheapest(task.target, ways)
    if not patch:
        return literal
    return Encoding(patch[1], len(patch[0]), task.sources, source_bytes, task.of_shape)


def _rebased(target: Content, base: Content) -> tuple[Way, bool] | None:
    """(a patch with rebased references, whether it is surely the smallest). None unless both are executable images."""
    with opened(base) as source, opened(target) as wanted:
        if not 0 < source.size <= MAX_IMAGE_SHRINKING * wanted.size:
            return None
        made = make_rebased(source, wanted)
        if not made:
            return None
        packed = _control(made.triples) | made.streams
        streams: dict[Stream, list[Content]] = {stream: [data] for stream, data in packed.items()}
        streams[Stream.EXTRA] = [part if isinstance(part, bytes) else part_of(target, *part) for part in made.extra]
    return (made.triples, streams), made.is_sure


def _cheapest(target: Content, ways: list[Way]) -> Way | None:
    """The smallest patch. None if there is none, or the target is smaller by itself."""
    # Each stream is compressed alone to find its price. In the pack it has neighbours and takes less: an estimate,
    # which need only be right about which way is smaller.
    priced = [(sum(map(_price, way[1].values())) + PATCH_OVERHEAD_BYTES, at) for at, way in enumerate(ways)]
    if not priced:
        return None
    cost, best = min(priced)
    # A patch at a tenth of a long object is not worth the seconds that compressing the literal would take.
    size = size_of(target)
    if (size > LONG_BYTES and cost * 10 < size) or cost < _price([target]):
        return ways[best]
    return None


def _price(parts: Sequence[Content]) -> int:
    """What parts of a stream add to its pack, in bytes, by estimate."""
    if sum(map(size_of, parts)) <= PRICED_BYTES:
        return compressed_size(b"".join(map(read_content, parts)))
    return sum(
        compressed_size(read_content(part_of(part, at, min(PRICED_BYTES, size_of(part) - at))))
        for part in parts
        for at in range(0, size_of(part), PRICED_BYTES)
    )


def _plain(target: bytes, base: bytes, offset: int = 0, *, is_sized: bool = True) -> Way:
    """A patch by bsdiff, without copies that do not pay. `offset`: of the base in its object. `is_sized` as below."""
    matched = make_difference(base, target)
    wrong = np.flatnonzero(np.frombuffer(matched.diff, np.uint8))
    triples = worth_copying(matched.triples, wrong, literal_price(MemoryObject(target)))
    difference = difference_of(base, target, triples)
    changes = pack_changes(np.frombuffer(difference.diff, np.uint8))
    if offset and blocks_of(triples):
        moved = [block._replace(old=block.old + offset) for block in blocks_of(triples)]
        triples = triples_of(moved, len(target))
    streams = {**_control(triples, is_sized=is_sized), **changes, Stream.EXTRA: difference.extra}
    return triples, {stream: [data] for stream, data in streams.items()}


def _control(triples: list[Triple], *, is_sized: bool = True) -> dict[Stream, bytes]:
    """`is_sized`: readers know how long the result is, and so what the last triple adds [F-134]."""
    adds, extras, seeks = zip(*triples, strict=True) if triples else ((), (), ())
    told = len(triples) - is_sized if triples else 0
    return {
        Stream.ADD_LENGTH: write_varints(adds[:told]),
        Stream.EXTRA_LENGTH: write_varints(extras),
        Stream.SEEK: write_varints(map(fold, seeks[:told])),
    }


def _large(target: Content, base: Content) -> Way | None:
    """A patch of a large object. None if nothing of it is in the base."""
    with opened(base) as source, opened(target) as wanted:
        matched = match_anchored(source, wanted)
        wrong, _ = differences(source, wanted, matched)
        triples = worth_copying(matched, wrong, literal_price(wanted))
        if not blocks_of(triples):
            return None
        packed = _control(triples) | pack_sparse(*differences(source, wanted, triples))
        streams: dict[Stream, list[Content]] = {stream: [data] for stream, data in packed.items()}
        streams[Stream.EXTRA] = list(_extra(target, wanted, triples))
    return triples, streams


def _extra(target: Content, wanted: Readable, triples: list[Triple]) -> Iterator[Content]:
    """The bytes that no triple copies: long ones by their place, short ones themselves."""
    # A place in a file crosses between processes in a few bytes, however long the stretch. A part of its own for every
    # short stretch would cost more than its bytes.
    at, short = 0, bytearray()
    for add, extra, _ in triples:
        if extra > LONG_BYTES:
            yield bytes(short)
            yield part_of(target, at + add, extra)
            short.clear()
        else:
            short += wanted.read_at(at + add, extra)
        at += add + extra
    yield bytes(short)
