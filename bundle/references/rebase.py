"""A patch with rebased references: spec/format.md, section 9 [F-50] to [F-58].

One changed line moves all code behind it. Then every call, load and pointer across the move has other bytes, though
none means anything else. So both sides predict the new image, from the old one, the patch's triples and a few numbers:
the new image's layout, and the shifts of targets that the map gets wrong. The patch holds the differences from that.

Over eight Windows libraries, packed by xz: bsdiff 1,376,128 bytes, the algorithm of Zucchini (Chromium's tool) 855,020,
the prototype of this module 740,135.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bundle.delta.bsdiff import Difference, Triple, apply_triples, make_difference
from bundle.delta.changes import Changes, pack_changes
from bundle.delta.coarse import match_coarsely
from bundle.delta.cost_based_matching import worth_copying
from bundle.errors import Malformed
from bundle.format.index import Stream
from bundle.format.objects import Nothing
from bundle.format.varints import fold, unfold, write_varints
from bundle.references.image import MAX_IMAGE_BYTES, MAX_LAYOUT_NUMBERS, Image, read_image
from bundle.references.kinds import Kind, References, origins_of, point, pointed, width_of
from bundle.references.prediction import MAX_SHIFT, NO_SHIFTS, AddressMap, Blocks, OldImage, Shifts, carried
from bundle.references.scan import find_references
from bundle.references.words import NONE, Bytes, write
from bundle.references.words import Numbers as Places

MAX_SHIFTS = 1 << 20
# Coarse matches after the one with blanked references. Over 78 executables, bytes and seconds (spec/decisions, 0008):
# none 820,718 in 16.6, one 796,181 in 17.0, two 791,908 in 19.5.
COARSE_ROUNDS = 2
BYTES_A_REFERENCE = 50  # an image with a reference in every so many bytes is mostly code
LITERAL_PRICE = 0.65  # packed bytes that a byte of new code costs among extra bytes


class Numbers(NamedTuple):
    """What the streams of places, layouts and skips go on with."""

    places: Iterator[int]
    layouts: Iterator[int]
    skips: Iterator[int]


@dataclass(frozen=True)
class RebasedDifference:
    """A difference from the prediction. Its `diff` is empty: the differing bytes are in the `streams`.

    There they stand with the counts of equal bytes between them, beside the layout and the shifts.
    `is_sure`: the image has so many references that no plain patch is smaller.
    """

    difference: Difference
    streams: dict[Stream, bytes]
    is_sure: bool


def make_rebased(source: bytes, target: bytes) -> RebasedDifference | None:
    """A patch with rebased references. None unless both are images of one machine, with as many stretches."""
    old_image, new_image = read_image(source), read_image(target)
    if old_image is None or new_image is None or old_image.machine != new_image.machine:
        return None
    if len(old_image.stretches) != len(new_image.stretches):
        return None
    # A circle: to find what moved, references must match, and to rebase them one must know what moved. It is begun with
    # all references blanked, and each round knows more. Blanked is the better start: over five libraries 425,141 bytes
    # after two matchings, against 434,385 from the bytes as they are (spec/decisions, 0008).
    old = OldImage(source, old_image)
    wanted = np.frombuffer(target, np.uint8)
    references = find_references(wanted, new_image)
    normal = _normal(wanted, references)
    blocks = _coarse(_blanked(old.data, old.references), _blanked(wanted, references))
    for _ in range(COARSE_ROUNDS):
        blocks = _coarse(_aimed(old, blocks, new_image), normal)
    # Only this last match goes into the patch, so it alone is by bsdiff.
    triples = make_difference(_aimed(old, blocks, new_image).tobytes(), normal.tobytes()).triples
    blocks = _blocks(_rows(triples))
    guess, covered = old.predict(blocks, new_image, len(target), _vote(old, wanted, blocks, new_image))
    # A copy's price depends on the prediction, not on the old bytes: a reference that is predicted right is no change.
    wrong = np.flatnonzero((guess != wanted)[covered])
    return rebased_along(old, wanted, new_image, worth_copying(triples, wrong, LITERAL_PRICE))


def _coarse(source: Bytes, target: Bytes) -> Blocks:
    return np.array(match_coarsely(source, target), np.int64).reshape(-1, 3)


def _aimed(old: OldImage, blocks: Blocks, new: Image) -> Bytes:
    """The old image as if all its references were rebased along these blocks, for matching."""
    return _normal(old.data, old.aimed(AddressMap(blocks, old.image, new), NO_SHIFTS))


def _blanked(data: Bytes, references: References) -> Bytes:
    """The image without what its references say."""
    blank = data.copy()
    for kind, group in zip(Kind, references, strict=True):
        write(blank, group.where, np.zeros_like(group.where), width_of(kind))
    return blank


def _normal(data: Bytes, references: References) -> Bytes:
    """The image with the address of each reference's target in its place, for matching."""
    # Counted from 0, not from where the reference stands: two calls of one function have the same bytes then.
    normal = data.copy()
    for kind, group in zip(Kind, references, strict=True):
        point(kind, normal, group.where, np.zeros_like(group.where), group.targets)
    return normal


