"""What a new image most likely looks like, given an old one and which of its blocks moved where [F-52].

The triples of a patch say which old bytes became which new ones: an address map. While a block is copied, each
reference in it is rebased by that map. The differences hold only what the map gets wrong. References to one old target
that agree on another new one are corrected together, by a shift of that target.

The new image is made window by window. So memory grows with the number of blocks and references, not with the image.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bundle.format.objects import Readable
from bundle.references.image import Image, read_image
from bundle.references.kinds import Group, Kind, origins_of, point, read, width_of
from bundle.references.pages import Pages
from bundle.references.pe import listed_pointers
from bundle.references.places import Places, PlaceSet, TooMany
from bundle.references.scan import References, find_references
from bundle.references.words import Bytes, Numbers

MAX_SHIFT = 1 << 30  # exclusive; images have no more bytes than that
WINDOW_BYTES = 1 << 20  # of the new image, made at once; windows end at its multiples [F-141]
WINDOW_BLOCKS = 1 << 15  # that begin in it, at most
# Around a window. A reference may begin before it, at most 7 bytes, and be an instruction of which another reference,
# at most 7 bytes before that, has written a part.
_MARGIN_BYTES = 16
_PAINTED_BLOCKS = 1 << 14

# Rows of (offset in the old image, offset in the new one, bytes), ascending in the new one.
Blocks = NDArray[np.int64] | NDArray[np.int32]


@dataclass(frozen=True)
class Shifts:
    """Old targets that the map gets wrong, and how far each is off. `places`: their indexes among known addresses."""

    places: Numbers
    by: Numbers


# Kinds whose references mostly lead to what is near, in code that was copied as a whole [F-139].
NEAR_KINDS = (Kind.RELATIVE, Kind.BRANCH)
NO_TABLE: Bytes = np.empty(0, np.uint8)
NO_SHIFTS = Shifts(np.empty(0, np.int64), np.empty(0, np.int64))


class AddressMap:
    """Old address -> predicted new address. Where blocks overlap the longest counts. Gaps follow the block before."""

    def __init__(self, blocks: Blocks, old: Image, new: Image) -> None:
        self._old, self._new = old, new
        # The old image is cut at every edge of a block, and each piece is painted with the shift of its block. The
        # longest block paints last, so it stays where several overlap: a long match is rarely a chance one.
        start, target, size = blocks.T.astype(np.int32)  # half the memory, and enough for any image
        order = np.argsort(size, kind="stable").astype(np.int32)
        self._edges = np.unique(np.concatenate([np.zeros(1, np.int32), start, start + size]))
        self._shifts = np.zeros(len(self._edges), np.int32)
        painted = np.zeros(len(self._edges), bool)
        for some in np.split(order, list(range(_PAINTED_BLOCKS, len(order), _PAINTED_BLOCKS))):
            ends = (np.searchsorted(self._edges, edge).tolist() for edge in (start[some], (start + size)[some]))
            for first, end, shift in zip(*ends, (target - start)[some].tolist(), strict=True):
                self._shifts[first:end] = shift
                painted[first:end] = True
        # What no block covers was deleted or rewritten. References to it most likely moved as the code before it did.
        last = np.maximum.accumulate(np.where(painted, np.arange(len(painted), dtype=np.int32), 0))
        self._shifts = np.where(painted[last], self._shifts[last], 0)

    def beside(self, addresses: Numbers, blocks: Blocks) -> Numbers:
        """The new address of what lies in the block whose row stands beside it. -1 for what does not [F-139]."""
        old, new, size = blocks.T
        offsets = self._old.offsets(addresses)
        inside = (offsets >= old) & (offsets < old + size)
        return np.where(inside, self._new.addresses(np.where(inside, offsets - old + new, 0)), -1)

    def __call__(self, addresses: Numbers) -> Numbers:
        """Addresses outside the file's bytes move with their stretch, those outside all stretches not at all."""
        offsets = self._old.offsets(addresses)
        moved = self._old.moved_rooms(addresses, self._new)
        inside = offsets >= 0
        at = offsets[inside].astype(np.int32)
        moved[inside] = self._new.addresses(
            offsets[inside] + self._shifts[np.searchsorted(self._edges, at, "right") - 1]
        )
        return moved


@dataclass(frozen=True)
class ScannedImage:
    """An image with its references, found once for all that is predicted from it."""

    data: Pages
    image: Image
    references: References

    @cached_property
    def pointers(self) -> Numbers:
        """The offsets of the pointers that its base relocations list."""
        return listed_pointers(self.data, self.image)

    def groups(self) -> Iterator[tuple[Kind, Group]]:
        """All references, some at a time, in the order in which predictions write them."""
        for found in self.references:
            for group in found.groups(self.data, self.image):
                yield found.kind, group

    def known(self) -> Places:
        """The addresses that may have a shift: targets and anchors, counted through the rooms of all stretches."""
        known = PlaceSet(self.image.room)
        for _, group in self.groups():
            known.add(self.image.rooms(group.targets))
            known.add(self.image.rooms(group.anchors))
        return known.places()


def scan(source: Readable) -> ScannedImage | None:
    """The image with its references. None if it is no image, or has too many [F-50], [F-81]."""
    data = Pages(source)
    image = read_image(data)
    try:
        return ScannedImage(data, image, find_references(data, image)) if image else None
    except TooMany:
        return None


