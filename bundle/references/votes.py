"""Which old addresses the map of a patch gets wrong: their references say so, each with a vote. [F-53]"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bundle.references.image import Image
from bundle.references.kinds import Group, Kind, origins_of, pointed
from bundle.references.places import Places
from bundle.references.prediction import (
    MAX_SHIFT,
    NEAR_KINDS,
    WINDOW_BYTES,
    AddressMap,
    Blocks,
    ScannedImage,
    Shifts,
    carried,
)
from bundle.references.rebase import MAX_SHIFTS
from bundle.references.scan import Found
from bundle.references.words import NONE, Numbers

Votes = list[tuple[Numbers, Numbers]]  # (old addresses, where each is in the new image)


def elect_shifts(old: ScannedImage, known: Places, new: ScannedImage, blocks: Blocks) -> Shifts:
    """The shift of each old address on which most of the references to it, and from it, agree."""
    # Every reference that was carried over knows where it points in the new image. That is a vote for where its old
    # target went. Pages and low parts have no vote: neither says a whole address.
    address_map = AddressMap(blocks, old.image, new.image)
    votes: Votes = [(NONE, NONE)]
    for found in old.references:
        if found.kind not in (Kind.JUMP, Kind.PAGE, Kind.LOW):
            for moved, after, values, rows in _carried(old, new, found, blocks):
                now = pointed(found.kind, values, origins_of(found.kind, new.image, after, NONE))
                counted = _is_mapped(address_map, moved.targets, rows) if found.kind in NEAR_KINDS else slice(None)
                votes.append((moved.targets[counted], now[counted]))
    # A jump says the distance from its table to its target. Neither end is known for sure. First the target is taken
    # from the map and votes for the table. With the tables elected by all their entries, the targets get their votes.
    jumps = []
    for moved, _, values, _ in _carried(old, new, old.references[Kind.JUMP], blocks):
        distance = pointed(Kind.JUMP, values, np.zeros_like(values))
        votes.append((moved.anchors, address_map(moved.targets) - distance))
        jumps.append((moved, distance))
    elected = _elect(old.image, known, votes, address_map)
    for moved, distance in jumps:
        anchors = address_map(moved.anchors) + _shift_of(elected, known.before(old.image.rooms(moved.anchors)))
        votes.append((moved.targets, anchors + distance))
    return _elect(old.image, known, votes, address_map)


def _carried(
    old: ScannedImage, new: ScannedImage, found: Found, blocks: Blocks
) -> Iterator[tuple[Group, Numbers, Numbers, Blocks]]:
    """(references as they are in the old image, where they are in the new one, what stands there, the block of each).

    Some at a time.
    """
    for start in range(0, new.data.size, WINDOW_BYTES):
        # A reference counts where it begins.
        end = min(start + WINDOW_BYTES, new.data.size)
        near = blocks[int(np.searchsorted(blocks[:, 1] + blocks[:, 2], start, "right")) :]
        near = near[: int(np.searchsorted(near[:, 1], end))].astype(np.int64)
        every = carried(near, found.kind, found.where, start, end + 7)
        indexes, before, after, rows = (column[every.after < end] for column in every)
        if found.kind == Kind.LONG:
            group = found.group(old.image, indexes, before, old.data.long(before))
            yield group, after, new.data.long(after), near[rows]
        else:
            group = found.group(old.image, indexes, before, old.data.unsigned(before))
            yield group, after, new.data.unsigned(after), near[rows]


def _is_mapped(address_map: AddressMap, targets: Numbers, blocks: Blocks) -> NDArray[np.bool_]:
    """Which targets move by the map, and so may have a shift [F-139]."""
    near = address_map.beside(targets, blocks)
    mapped: NDArray[np.bool_] = (near < 0) | (near == address_map(targets))
    return mapped


def _shift_of(elected: Shifts, indexes: Numbers) -> Numbers:
    """The shift of known addresses by index."""
    if not len(elected.places):
        return np.zeros_like(indexes)
    at = np.minimum(np.searchsorted(elected.places, indexes), len(elected.places) - 1)
    return np.where(elected.places[at] == indexes, elected.by[at], 0)


def _elect(old: Image, known: Places, votes: Votes, address_map: AddressMap) -> Shifts:
    """The shift with most of the votes (old address, new address). No shift wins against as many votes for one."""
    # A ballot is (address, shift) as one number, so that equal ones can be counted by sorting. At equal counts a shift
    # of 0 comes first, for it costs nothing; then the smallest, so that the choice is one alone.
    ballots = np.concatenate([_ballots(old, known, before, now - address_map(before)) for before, now in votes])
    ballots, count = np.unique(ballots, return_counts=True)
    place, shift = ballots // (2 * MAX_SHIFT), ballots % (2 * MAX_SHIFT) - MAX_SHIFT
    order = np.lexsort((shift, shift != 0, -count, place))
    place, shift = place[order], shift[order]
    leads = np.concatenate([[True], np.diff(place) > 0])[: len(place)] & (shift != 0)
    return Shifts(place[leads][:MAX_SHIFTS], shift[leads][:MAX_SHIFTS])


def _ballots(old: Image, known: Places, before: Numbers, shift: Numbers) -> Numbers:
    rooms = old.rooms(before)
    counted = (rooms >= 0) & (shift > -MAX_SHIFT) & (shift < MAX_SHIFT)
    return known.before(rooms[counted]) * (2 * MAX_SHIFT) + shift[counted] + MAX_SHIFT