def rebased_along(old: OldImage, wanted: Bytes, new: Image, triples: list[Triple]) -> RebasedDifference:
    """The patch that these triples make."""
    blocks = _blocks(_rows(triples))
    shifts = _vote(old, wanted, blocks, new)
    guess, covered = old.predict(blocks, new, len(wanted), shifts)
    streams = _packed(old.image, new, shifts) | pack_changes((wanted - guess)[covered])
    is_sure = sum(len(group.where) for group in old.references) * BYTES_A_REFERENCE > len(old.data)
    return RebasedDifference(Difference(triples, b"", wanted[~covered].tobytes()), streams, is_sure)


def apply_rebased(
    source: bytes,
    size: int,
    triples: Places,
    numbers: Numbers,
    take: Callable[[Stream, int], Iterator[bytes]],
) -> bytes:
    """The target. `triples` are rows, `take` gives the next bytes of a stream.

    Raises Malformed for a source that is no image, and for numbers or triples that do not fit it.
    """
    image = read_image(source)
    if image is None or size > MAX_IMAGE_BYTES:
        raise Malformed("recipe: a patch with rebased references needs an executable image as its source")
    old = OldImage(source, image)
    new, shifts = _placed_anew(image, len(old.known), _read_numbers(numbers))
    blocks = _checked_blocks(triples, len(source), size)
    out, covered = old.predict(blocks, new, size, shifts)
    copied = int(blocks[:, 2].sum())
    changes = Changes(numbers.skips, take)
    places = _placed(blocks, changes.places(copied))
    changes.finish()
    out[places] += changes.values(len(places))
    out[~covered] = np.frombuffer(b"".join(take(Stream.EXTRA, size - copied)), np.uint8)
    return out.tobytes()


def pass_rebased(
    size: int, triples: Places, numbers: Numbers, take: Callable[[Stream, int], Iterator[bytes]]
) -> Iterator[bytes]:
    """Takes from the streams what `apply_rebased` would take, where the source is missing. Raises Malformed."""
    _read_numbers(numbers)
    return apply_triples(Nothing(), size, iter(triples.tolist()), numbers.skips, take)


def _placed(blocks: Blocks, places: Places) -> Places:
    """Where copied bytes, counted over all blocks, stand in the new image."""
    if not len(places):
        return places
    _, new, size = blocks.T
    before = np.cumsum(size) - size
    moved: Places = places + (new - before)[np.searchsorted(before, places, "right") - 1]
    return moved


def _checked_blocks(triples: Places, source_bytes: int, size: int) -> Blocks:
    # Each number is bounded before the sums are made: their sums then cannot overflow 64 bits.
    add, extra, seek = triples.T
    if (np.maximum(add, extra) > size).any() or (np.abs(seek) > source_bytes).any():
        raise Malformed("recipe: a patch reaches beyond its source or its size")
    produced, position = int((add + extra).sum()), np.cumsum(add + seek)
    if produced != size:
        raise Malformed(f"recipe: a patch makes {produced} bytes instead of {size}")
    if ((position - seek) > source_bytes).any() or (position < 0).any() or (position > source_bytes).any():
        raise Malformed("recipe: a patch leaves its source")
    return _blocks(triples)


def _blocks(triples: Places) -> Blocks:
    add, extra, seek = triples.T
    rows = np.stack([np.cumsum(add + seek) - add - seek, np.cumsum(add + extra) - add - extra, add], axis=1)
    blocks: Blocks = rows[add > 0]
    return blocks


def _rows(triples: list[Triple]) -> Places:
    return np.array(triples, np.int64).reshape(-1, 3)