class Extended(NamedTuple):
    """A file and what follows it."""

    data: Pages
    behind: Bytes

    def copied(self, start: int, length: int) -> Bytes:
        """So many bytes from there on."""
        inside = max(0, min(length, self.data.size - start))
        if inside == length:
            return self.data.copied(start, length)
        after = self.behind[start + inside - self.data.size : start + length - self.data.size]
        return np.concatenate([self.data.copied(start, inside), after]) if inside else after


class Carried(NamedTuple):
    """References of a kind that blocks carry over whole, and where they then stand in the new image."""

    indexes: Numbers
    before: Numbers
    after: Numbers
    blocks: Numbers  # the row of the block of each


class Prediction:
    """The new image, made from the old one along blocks."""

    def __init__(
        self, old: ScannedImage, new: Image, blocks: Blocks, shifts: Shifts, known: Places, table: Bytes = NO_TABLE
    ) -> None:
        """`known` as the old image has it. It is needed only for the indexes in `shifts`. `table`: what follows the old
        image as a source [F-108].
        """
        self._old, self._new, self._blocks = old, new, blocks
        self._map = AddressMap(blocks, old.image, new)
        self._source = Extended(old.data, table)
        self._shifted, self._by = known.at(shifts.places), shifts.by

    def move(self, addresses: Numbers) -> Numbers:
        """Where old addresses are in the new image."""
        return self._map(addresses) + self._shift(addresses)

    def _shift(self, addresses: Numbers) -> Numbers:
        if not len(self._shifted):
            return np.zeros_like(addresses)
        rooms = self._old.image.rooms(addresses)
        at = np.minimum(np.searchsorted(self._shifted, rooms), len(self._shifted) - 1)
        return np.where(self._shifted[at] == rooms, self._by[at], 0)

    def _move_near(self, addresses: Numbers, blocks: Blocks) -> Numbers:
        """The same for what branches in blocks lead to. What lies in the branch's own block goes with it [F-139]."""
        mapped, near = self._map(addresses), self._map.beside(addresses, blocks)
        return np.where((near < 0) | (near == mapped), mapped + self._shift(addresses), near)

    def relatives(self, inside: Blocks, length: int) -> Carried:
        """The relative references that lie whole within a window of that length, and within its blocks."""
        found = self._old.references[Kind.RELATIVE]
        return carried(inside, found.kind, found.where, 0, length)

    def windows(self, size: int) -> Iterator[tuple[Bytes, Blocks]]:
        """(predicted bytes, the blocks in it) of each window of the new image. Where no block is there are zeros.

        Blocks are cut at the window's ends, and their offset in the new image counts from its start.
        """
        for start, end in self._edges(size):
            first, last = max(0, start - _MARGIN_BYTES), min(size, end + _MARGIN_BYTES)
            near = self._near(first, last)
            out = np.zeros(last - first, np.uint8)
            for old, at, length in _cut(near, first, last).tolist():
                out[at : at + length] = self._source.copied(old, length)
            self._rebase(out, near, first)
            yield out[start - first : end - first], _cut(near, start, end)

    def _edges(self, size: int) -> Iterator[tuple[int, int]]:
        """(start, end) of each window. None has so many blocks that they would take much memory."""
        start, new = 0, self._blocks[:, 1]
        while start < size:
            end = min((start // WINDOW_BYTES + 1) * WINDOW_BYTES, size)
            behind = int(np.searchsorted(new, start)) + WINDOW_BLOCKS
            if behind < len(new):
                end = min(end, int(new[behind]))
            yield start, end
            start = end

    def _near(self, start: int, end: int) -> Blocks:
        """The blocks of which some bytes are in this stretch of the new image."""
        new = self._blocks[:, 1]
        first = max(0, int(np.searchsorted(new, start, "right")) - 1)
        near: Blocks = self._blocks[first : int(np.searchsorted(new, end))].astype(np.int64)
        return near[near[:, 1] + near[:, 2] > start]

    def _rebase(self, out: Bytes, near: Blocks, first: int) -> None:
        """Rebases all references in a stretch of the new image that has the old ones yet."""
        # All are read before the first is written: some overlap.
        moved = []
        for found in self._old.references:
            indexes, before, after, rows = carried(near, found.kind, found.where, first, first + len(out))
            group = found.group(self._old.image, indexes, before, read(found.kind, out, after - first))
            is_near = found.kind in NEAR_KINDS
            targets = self._move_near(group.targets, near[rows]) if is_near else self.move(group.targets)
            moved.append((found.kind, after, targets, self.move(group.anchors)))
        for kind, after, targets, anchors in moved:
            point(kind, out, after - first, origins_of(kind, self._new, after, anchors), targets)


def carried(blocks: Blocks, kind: Kind, where: Places, start: int, end: int) -> Carried:
    """The references of a kind that lie whole within one of these blocks, and whole within a stretch of the new image.

    Of one that is cut, the rest may be any bytes.
    """
    # For each block a range of indexes in the sorted references; then all ranges one after the other, without a loop.
    old, new, size = blocks.T
    width = width_of(kind)
    first = where.before(np.maximum(old, old + start - new))
    last = where.before(np.minimum(old + size, old + end - new) - width + 1)
    count = np.maximum(last - first, 0)
    chosen = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    before = where.at(chosen)
    rows = np.repeat(np.arange(len(blocks)), count)
    return Carried(chosen, before, before + (new - old)[rows], rows)


def _cut(blocks: Blocks, start: int, end: int) -> Blocks:
    """The blocks' parts in a stretch of the new image, counted from its start."""
    old, new, size = blocks.T
    lost = np.maximum(start - new, 0)
    rows = np.stack([old + lost, new + lost - start, np.minimum(size, end - new) - lost], axis=1)
    return rows[rows[:, 2] > 0]
