"""Making a patch with rebased references, ashore. spec/references.md [F-50] to [F-58].

Both images are matched as if their references were rebased already. They are read in blocks. In memory are two copies
of them for matching, one byte for each of theirs, and what `bundle.delta` takes for that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bundle.delta.bsdiff import Block, Triple, blocks_of, make_difference, triples_of
from bundle.delta.changes import pack_sparse
from bundle.delta.coarse import match_coarsely
from bundle.delta.cost_based_matching import worth_copying
from bundle.delta.segments import match_closely
from bundle.format.codecs import compressed_size
from bundle.format.index import Stream
from bundle.format.objects import Readable
from bundle.format.varints import fold, write_varints
from bundle.machine_code.patterns import OPERAND_BYTES
from bundle.references.image import Image
from bundle.references.kinds import point, width_of
from bundle.references.pages import BLOCK_BYTES, Pages
from bundle.references.places import Places
from bundle.references.prediction import WINDOW_BYTES, AddressMap, Prediction, ScannedImage, Shifts, scan
from bundle.references.rebase import MAX_TRIPLES, blocks_in
from bundle.references.symbol_rows import paired_rows
from bundle.references.tables import MAX_TABLE_BYTES, predicted_table
from bundle.references.votes import elect_shifts
from bundle.references.words import NONE, Bytes, Numbers, joined, write
from bundle.references.x86 import is_jump, operands

# Coarse matches after the one with blanked references. Over 78 executables, bytes and seconds (spec/decisions, 0008):
# none 820,718 in 16.6, one 796,181 in 17.0, two 791,908 in 19.5.
COARSE_ROUNDS = 2
LONG_BYTES = 64 * 1024  # of extra bytes that are no code: they are told by their place
BYTES_A_REFERENCE = 50  # an image with a reference in every so many bytes is mostly code
TABLE_PRICE = 0.8  # packed bytes that a byte of a table of relocations costs among them
# Packed bytes that a byte of new code costs among extra bytes, and a copy. The more new code there is, the more it
# repeats itself. So where there is much of it the second prices are tried, too (spec/decisions, 0064).
PRICES = ((0.65, 9.0), (0.35, 12.0))
MUCH_BYTES = 32 * 1024


@dataclass(frozen=True)
class RebasedPatch:
    """A patch from the prediction: its triples, its streams but for control numbers, and its extra bytes in parts.

    A long part is the (offset, length) of what the target has there, as it is. `is_sure`: the image has so many
    references that no plain patch is smaller.
    """

    triples: list[Triple]
    streams: dict[Stream, bytes]
    extra: list[bytes | tuple[int, int]]
    is_sure: bool


def make_rebased(source: Readable, target: Readable) -> RebasedPatch | None:
    """A patch with rebased references. None unless both are images of one machine."""
    old, new = scan(source), scan(target)
    if old is None or new is None or old.image.machine != new.image.machine:
        return None
    known = old.known()
    found = _matched(old, new)
    blocks = blocks_in(_rows(found))
    guess = Prediction(old, new.image, blocks, elect_shifts(old, known, new, blocks), known)
    # A copy's price depends on the prediction, not on the old bytes: a reference that is predicted right is no change.
    wrong = _priced(_differences(guess, new.data))
    chosen = [_worth_copying(found, wrong, *PRICES[0])]
    if sum(extra for _, extra, _ in chosen[0]) > MUCH_BYTES:
        chosen.append(_worth_copying(found, wrong, *PRICES[1]))
    ways = [with_table(old, new, triples) for triples in chosen]
    named = [way for way in (with_rows(old, new, way) for way in ways) if way not in ways and len(way) <= MAX_TRIPLES]
    made = [rebased_along(old, known, new, way) for way in [*ways, *named]]
    return min(made, key=lambda patch: _price(patch, new.data)) if len(made) > 1 else made[0]


def _worth_copying(found: list[Triple], wrong: Numbers, literal: float, block: float) -> list[Triple]:
    """The copies that pay at these prices, as many as a patch may have."""
    triples = worth_copying(found, wrong, literal, block)
    while len(triples) > MAX_TRIPLES:
        block *= 2
        triples = worth_copying(found, wrong, literal, block)
    return triples


def with_table(old: ScannedImage, new: ScannedImage, triples: list[Triple]) -> list[Triple]:
    """The same, but the new table of relocations is made from the one that follows from the other triples [F-108]."""
    start, end = new.image.table("relocations")
    rest = [part for block in blocks_of(triples) for part in _outside(block, start, end)]
    rows = np.array(rest, np.int64).reshape(-1, 3)
    table = predicted_table(old, new.image, rows).tobytes()
    if not table or end - start > MAX_TABLE_BYTES:
        return triples
    wanted = new.data.span(start, end).tobytes()
    matched = make_difference(table, wanted)
    wrong = np.flatnonzero(np.frombuffer(matched.diff, np.uint8))
    own = blocks_of(worth_copying(matched.triples, wrong, TABLE_PRICE))
    moved = [Block(block.old + old.data.size, block.new + start, block.size) for block in own]
    made = triples_of(sorted([*rest, *moved], key=_in_new), new.data.size)
    return made if moved and len(made) <= MAX_TRIPLES else triples


def with_rows(old: ScannedImage, new: ScannedImage, triples: list[Triple]) -> list[Triple]:
    """The same, but each symbol is made from the one of its name."""
    blocks = blocks_of(triples)
    for start, end, rows in paired_rows((old.data, old.image), (new.data, new.image)):
        blocks = sorted([*(part for block in blocks for part in _outside(block, start, end)), *rows], key=_in_new)
    return triples_of(blocks, new.data.size)


def _in_new(block: Block) -> int:
    return block.new


def _price(patch: RebasedPatch, wanted: Pages) -> int:
    """What the patch takes in packs, by estimate."""
    whole = (part if isinstance(part, bytes) else wanted.span(part[0], sum(part)).tobytes() for part in patch.extra)
    extra = b"".join(whole)
    columns = [write_varints(map(abs, column)) for column in zip(*patch.triples, strict=True)]
    return sum(map(compressed_size, (extra, *columns, *patch.streams.values())))


def _outside(block: Block, start: int, end: int) -> Iterator[Block]:
    """The parts of a block that make nothing of this stretch of the new image."""
    before = min(block.size, max(0, start - block.new))
    behind = min(block.size, max(0, block.new + block.size - end))
    if end <= start or block.new >= end or block.new + block.size <= start:
        yield block
        return
    if before:
        yield Block(block.old, block.new, before)
    if behind:
        skipped = block.size - behind
        yield Block(block.old + skipped, block.new + skipped, behind)


def rebased_along(old: ScannedImage, known: Places, new: ScannedImage, triples: list[Triple]) -> RebasedPatch:
    """The patch that these triples make."""
    blocks = blocks_in(_rows(triples))
    shifts = elect_shifts(old, known, new, blocks)
    table = predicted_table(old, new.image, blocks.astype(np.int64))
    found = _differences(Prediction(old, new.image, blocks, shifts, known, table), new.data)
    extra, fresh = _without_operands(new, triples)
    absolute, jumps = _operands(old, new, found, np.array(fresh, np.int64))
    counts = write_varints([len(absolute) // OPERAND_BYTES, len(jumps) // OPERAND_BYTES, len(found.marks)])
    streams = _packed(old.image, new.image, shifts) | pack_sparse(found.places, found.changes)
    streams[Stream.LAYOUT] = counts + streams[Stream.LAYOUT]
    streams |= {Stream.OPERAND: absolute, Stream.JUMP: jumps}
    is_sure = sum(len(found.where) for found in old.references) * BYTES_A_REFERENCE > old.data.size
    return RebasedPatch(triples, streams, extra, is_sure)


def _matched(old: ScannedImage, new: ScannedImage) -> list[Triple]:
    """Triples from one image to the other, as if their references were rebased."""
    # A circle: to find what moved, references must match, and to rebase them one must know what moved. It is begun with
    # all references blanked, and each round knows more. Blanked is the better start: over five libraries 425,141 bytes
    # after two matchings, against 434,385 from the bytes as they are (spec/decisions, 0008).
    blocks = _coarse(_blanked(old), _blanked(new))
    normal = _normal(new)
    for _ in range(COARSE_ROUNDS):
        blocks = _coarse(_normal(old, AddressMap(blocks, old.image, new.image)), normal)
    # Only this last match goes into the patch, so it alone is by bsdiff.
    aimed = _normal(old, AddressMap(blocks, old.image, new.image))
    return triples_of(match_closely(aimed, normal, blocks), new.data.size)


def _coarse(source: Bytes, target: Bytes) -> Numbers:
    return np.array(match_coarsely(source, target), np.int64).reshape(-1, 3)


def _whole(data: Pages) -> Bytes:
    whole = np.empty(data.size, np.uint8)
    for start in range(0, data.size, BLOCK_BYTES):
        end = min(start + BLOCK_BYTES, data.size)
        whole[start:end] = data.span(start, end)
    return whole


def _blanked(image: ScannedImage) -> Bytes:
    """The image without what its references say."""
    blank = _whole(image.data)
    for kind, group in image.groups():
        write(blank, group.where, np.zeros_like(group.where), width_of(kind))
    return blank


def _normal(image: ScannedImage, address_map: AddressMap | None = None) -> Bytes:
    """The image with the address of each reference's target in its place, for matching. The map says where to."""
    # Counted from 0, not from where the reference stands: two calls of one function have the same bytes then.
    normal = _whole(image.data)
    for kind, group in image.groups():
        targets = address_map(group.targets) if address_map else group.targets
        point(kind, normal, group.where, np.zeros_like(group.where), targets)
    return normal