def _vote(old: OldImage, wanted: Bytes, blocks: Blocks, new: Image) -> Shifts:
    """The shift of each old address on which most of the references to it, and from it, agree."""
    # Every reference that was carried over knows where it points in the new image. That is a vote for where its old
    # target went. Pages and low parts have no vote: neither says a whole address.
    address_map = AddressMap(blocks, old.image, new)
    votes = []
    for kind, group in zip(Kind, old.references, strict=True):
        if kind not in (Kind.JUMP, Kind.PAGE, Kind.LOW):
            moved = carried(blocks, kind, group)
            votes.append((moved.targets, pointed(kind, wanted, moved.where, origins_of(kind, new, moved.where, NONE))))
    # A jump says the distance from its table to its target. Neither end is known for sure. First the target is taken
    # from the map and votes for the table. With the tables elected by all their entries, the targets get their votes.
    moved = carried(blocks, Kind.JUMP, old.references[Kind.JUMP])
    distance = pointed(Kind.JUMP, wanted, moved.where, np.zeros_like(moved.where))
    votes.append((moved.anchors, address_map(moved.targets) - distance))
    anchors = address_map(moved.anchors)
    elected = _elect(old, votes, address_map)
    place = np.searchsorted(old.known, moved.anchors)
    anchors = anchors + elected.spread(len(old.known))[place]
    return _elect(old, [*votes, (moved.targets, anchors + distance)], address_map)


def _elect(old: OldImage, votes: list[tuple[Places, Places]], address_map: AddressMap) -> Shifts:
    """The shift with most of the votes (old address, new address). No shift wins against as many votes for one."""
    # A ballot is (address, shift) as one number, so that equal ones can be counted by sorting. At equal counts a shift
    # of 0 comes first, for it costs nothing; then the smallest, so that the choice is one alone.
    before, now = map(np.concatenate, zip(*votes, strict=True))
    shift = now - address_map(before)
    place = np.searchsorted(old.known, before)
    near = (shift > -MAX_SHIFT) & (shift < MAX_SHIFT)
    ballots, count = np.unique(place[near] * (2 * MAX_SHIFT) + shift[near] + MAX_SHIFT, return_counts=True)
    place, shift = ballots // (2 * MAX_SHIFT), ballots % (2 * MAX_SHIFT) - MAX_SHIFT
    order = np.lexsort((shift, shift != 0, -count, place))
    place, shift = place[order], shift[order]
    leads = np.concatenate([[True], np.diff(place) > 0])[: len(place)] & (shift != 0)
    return Shifts(place[leads][:MAX_SHIFTS], shift[leads][:MAX_SHIFTS])


def _packed(old: Image, new: Image, shifts: Shifts) -> dict[Stream, bytes]:
    """The streams of places and layouts [F-53].

    Places: how many shifts there are, then the steps from one to the next. Layouts: how many numbers a layout has,
    their differences from the old ones, then the steps from one shift to the next.
    """
    layout = [after - before for before, after in zip(old.numbers(), new.numbers(), strict=True)]
    places = [len(shifts.places), *np.diff(shifts.places, prepend=0).tolist()]
    steps = np.diff(shifts.by, prepend=0).tolist()
    return {
        Stream.PLACE: write_varints(places),
        Stream.LAYOUT: write_varints([len(layout), *(fold(number) for number in (*layout, *steps))]),
    }


class _Prediction(NamedTuple):
    """What a patch says beside its triples: differences of the layout, which known addresses shift, and how far."""

    layout: list[int]
    places: Places
    by: Places


def _read_numbers(numbers: Numbers) -> _Prediction:
    try:
        length, count = next(numbers.layouts), next(numbers.places)
        if length > MAX_LAYOUT_NUMBERS or count > MAX_SHIFTS:
            raise Malformed("recipe: a layout has too many numbers, or a patch too many shifts")
        layout = [unfold(next(numbers.layouts)) for _ in range(length)]
        at = _sums(next(numbers.places) for _ in range(count))
        return _Prediction(layout, at, _sums(unfold(next(numbers.layouts)) for _ in range(count)))
    except (StopIteration, RuntimeError, OverflowError) as error:
        raise Malformed("recipe: a reference pack is too short") from error


def _placed_anew(old: Image, known: int, said: _Prediction) -> tuple[Image, Shifts]:
    before = old.numbers()
    if len(said.layout) != len(before):
        raise Malformed("recipe: the layout of a new image has another number of stretches than the old one")
    new = old.moved([number + step for number, step in zip(before, said.layout, strict=True)])
    if new is None:
        raise Malformed("recipe: the layout of a new image cannot be")
    if (said.places >= known).any() or (np.diff(said.places) <= 0).any() or (np.abs(said.by) >= MAX_SHIFT).any():
        raise Malformed("recipe: a shift is not of a target, or too far")
    return new, Shifts(said.places, said.by)


def _sums(steps: Iterator[int]) -> Places:
    return np.cumsum(np.fromiter(steps, np.int64))
