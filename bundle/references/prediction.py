"""What a new image most likely looks like, given an old one and which of its blocks moved where [F-52].

The triples of a patch say which old bytes became which new ones: an address map. While a block is copied, each
reference in it is rebased by that map. The differences hold only what the map gets wrong. References to one old target
that agree on another new one are corrected together, by a shift of that target.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.references.image import Image
from bundle.references.kinds import Group, Kind, References, origins_of, point, width_of
from bundle.references.scan import find_references
from bundle.references.words import Bytes, Numbers, joined

MAX_SHIFT = 1 << 24  # exclusive; images have no more bytes than that

Blocks = NDArray[np.int64]  # rows of (offset in the old image, offset in the new one, bytes), ascending in the new one


@dataclass(frozen=True)
class Shifts:
    """Old targets that the map gets wrong, and how far each is off. `places`: their indexes among known addresses."""

    places: Numbers
    by: Numbers

    def spread(self, count: int) -> Numbers:
        """How far each of `count` targets is off the map."""
        off = np.zeros(count, np.int64)
        off[self.places] = self.by
        return off


NO_SHIFTS = Shifts(np.empty(0, np.int64), np.empty(0, np.int64))


class AddressMap:
    """Old address -> predicted new address. Where blocks overlap the longest counts. Gaps follow the block before."""

    def __init__(self, blocks: Blocks, old: Image, new: Image) -> None:
        self._old, self._new = old, new
        # The old image is cut at every edge of a block, and each piece is painted with the shift of its block. The
        # longest block paints last, so it stays where several overlap: a long match is rarely a chance one.
        start, target, size = blocks[np.argsort(blocks[:, 2], kind="stable")].T
        self._edges = np.unique(np.concatenate([[0], start, start + size]))
        shifts = np.zeros(len(self._edges), np.int64)
        painted = np.zeros(len(self._edges), bool)
        ends = (np.searchsorted(self._edges, edge).tolist() for edge in (start, start + size))
        for first, end, shift in zip(*ends, (target - start).tolist(), strict=True):
            shifts[first:end] = shift
            painted[first:end] = True
        # What no block covers was deleted or rewritten. References to it most likely moved as the code before it did.
        last = np.maximum.accumulate(np.where(painted, np.arange(len(painted)), 0))
        self._shifts = np.where(painted[last], shifts[last], 0)

    def __call__(self, addresses: Numbers) -> Numbers:
        """Addresses outside the file's bytes move with their stretch, those outside all stretches not at all."""
        offsets = self._old.offsets(addresses)
        moved = addresses.copy()
        inside = offsets >= 0
        at = offsets[inside]
        moved[inside] = self._new.addresses(at + self._shifts[np.searchsorted(self._edges, at, "right") - 1])
        for before, after in zip(self._old.stretches, self._new.stretches, strict=True):
            room = ~inside & (addresses >= before.address) & (addresses < before.address + before.room)
            moved[room] = addresses[room] - before.address + after.address
        return moved


class OldImage:
    """An old image with its references, read once for all that is predicted from it."""

    def __init__(self, data: bytes, image: Image) -> None:
        self.data: Bytes = np.frombuffer(data, np.uint8)
        self.image = image
        self.references: References = find_references(self.data, image)
        self.known: Numbers = joined(*(part for group in self.references for part in group[1:]))

    def aimed(self, address_map: AddressMap, shifts: Shifts) -> References:
        """The references at their old places, with the predicted new addresses of targets and anchors."""
        new = address_map(self.known) + shifts.spread(len(self.known))
        targets, anchors = ([new[np.searchsorted(self.known, group[n])] for group in self.references] for n in (1, 2))
        return tuple(map(Group, (group.where for group in self.references), targets, anchors))

    def predict(self, blocks: Blocks, new: Image, size: int, shifts: Shifts) -> tuple[Bytes, NDArray[np.bool_]]:
        """(the predicted bytes of the new image, which of them a block covers)."""
        aimed = self.aimed(AddressMap(blocks, self.image, new), shifts)
        out, covered = np.zeros(size, np.uint8), np.zeros(size, bool)
        for old, at, length in blocks.tolist():
            out[at : at + length] = self.data[old : old + length]
            covered[at : at + length] = True
        # Only references that lie whole within a block: of one that is cut, the rest may be any bytes.
        for kind, group in zip(Kind, aimed, strict=True):
            moved = carried(blocks, kind, group)
            point(kind, out, moved.where, origins_of(kind, new, moved.where, moved.anchors), moved.targets)
        return out, covered


def carried(blocks: Blocks, kind: Kind, group: Group) -> Group:
    """The references of a kind that blocks carry over whole, and where they then stand in the new image."""
    # For each block a range of indexes in the sorted references; then all ranges one after the other, without a loop.
    old, new, size = blocks.T
    first = np.searchsorted(group.where, old)
    count = np.maximum(np.searchsorted(group.where, old + size - width_of(kind) + 1) - first, 0)
    chosen = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    placed = group.where[chosen] + np.repeat(new - old, count)
    return Group(placed, group.targets[chosen], group.anchors[chosen] if len(group.anchors) else group.anchors)