class _Differences(NamedTuple):
    """What a prediction gets wrong: which of the copied bytes, counted over all blocks, and what is added to them.

    A relative reference that is wrong is marked: it is in `places` by its first byte alone, and nothing is added to it.
    `marks`: which places these are. `after`, `before`: where they stand in the new image and in the old one [F-142].
    """

    places: Numbers
    changes: Bytes
    marks: Numbers
    after: Numbers
    before: Numbers


def _differences(guess: Prediction, wanted: Pages) -> _Differences:
    found: list[tuple[Numbers, ...]] = []
    changes = [np.empty(0, np.uint8)]
    passed = at = marked = 0
    for out, inside in guess.windows(wanted.size):
        differing = wanted.span(at, at + len(out)) - out
        _, before, after, _ = guess.relatives(inside, len(out))
        wrong = np.zeros(len(after), bool)
        for number in range(OPERAND_BYTES):
            wrong |= differing[after + number] != 0
        before, after = before[wrong], after[wrong]
        for number in range(OPERAND_BYTES):
            differing[after + number] = not number
        covered = np.concatenate([NONE, *(np.arange(n, n + length) for n, length in inside[:, 1:].tolist())])
        places = np.flatnonzero(differing[covered])
        is_mark = np.isin(covered[places], after)
        found.append((places + passed, np.flatnonzero(is_mark) + marked, after + at, before))
        changes.append(differing[covered[places[~is_mark]]])
        passed, at, marked = passed + len(covered), at + len(out), marked + len(places)
    places, marks, after, before = (np.concatenate([NONE, *column]) for column in zip(*found, strict=True))
    return _Differences(places, np.concatenate(changes), marks, after, before)


