"""Rebased patches for the second reader: what a new executable image is predicted to be [F-52] [F-53]."""

from bisect import bisect_left, bisect_right

from images import (
    IMAGE_MAX,
    KINDS,
    REFERENCES_MAX,
    Image,
    Reference,
    find_references,
    likes,
    parse_image,
    relocation_table,
    replaced,
    with_stretches,
)
from wire import Cursor, need

KNOWN_MAX = 1_048_576
SHIFT_MAX = 1 << 30
TRIPLES_MAX = 1_048_576
Triples = list[tuple[int, int, int]]


class Blocks:
    """The stretches that triples copy: from which old offset to which new one, and how long."""

    def __init__(self, triples: Triples) -> None:
        self.all: list[tuple[int, int, int]] = []
        new = 0
        for old, copied, extra in triples:
            if copied:
                self.all.append((old, new, copied))
            new += copied + extra
        self._starts, self._moves = self._segments()

    def _segments(self) -> tuple[list[int], list[int | None]]:
        """Old offsets at which the winning block changes: the longest, the later among equals."""
        bounds = sorted({edge for old, _, length in self.all for edge in (old, old + length)})
        moves: list[int | None] = [None] * len(bounds)
        for old, new, length in sorted(self.all, key=lambda block: block[2]):  # stable: later ones write over equals
            for n in range(bisect_left(bounds, old), bisect_left(bounds, old + length)):
                moves[n] = new - old
        last: int | None = None
        for n, move in enumerate(moves):  # behind a covered byte its move holds on
            last = moves[n] = last if move is None else move
        return bounds, moves

    def moved(self, offset: int) -> int:
        n = bisect_right(self._starts, offset) - 1
        return offset + (self._moves[n] or 0) if n >= 0 else offset


def _new_layout(old: Image, layouts: Cursor) -> Image:
    """[F-53]"""
    count = layouts.varint()
    if count == 0:
        return _whole_layout(old, layouts)
    need(count == 1 + 4 * len(old.stretches), "a layout has another count of numbers than the old image")
    base = old.base + layouts.seek()
    stretches = [[value + layouts.seek() for value in (s.offset, s.size, s.address, s.room)] for s in old.stretches]
    new = replaced(old, base, stretches)
    need(new is not None, "a new layout is none of an image")
    assert new is not None
    return new


def _whole_layout(old: Image, layouts: Cursor) -> Image:
    """[F-109]"""
    count = layouts.varint()
    need(1 <= count <= 65 and count != len(old.stretches), "a layout of whole stretches has a wrong count of them")
    base = old.base + layouts.seek()
    new = with_stretches(old, base, [[layouts.varint() for _ in range(5)] for _ in range(count)])
    need(new is not None, "a new layout is none of an image")
    assert new is not None
    return new


def _shifts(known: list[int], places: Cursor, layouts: Cursor) -> dict[int, int]:
    count = places.varint()
    need(count <= KNOWN_MAX, "a rebased patch has too many shifts")
    indexes, at = [], 0
    for n in range(count):
        step = places.varint()
        need(n == 0 or step > 0, "places of shifts do not ascend")
        at += step
        need(at < len(known), "a shift is of an address that is not known")
        indexes.append(at)
    found, shift = {}, 0
    for index in indexes:
        shift += layouts.seek()
        need(abs(shift) < SHIFT_MAX, "a shift is out of bounds")
        found[known[index]] = shift
    return found


def _map(old: Image, new: Image, blocks: Blocks, address: int) -> int:
    offset = old.offset_of(address)
    if offset >= 0:
        return new.address_of(blocks.moved(offset))
    for before, after in zip(old.stretches, likes(old, new), strict=True):
        if before.address <= address < before.address + before.room:
            return address + after.address - before.address if after else address
    return address


def predict(source: bytes, size: int, triples: Triples, end: int, places: Cursor, layouts: Cursor) -> bytearray:
    """The covered bytes of the new image, one block after the other. `end`: the farthest position in the source."""
    old = parse_image(source)
    need(old is not None and size <= IMAGE_MAX, "a rebased patch has no image as source or is too large")
    assert old is not None
    need(len(triples) <= TRIPLES_MAX, "a rebased patch has too many triples")
    references = find_references(old)
    need(len(references) <= REFERENCES_MAX, "an image has too many references")
    anchors = {r.anchor for r in references if r.kind == KINDS["jump"]}
    pointed = {r.target for r in references} | anchors
    known = sorted(address for address in pointed if any(s.holds(address) for s in old.stretches))
    new = _new_layout(old, layouts)
    shifts = _shifts(known, places, layouts)
    blocks = Blocks(triples)
    moved = {address: _map(old, new, blocks, address) + shifts.get(address, 0) for address in pointed}
    whole = source
    if end > len(source):
        whole += relocation_table(old, new, blocks.all)
        need(end <= len(whole), "a rebased patch reads beyond its source")
    covered = bytearray(b"".join(whole[at : at + length] for at, length, _ in triples))
    for kind in range(len(KINDS)):
        _write(covered, [r for r in references if r.kind == kind], blocks, new, moved)
    return covered


def _write(covered: bytearray, references: list[Reference], blocks: Blocks, new: Image, moved: dict[int, int]) -> None:
    offsets = [r.offset for r in references]
    at = 0
    for old, place, length in blocks.all:
        for r in references[bisect_left(offsets, old) : bisect_left(offsets, old + length)]:
            inside = r.offset - old
            if inside + r.size <= length:
                address = new.address_of(place + inside)
                anchor = moved.get(r.anchor, 0)
                start = at + inside
                covered[start : start + r.size] = r.written(
                    bytes(covered[start : start + r.size]), address, anchor, new.base, moved[r.target]
                )
        at += length
