"""Finding references by fixed rules, the same on both sides: spec/references.md [F-51], [F-54] to [F-58].

The rules look at byte patterns, not at instructions one after the other. So they may take data for a reference. Both
sides take it alike: a false hit costs bytes, never correctness.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.references import aarch64, elf, pe, x86
from bundle.references.image import Image, Machine
from bundle.references.kinds import Group, Kind, origins_of, pointed, pointer_of, width_of
from bundle.references.pages import Pages
from bundle.references.places import PlaceList, Places, PlaceSet, TooMany
from bundle.references.words import NONE, Numbers

MAX_REFERENCES = 1 << 25  # of an image: two bytes each, and up to six for those of AArch64 [F-81]


@dataclass(frozen=True)
class Anchors:
    """What jumps count from. Those of a table in `tables` from its anchor, others from the last start before them."""

    tables: tuple[elf.Table, ...]
    starts: Places | None

    def of(self, image: Image, where: Numbers) -> Numbers:
        """The address that each jump counts from."""
        found = np.zeros(len(where), np.int64)
        if self.starts is not None and len(self.starts):
            found = image.addresses(self.starts.at(np.maximum(self.starts.before(where + 1) - 1, 0)))
        for table in reversed(self.tables):  # of those that overlap the first counts
            found[table.has(where)] = table.anchor
        return found


@dataclass(frozen=True)
class Found:
    """All references of a kind: where they stand. What they point to follows from their bytes and from this.

    `anchors`: of jumps. `rest`: what a page or a low part does not say itself, as `aarch64.Code` has it.
    """

    kind: Kind
    where: Places
    anchors: Anchors | None = None
    rest: NDArray[np.generic] | None = None

    def group(self, image: Image, indexes: Numbers, where: Numbers, values: Numbers) -> Group:
        """Those with these indexes, which stand at `where` and have these bytes."""
        anchors = self.anchors.of(image, where) if self.anchors else NONE
        origins = origins_of(self.kind, image, where, anchors)
        if self.rest is not None:
            rest = self.rest[indexes].astype(np.int64)
            origins = rest << 12 if self.kind == Kind.LOW else origins + rest
        return Group(where, pointed(self.kind, values, origins), anchors)

    def groups(self, data: Pages, image: Image) -> Iterator[Group]:
        """All of them, some at a time."""
        for indexes, where in self.where.chunks():
            values = data.long(where) if self.kind == Kind.LONG else data.unsigned(where)
            yield self.group(image, indexes, where, values)


References = tuple[Found, ...]  # one of each kind


def find_references(data: Pages, image: Image) -> References:
    """All references in an image, by kind. `data` is the file that it was read from. Raises TooMany [F-81]."""
    # All readers run: those of one format find nothing in an image of the other.
    table = elf.frames(data, image)
    symbols = elf.symbols(data, image)
    here, back = _described(data, image, table)
    long = (at + 8 for names in symbols for at in names.places())
    tables = ((table,) if table else ()) + tuple(symbols)
    jumps: list[Iterable[Numbers]] = [one.places() for one in tables]
    relative, starts = None, None
    if image.machine != Machine.AARCH64:
        relative = _collected(Kind.RELATIVE, data, x86.relatives(data, image))
    if relative is not None and image.machine == Machine.X86_64:
        starts = x86.table_starts(data, image, relative)
        jumps.append(x86.jumps(data, image, starts))
    pointers: dict[Kind, list[Iterable[Numbers]]] = {Kind.SHORT: [], Kind.LONG: []}
    pointers[pointer_of(image)].append(pe.relocations(data, image))
    found = [
        Found(Kind.JUMP, _collected(Kind.JUMP, data, *jumps), Anchors(tables, starts)),
        Found(Kind.RELATIVE, relative if relative is not None else _collected(Kind.RELATIVE, data)),
        Found(Kind.HERE, here),
        Found(Kind.BACK, back),
        Found(Kind.SHORT, _collected(Kind.SHORT, data, pe.exceptions(data, image), *pointers[Kind.SHORT])),
        Found(Kind.LONG, _collected(Kind.LONG, data, *pointers[Kind.LONG], elf.relocations(data, image), long)),
        *_code(data, image),
    ]
    if sum(len(one.where) for one in found) > MAX_REFERENCES:
        raise TooMany
    return tuple(found)


def _described(data: Pages, image: Image, table: elf.Table | None) -> tuple[Places, Places]:
    """What the table of frames leads to: here, back."""
    here, back = PlaceSet(data.size - 3), PlaceList(data.size, width_of(Kind.BACK), MAX_REFERENCES)
    for first, second in elf.described(data, image, table) if table else ():
        here.add(first)
        back.add(second)
    return here.places(width_of(Kind.HERE), MAX_REFERENCES), back.places()


def _collected(kind: Kind, data: Pages, *parts: Iterable[Numbers]) -> Places:
    width = width_of(kind)
    places = PlaceSet(max(0, data.size - width + 1))
    for part in parts:
        for at in part:
            places.add(at)
    return places.places(width, MAX_REFERENCES)


def _code(data: Pages, image: Image) -> Iterator[Found]:
    """Branches, pages and low parts."""
    lists = [PlaceList(data.size, 1, MAX_REFERENCES) for _ in range(3)]
    beyond, of = [np.empty(0, np.uint16)], [np.empty(0, np.uint32)]
    for code in aarch64.find_code(data, image) if image.machine == Machine.AARCH64 else ():
        for places, at in zip(lists, (code.branches, code.pages, code.lows), strict=True):
            places.add(at)
        beyond.append(code.beyond_pages.astype(np.uint16))
        of.append(code.low_pages.astype(np.uint32))
    branches, pages, lows = (places.places() for places in lists)
    yield Found(Kind.BRANCH, branches)
    yield Found(Kind.PAGE, pages, rest=np.concatenate(beyond))
    yield Found(Kind.LOW, lows, rest=np.concatenate(of))