def _priced(found: _Differences) -> Numbers:
    """The places, and another one for each marked reference: it costs as much as two changes beside each other."""
    return joined(found.places, found.places[found.marks] + 1)


def _without_operands(new: ScannedImage, triples: list[Triple]) -> tuple[list[bytes | tuple[int, int]], list[int]]:
    """(extra bytes without the operands of new code, where those stand) [F-141]."""
    parts: list[bytes | tuple[int, int]] = []
    fresh: list[int] = []
    short = bytearray()
    for start, length in _pieces(triples):
        is_code = bool(new.image.holds_code(np.array([start]))[0])
        if length >= LONG_BYTES and not is_code:
            parts += [bytes(short), (start, length)]
            short.clear()
            continue
        piece = new.data.span(start, start + length).tobytes()
        at = 0
        for operand in operands(new.image.machine, piece) if is_code else ():
            short += piece[at:operand]
            fresh.append(start + operand)
            at = operand + OPERAND_BYTES
        short += piece[at:]
    return [*parts, bytes(short)], fresh


def _pieces(triples: list[Triple]) -> Iterator[tuple[int, int]]:
    """(offset in the new image, length) of what no block covers, cut where windows end."""
    at = 0
    for add, extra, _ in triples:
        at += add
        end = at + extra
        while at < end:
            cut = min(end, (at // WINDOW_BYTES + 1) * WINDOW_BYTES)
            yield at, cut - at
            at = cut


def _operands(old: ScannedImage, new: ScannedImage, found: _Differences, fresh: Numbers) -> tuple[bytes, bytes]:
    """The streams of operands and of jumps [F-140]."""
    where = np.concatenate([fresh, found.after])
    jumps = is_jump(np.concatenate([new.data.byte(fresh - 1), old.data.byte(found.before - 1)]))
    order = np.argsort(where)
    where, jumps = where[order], jumps[order]
    values = new.data.unsigned(where)
    values += np.where(jumps, 0, new.image.addresses(where) + OPERAND_BYTES)
    packed = (values & 0xFFFFFFFF).astype(">u4")
    return packed[~jumps].tobytes(), packed[jumps].tobytes()


def _rows(triples: list[Triple]) -> Numbers:
    return np.array(triples, np.int64).reshape(-1, 3)


def _packed(old: Image, new: Image, shifts: Shifts) -> dict[Stream, bytes]:
    """The streams of places and layouts [F-53].

    Places: how many shifts there are, then the steps from one to the next. Layouts: how many numbers a layout has,
    their differences from the old ones, then the steps from one shift to the next.
    """
    if len(old.stretches) == len(new.stretches):
        layout = [after - before for before, after in zip(old.numbers(), new.numbers(), strict=True)]
        layouts = [len(layout), *map(fold, layout)]
    else:
        layouts = [0, len(new.stretches), fold(new.base - old.base), *new.whole_numbers()]
    places = [len(shifts.places), *np.diff(shifts.places, prepend=0).tolist()]
    steps = np.diff(shifts.by, prepend=0).tolist()
    return {
        Stream.PLACE: write_varints(places),
        Stream.LAYOUT: write_varints([*layouts, *map(fold, steps)]),
    }
